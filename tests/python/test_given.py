"""Lines given other lines, cuts, and each line given the others: program, package and twin."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import json

import numpy as np
import pytest
from astropy.table import Table

import starglow as sg

HALPHA, NII, WEAK = (sg.LINES.index(name) for name in ("HALPHA", "NII_6584", "NII_6548"))
CUT = "HBETA,OIII_5007,HALPHA,NII_6584 > 0"


@pytest.fixture(scope="module")
def table(mock):
    return sg.read_table(mock)


def columns(path, suffix="_EW"):
    t = Table.read(path, hdu="GALAXIES")
    return np.stack([t[f"{line}{suffix}"] for line in sg.LINES], axis=1), np.asarray(t["FLAGS"])


@pytest.mark.parametrize("given", ["HALPHA", "OII_DOUBLET,HBETA", "NII_6548"])
def test_the_program_and_the_package_agree(starglow, mock, table, tmp_path, given):
    out = tmp_path / "o.fits"
    done = starglow("predict", mock, "--given", given, "-o", out)
    assert done.returncode == 0, done.stderr
    ew, flags = columns(out)
    p = sg.Model.shipped().predict(table, given=given.split(","))
    assert np.array_equal(ew, p.ew.astype("f4"), equal_nan=True) and np.array_equal(flags, p.flags)
    assert (flags & (1 << 17)).any() and "CONDITIONED" in done.stderr
    arrays = {n: (table.ew[:, sg.LINES.index(n)], table.ew_ivar[:, sg.LINES.index(n)]) for n in given.split(",")}
    q = sg.Model.shipped().predict(table.band_flux, table.z, targetid=table.targetid, given=arrays)
    assert np.array_equal(q.p84, p.p84, equal_nan=True)


def test_selected_by_program_and_package(starglow, mock, table, tmp_path):
    out = tmp_path / "o.fits"
    assert starglow("predict", mock, "--selected", CUT, "-o", out).returncode == 0
    p = sg.Model.shipped().predict(table, selected=CUT)
    ew, flags = columns(out)
    assert np.array_equal(ew, p.ew.astype("f4"), equal_nan=True) and np.array_equal(flags, p.flags)
    plain = sg.Model.shipped().predict(table)
    assert (p.p16[:, HALPHA] >= plain.p16[:, HALPHA]).all() and (p.p16[:, HALPHA] > plain.p16[:, HALPHA]).any()


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--given", "HALFA"], 2, "HALFA"),
        (["--given", "HALPHA,HALPHA"], 2, "twice"),
        (["--selected", "HALPHA above 3"], 2, "selection"),
        (["--selected", "HALFA > 3"], 2, "HALFA"),
    ],
)
def test_bad_conditions_of_the_program(starglow, mock, tmp_path, arguments, code, words):
    done = starglow("predict", mock, *arguments, "-o", tmp_path / "o.fits")
    assert done.returncode == code and words in done.stderr and not (tmp_path / "o.fits").exists()


def test_given_lines_that_the_table_lacks(starglow, tmp_path):
    assert starglow("mock", "-n", 20, "-o", tmp_path / "m.fits").returncode == 0
    done = starglow("predict", tmp_path / "m.fits", "--given", "HALPHA", "-o", tmp_path / "o.fits")
    assert done.returncode == 3 and "HALPHA_EW" in done.stderr


def test_bad_conditions_of_the_package(table):
    model = sg.Model.shipped()
    for given in ({"HALFA": (1, 1)}, {"HALPHA": 3.0}, {"HALPHA": (np.ones(3), 1)}, [], {}):
        with pytest.raises(ValueError):
            model.predict(table, given=given)
    with pytest.raises(ValueError):
        model.predict(table.band_flux, table.z, given=["HALPHA"])
    with pytest.raises(ValueError):
        model.predict(table, selected="HALPHA ?")


def test_nothing_given_changes_nothing(table):
    model = sg.Model.shipped()
    plain = model.predict(table, draws=2)
    same = model.predict(
        table, draws=2, given={"HALPHA": (5.0, 0.0), "HBETA": (np.nan, 4.0), "NII_6584": (1.0, np.inf)}
    )
    assert np.array_equal(plain.ew, same.ew, equal_nan=True) and np.array_equal(plain.draws, same.draws, equal_nan=True)
    assert np.array_equal(plain.flags, same.flags)


def test_leave_one_out(starglow, mock, tmp_path):
    done = starglow(
        "evaluate", mock, "--leave-one-out", "--bootstrap", 0, "--draws", 0, "--json", tmp_path / "s.json",
        "--write-predictions", tmp_path / "p.fits",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "s.json").read_text())["given_the_others"]
    pulls = np.asarray(Table.read(tmp_path / "p.fits", hdu="GALAXIES")["HALPHA_EW_GIVEN_PULL"])
    # Mock lines are draws of the model with its own noise: pulls are standard normal.
    assert scores["HALPHA"]["n"] == np.isfinite(pulls).sum() > 500
    assert abs(np.nanmedian(pulls)) < 0.15 and abs(scores["HALPHA"]["width"] - 1) < 0.12
    done = starglow("evaluate", mock, "--leave-one-out", "--columns", "_X", "--bootstrap", 0)
    assert done.returncode == 2


class TestTwin:
    """In double precision; the answers of C++ with networks in double."""

    @pytest.fixture(scope="class", autouse=True)
    def x64(self):
        jax = pytest.importorskip("jax")
        with jax.enable_x64(True):
            yield

    @pytest.fixture(scope="class")
    def distribution(self, x64, table):
        import starglow.jax as sgj

        g = table[:64]
        weights = sgj.load(dtype="float64")
        return g, weights, sgj.distribution(weights, g.band_flux, g.z, targetid=g.targetid)

    @pytest.mark.parametrize("given", [("HALPHA",), ("OII_DOUBLET", "HBETA", "NII_6548")])
    def test_given(self, distribution, given):
        import starglow.jax as sgj

        g, _, d = distribution
        ew, ivar = np.zeros((64, 10)), np.zeros((64, 10))
        for name in given:
            k = sg.LINES.index(name)
            ew[:, k], ivar[:, k] = g.ew[:, k], g.ew_ivar[:, k]
        ivar[::9] = 0
        p = sg.Model.shipped().predict(
            g, given={n: (ew[:, sg.LINES.index(n)], ivar[:, sg.LINES.index(n)]) for n in given}, float64=True
        )
        q = sgj.condition(d, ew, ivar, lines=given)
        for want, got in ((p.ew, 0.5), (p.p84, 0.8413447460685429)):
            got = np.asarray(sgj.quantile(q, got))
            assert np.nanmax(np.abs(got - want) / (np.abs(want) + 0.01)) < 1e-7
        both = sgj.condition(d, ew, ivar)  # the others say nothing
        assert np.allclose(both.weight, q.weight, atol=1e-9) and np.allclose(both.mean, q.mean, atol=1e-8)

    def test_draws(self, distribution):
        import starglow.jax as sgj

        g, _, d = distribution
        ew, ivar = np.zeros((64, 10)), np.zeros((64, 10))
        ew[:, HALPHA], ivar[:, HALPHA] = g.ew[:, HALPHA], g.ew_ivar[:, HALPHA]
        p = sg.Model.shipped().predict(g, given=["HALPHA"], draws=16, seed=3)
        got = np.asarray(sgj.draw(sgj.condition(d, ew, ivar, lines=["HALPHA"]), g.targetid, draws=16, seed=3))
        apart = np.abs(got - p.draws) / (np.abs(p.draws) + 0.01)
        assert np.nanmedian(apart) < 1e-5 and np.nanmean(apart > 1e-3) < 2e-3

    def test_selected(self, distribution):
        import starglow.jax as sgj
        from starglow.jax.draws import noise_source

        g, weights, d = distribution
        plain = np.asarray(sgj.quantile(d, 0.5))
        sigma = np.array(sgj.sigma_ew(weights, plain, g.band_flux, g.z))
        for k in range(10):
            source, factor = noise_source(k)
            there = g.ew_ivar[:, source] > 0
            sigma[there, k] = factor / np.sqrt(g.ew_ivar[there, source])
        for cut in (CUT, "SNR(HALPHA,NII_6548) > 2 and HALPHA > 1"):
            p = sg.Model.shipped().predict(g, selected=cut, float64=True)
            got = np.asarray(sgj.quantile(sgj.select(d, cut, sigma), 0.5))
            assert np.nanmax(np.abs(got - p.ew) / (np.abs(p.ew) + 0.01)) < 1e-6
        with pytest.raises(ValueError):
            sgj.select(d, "HALPHA ?", sigma)

    def test_derivatives(self, distribution):
        import jax

        import starglow.jax as sgj

        g, weights, _ = distribution
        ivar = np.zeros(10)
        ivar[[HALPHA, 0]] = 2.0

        def median(flux, ew):
            d = sgj.distribution(weights, flux, g.z[0])
            return sgj.quantile(sgj.condition(d, ew, ivar, lines=("HALPHA", "OII_DOUBLET")), 0.5)

        flux, ew = np.asarray(g.band_flux[0], float), np.full(10, 9.0)
        by_flux, by_ew = jax.jacrev(median, (0, 1))(flux, ew)
        for slope, x, at, k in ((by_flux, flux, 0, 5), (by_ew, ew, 1, HALPHA), (by_ew, ew, 1, 0)):
            h = 1e-5 * x[k]
            step = np.zeros_like(x)
            step[k] = h
            up, down = ([flux, ew], [flux, ew])
            up[at], down[at] = x + step, x - step
            difference = (median(*up) - median(*down)) / (2 * h)
            assert np.allclose(slope[:, k], difference, rtol=1e-6, atol=1e-6)
