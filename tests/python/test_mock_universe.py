"""The preset universe and histories of one's own: program and package alike, and what astronomers expect."""

import numpy as np
import pytest
from astropy.table import Table

import starglow as sg

HALPHA, HBETA = (sg.LINES.index(line) for line in ("HALPHA", "HBETA"))
TIMES = np.concatenate([np.linspace(0.1, 10.5, 80), np.linspace(10.52, 11.1, 200)])
T_OBS = 11.0


def _histories(n=4):
    sfr = np.where(TIMES > 1, 1.0, 0.0) * np.ones((n, 1))
    sfr[1, TIMES > T_OBS - 0.1] = 0  # stopped 100 Myr ago
    sfr[2, TIMES > T_OBS - 0.1] = 5
    return {
        "z": np.full(n, 0.1),
        "t_obs": np.full(n, T_OBS),
        "lgmet": np.full(n, -1.8),
        "av": np.full(n, 0.4),
        "sfr": sfr,
        "sfh_time": TIMES,
        "targetid": np.arange(7, 7 + n),
    }


def test_the_preset_in_the_program_and_the_package(starglow, tmp_path):
    out = tmp_path / "u.fits"
    done = starglow("mock", "--preset", "universe", "-n", 60, "--seed", 4, "-o", out)
    assert done.returncode == 0, done.stderr
    t = Table.read(out, hdu="GALAXIES")
    m = sg.mock_stars(60, seed=4, preset="universe")
    assert np.array_equal(t["BAND_FLUX"], m.galaxies.band_flux) and np.array_equal(t["FLAGS"], m.lines.flags)
    assert np.array_equal(t["WEIGHT"], m.weight) and np.array_equal(t["HALPHA_LUM"], m.luminosity[:, HALPHA])
    assert np.array_equal(np.char.strip(t["CLASS"].astype(str)) == "star-forming", m.star_forming)
    assert t.meta["APERTURE"].strip() == "total" and t["WEIGHT"].unit == "Mpc-3"
    assert starglow("mock", "--preset", "milky-way", "-n", 3, "-o", tmp_path / "no.fits").returncode == 2
    assert starglow("mock", "--preset", "universe", "sfh=tau", "-n", 3, "-o", tmp_path / "no.fits").returncode == 2


def test_a_volume_of_galaxies():
    m = sg.mock_stars(4000, preset="universe")
    mass, own = m.parameters["lgmass"], m.halpha_ew_caseb
    assert np.allclose(np.log10(m.mass_surviving), mass, atol=0.02)
    assert (m.luminosity[:, HALPHA] > m.halpha_lum_caseb)[own > 3].mean() <= 0.01
    massive, light = (mass > 11), (mass < 9)
    assert (~m.star_forming)[massive].mean() > 0.5 > 0.1 > (~m.star_forming)[light].mean()
    per_rate = np.log10(m.halpha_lum_caseb / m.sfr10)[m.star_forming]
    assert abs(per_rate.mean() - 41.31) < 0.12
    # densities: Baldry et al. 2012 count 0.0055 galaxies per Mpc^3 and dex at 10^10.2
    near = np.abs(mass - 10.2) < 0.2
    assert abs(np.log10(m.weight[near].sum() / 0.4 / 0.0055)) < 0.1


def test_histories_follow_their_photons(starglow, tmp_path):
    given = _histories()
    m = sg.mock_stars(histories=given)
    assert list(m.galaxies.targetid) == [7, 8, 9, 10] and list(m.star_forming) == [True, False, True, True]
    ew = m.lines.ew[:, HALPHA]
    assert ew[1] < 3 < 20 < ew[0] < ew[2]
    assert np.allclose(m.sfr10, [1, 0, 5, 1], atol=0.05)
    assert np.array_equal(m.lines.ew[0], m.lines.ew[3])
    columns = {k.upper(): v for k, v in given.items()} | {"SFH_TIME": np.tile(TIMES, (4, 1))}
    Table(columns).write(tmp_path / "h.fits")
    import h5py

    with h5py.File(tmp_path / "h.h5", "w") as file:
        for name, values in given.items():
            file[name.upper()] = values
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), tmp_path / "h.parquet")
    for name in ("h.fits", "h.h5", "h.parquet"):
        again = sg.mock_stars(histories=tmp_path / name)
        assert np.array_equal(again.draw, m.draw) and np.array_equal(again.galaxies.targetid, m.galaxies.targetid)
    for name in ("h.fits", "h.h5"):
        done = starglow("mock", "--histories", tmp_path / name, "-o", tmp_path / "lines.fits", "--overwrite")
        assert done.returncode == 0, done.stderr
        t = Table.read(tmp_path / "lines.fits", hdu="GALAXIES")
        assert np.array_equal(t["HALPHA_LUM"], m.luminosity[:, HALPHA]) and list(t["TARGETID"]) == [7, 8, 9, 10]


def test_metals_and_dust_of_the_gas():
    given = {k: v if k == "sfh_time" else v[:1] for k, v in _histories().items()}  # one that is forming stars
    many = {k: v if k == "sfh_time" else np.repeat(v, 200, axis=0) for k, v in given.items()}
    many["targetid"] = np.arange(1, 201)
    nii = sg.LINES.index("NII_6584")
    poor, rich = (sg.mock_stars(histories=many | {"lgmet": np.full(200, z)}) for z in (-2.45, -1.5))
    ratio = [np.median(np.log10(m.draw[:, nii] / m.draw[:, HALPHA])) for m in (poor, rich)]
    assert ratio[1] - ratio[0] > 0.3
    decrement = []
    for av in (0.0, 1.0, 2.0):
        m = sg.mock_stars(histories=many | {"av": np.full(200, av)})
        of = m.luminosity[:, HALPHA] / m.luminosity[:, HBETA]
        assert of.min() > 2.80
        decrement.append(np.median(np.log10(of)))
    assert np.allclose(np.diff(decrement), 0.285, atol=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sfr": np.ones((4, 5))}, "shape"),
        ({"lgmet": np.full(3, -1.8)}, "shape"),
        ({"sfh_time": np.ones((4, 280)) * np.arange(1, 5)[:, None]}, "differ"),
        ({"sfh_time": TIMES[::-1]}, "ascend"),
        ({"z": ["a", "b", "c", "d"]}, "numbers"),
    ],
)
def test_bad_histories(change, says):
    with pytest.raises(ValueError, match=says):
        sg.mock_stars(histories=_histories() | change)


def test_histories_that_lack_something(starglow, tmp_path):
    given = _histories()
    with pytest.raises(ValueError, match="lgmet"):
        sg.mock_stars(histories={k: v for k, v in given.items() if k != "lgmet"})
    with pytest.raises(ValueError, match="not drawn"):
        sg.mock_stars(5, histories=given)
    given["sfr"][0, 3] = -1
    m = sg.mock_stars(histories=given)
    assert m.lines.flags[0] & 1 and np.isnan(m.draw[0]).all() and np.isfinite(m.draw[1:]).all()
    Table({"Z": [0.1], "LGMET": [-1.8]}).write(tmp_path / "h.fits")
    done = starglow("mock", "--histories", tmp_path / "h.fits", "-o", tmp_path / "o.fits")
    assert done.returncode == 3 and "SFR" in done.stderr
