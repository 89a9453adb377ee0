"""The package: the same bits as the command line, arrays of any layout, and conversions that lose nothing."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from astropy.table import Table

import starglow as sg


@pytest.fixture(scope="module")
def model():
    return sg.Model.shipped()


@pytest.fixture(scope="module")
def galaxies():
    return sg.mock(1500, seed=3)


def test_import_needs_numpy_alone():
    others = ("jax", "pandas", "astropy", "pyarrow", "matplotlib", "dask", "scipy")
    code = f"import sys, starglow; print([m for m in {others} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_program_comes_along(binary):
    from pathlib import Path

    installed = Path(sys.executable).parent / "starglow"
    run = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith(f"starglow {sg.__version__} ")


def test_bits_are_the_command_lines(starglow, mock, tmp_path, model):
    run = starglow("predict", mock, "-o", tmp_path / "o.fits", "--draws", 5, "--noise", "--seed", 9)
    assert run.returncode == 0, run.stderr
    out = Table.read(tmp_path / "o.fits", hdu="GALAXIES")
    g = sg.read_table(mock)
    p = model.predict(g, draws=5, noise=True, seed=9)
    for k, line in enumerate(sg.LINES):
        for suffix, values in (
            ("_EW", p.ew),
            ("_EW_P16", p.p16),
            ("_EW_P84", p.p84),
            ("_EW_DRAW", p.draws),
            ("_EW_NOISY", p.noisy),
        ):
            np.testing.assert_array_equal(
                np.asarray(out[line + suffix]), values[:, k].astype(np.float32), err_msg=line + suffix
            )
    np.testing.assert_array_equal(out["FLAGS"], p.flags)
    np.testing.assert_array_equal(model.sample(g, draws=5, seed=9), p.draws)
    sg.write_table(tmp_path / "written.fits", g, p, model=model, seed=9, inputs=[mock])
    again = Table.read(tmp_path / "written.fits", hdu="GALAXIES")
    assert again.colnames == out.colnames
    for name in out.colnames:
        np.testing.assert_array_equal(again[name], out[name])
        assert again[name].unit == out[name].unit


def test_any_layout_gives_the_same_bits(model, galaxies):
    f, z = galaxies.band_flux, galaxies.z
    reference = model.predict(f, z).ew
    wide = np.zeros((len(f), 24))
    wide[:, ::2] = f
    for flux in (
        np.asfortranarray(f),
        wide[:, ::2],
        f[::-1][::-1],
        f.astype(">f8"),
        f.tolist(),
        np.ma.masked_invalid(f),
    ):
        np.testing.assert_array_equal(model.predict(flux, z.astype(">f8")).ew, reference)
    np.testing.assert_array_equal(model.predict(f[::-1], z[::-1]).ew, reference[::-1])
    single = f.astype(np.float32)
    np.testing.assert_array_equal(model.predict(single, z).ew, model.predict(single.astype(np.float64), z).ew)
    for threads in (1, 2, 5):
        np.testing.assert_array_equal(model.predict(f, z, threads=threads).ew, reference)


def test_tables_come_and_go_unchanged(model, galaxies, tmp_path):
    g = sg.Galaxies(
        galaxies.band_flux,
        galaxies.z,
        galaxies.band_flux_ivar,
        targetid=galaxies.targetid + 2**60,
        ew=np.abs(model.predict(galaxies).ew),
        ew_ivar=np.ones((1500, 10)),
        survey=["sv3"] * 1500,
        program=["bright"] * 1500,
        conventions=galaxies.conventions,
    )
    sg.write_table(tmp_path / "t.fits", g)
    for other in (
        sg.read_table(tmp_path / "t.fits"),
        sg.galaxies(sg.to_astropy(g)),
        sg.galaxies(sg.to_pandas(g)),
        sg.galaxies(Table.read(tmp_path / "t.fits", hdu="GALAXIES")),
    ):
        for name in ("band_flux", "band_flux_ivar", "z", "targetid"):
            np.testing.assert_array_equal(getattr(other, name), getattr(g, name))
        np.testing.assert_array_equal(other.ew, g.ew.astype(np.float32))
        assert other.survey == g.survey and other.program == g.program and len(other) == 1500
        assert other.conventions["APERTURE"] == "fibre"
    some = sg.read_table(tmp_path / "t.fits", first=10, count=5)
    np.testing.assert_array_equal(some.targetid, g[10:15].targetid)
    assert len(g[g.z > 0.1]) == (g.z > 0.1).sum()


def test_derivatives_are_those_of_the_answers(model, galaxies):
    f, z = galaxies.band_flux[:40], galaxies.z[:40]
    j = model.jacobian(f, z)
    rng = np.random.default_rng(1)
    d = rng.normal(size=f.shape) * f
    numeric = (model.predict(f + 1e-6 * d, z, float64=True).ew - model.predict(f - 1e-6 * d, z, float64=True).ew) / 2e-6
    np.testing.assert_allclose(model.jvp(f, z, d_flux=d), np.einsum("nlb,nb->nl", j, d), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.jvp(f, z, d_flux=d), numeric, rtol=1e-5, atol=1e-6)
    w = rng.normal(size=(40, 10))
    np.testing.assert_allclose(model.vjp(f, z, d_ew=w), np.einsum("nlb,nl->nb", j, w), rtol=1e-12, atol=1e-12)


def test_a_model_travels(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    for other in (sg.Model.load(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(model))):
        assert other.hash == model.hash and other.kind == "joint" and other.n_params == model.n_params


def test_threads_of_python_share_a_model(model, galaxies):
    from concurrent.futures import ThreadPoolExecutor

    reference = model.predict(galaxies).ew
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: model.predict(galaxies).ew, range(12)):
            np.testing.assert_array_equal(answer, reference)


def test_a_forked_child_predicts(model, galaxies):
    """The pool's threads stay with the parent."""
    import os

    reference = model.predict(galaxies, threads=2).ew
    child = os.fork()
    if child == 0:
        os._exit(0 if (model.predict(galaxies, threads=2).ew == reference).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_models_of_earlier_versions_stay(starglow, tmp_path):
    old, new = sg.Model.shipped("0.1"), sg.Model.shipped()
    assert old.hash != new.hash
    galaxies = sg.mock(20, seed=1)
    sg.write_table(tmp_path / "t.fits", galaxies)
    run = starglow("predict", tmp_path / "t.fits", "-o", tmp_path / "o.fits", "--model", "joint-0.1")
    assert run.returncode == 0, run.stderr
    p = old.predict(galaxies.band_flux, galaxies.z, targetid=galaxies.targetid)
    assert np.array_equal(Table.read(tmp_path / "o.fits", hdu="GALAXIES")["HALPHA_EW"], p.ew[:, 6].astype("f4"))
    with pytest.raises(sg.Error, match="0.1"):
        sg.Model.shipped("0.3")
