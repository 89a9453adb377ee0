"""Models with lines of their own: from the table to training, prediction, evaluation, painting, Python and JAX."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from test_paint import WAVE, write_continua

FOUR = ("HBETA", "OIII_5007", "HALPHA", "HEI_5876")


@pytest.fixture(scope="module")
def four(starglow, tmp_path_factory):
    """A table with four lines that the colours tell, one of them none of the ten, and a model of them."""
    folder = tmp_path_factory.mktemp("lines")
    n, rng = 600, np.random.default_rng(11)
    t = Table(meta={"APERTURE": "fibre", "MWCORR": "T", "VACUUM": "T", "FLUXSCAL": "absolute"})
    t["TARGETID"] = np.arange(n)
    t["Z"] = rng.uniform(0.05, 0.2, n)
    colour = rng.normal(size=n)
    band = np.arange(12) / 11
    t["BAND_FLUX"] = 10 * np.exp(0.2 * colour[:, None] * band + 0.02 * rng.normal(size=(n, 12)))
    common = rng.normal(size=n)
    for k, line in enumerate(FOUR):
        strength = 2.5 - 0.7 * colour - 0.4 * k + 0.25 * common + 0.1 * rng.normal(size=n)
        ew = np.sinh(np.maximum(strength, 0)) + 0.3 * rng.normal(size=n)
        t[f"{line}_EW"] = ew.astype(np.float32)
        t[f"{line}_EW_IVAR"] = np.full(n, 1 / 0.3**2, np.float32)
    t.write(folder / "t.fits")
    small = ["--epochs", "60", "--sibling-epochs", "30", "--joint-epochs", "60", "--sibling-joint-epochs", "20"]
    small += ["--members", "1", "--sibling-members", "1", "--point-members", "2", "--sibling-point-members", "2"]
    small += ["--hidden", "16", "--calibration-folds", "2", "--width-epochs", "10", "--negative", "true"]
    done = starglow("train", folder / "t.fits", "-o", folder / "m.safetensors", "--lines", ",".join(FOUR), *small)
    assert done.returncode == 0, done.stderr
    assert "not used for training" not in done.stderr
    return folder, t


def predicted(starglow, folder, *options, table="t.fits"):
    done = starglow(
        "predict", folder / table, "-o", folder / "p.fits", "--model", folder / "m.safetensors", "--overwrite", *options
    )
    assert done.returncode == 0, done.stderr
    return Table.read(folder / "p.fits")


def test_the_file_says_its_lines(starglow, four):
    folder, _ = four
    said = json.loads(starglow("inspect", folder / "m.safetensors", "--json").stdout)
    assert said["metadata"]["lines"] == "HBETA,OIII_5007,HALPHA,HEI_5876"
    assert {t["name"]: t["shape"] for t in said["tensors"]}["full.joint_factor"] == [2, 4, 4]


def test_predictions_have_these_lines_and_no_other(starglow, four):
    folder, t = four
    p = predicted(starglow, folder, "--draws", 16, "--noise")
    names = [name.removesuffix("_EW") for name in p.colnames if name.endswith("_EW")]
    assert tuple(names) == FOUR
    assert not any(name.startswith(("NII", "OII_")) for name in p.colnames)
    for line in FOUR:
        truth, answer = np.arcsinh(t[f"{line}_EW"]), np.arcsinh(p[f"{line}_EW"])
        assert np.corrcoef(truth, answer)[0, 1] > 0.8, line
        inside = (t[f"{line}_EW"] > p[f"{line}_EW_P16"]) & (t[f"{line}_EW"] < p[f"{line}_EW_P84"])
        assert 0.4 < inside.mean() < 0.85, line
        assert p[f"{line}_EW_DRAW"].shape == (len(t), 16)
        assert np.all(np.isfinite(p[f"{line}_EW_DRAW"])) and np.all(np.isfinite(p[f"{line}_EW_NOISY"]))
    draws = np.arcsinh(np.asarray([p[f"{line}_EW_DRAW"] for line in FOUR]))
    residual = (draws - draws.mean(-1, keepdims=True)).reshape(4, -1)
    assert np.corrcoef(residual)[0, 2] > 0.3  # what they have in common beside the colours
    assert "P_LINELESS" in p.colnames


def test_a_given_line_moves_the_others(starglow, four):
    folder, t = four
    plain, given = predicted(starglow, folder), predicted(starglow, folder, "--given", "HEI_5876,HALPHA")
    error = [np.std(np.arcsinh(p["HBETA_EW"]) - np.arcsinh(t["HBETA_EW"])) for p in (plain, given)]
    assert error[1] < 0.9 * error[0]
    cut = predicted(starglow, folder, "--selected", "HEI_5876 > 1")
    assert np.mean(cut["HBETA_EW"]) > np.mean(plain["HBETA_EW"])
    for option, line in (("--given", "NII_6584"), ("--selected", "NII_6584 > 0")):
        done = starglow(
            "predict", folder / "t.fits", "-o", folder / "x.fits", "--model", folder / "m.safetensors", option, line
        )
        assert done.returncode == 6 and "NII_6584" in done.stderr and "HEI_5876" in done.stderr


def test_evaluation_of_a_model_and_of_a_file(starglow, four):
    folder, _ = four
    by_model = starglow("evaluate", folder / "t.fits", "--model", folder / "m.safetensors", "--json", folder / "a.json")
    assert by_model.returncode == 0, by_model.stderr
    assert "mean of 4" in by_model.stdout and "HEI_5876" in by_model.stdout and "NII_6584" not in by_model.stdout
    predicted(starglow, folder)
    by_file = starglow("evaluate", folder / "t.fits", "--predictions", folder / "p.fits", "--json", folder / "b.json")
    assert by_file.returncode == 0, by_file.stderr
    lines = [json.loads((folder / name).read_text()) for name in ("a.json", "b.json")]
    whole = lines[0]["whole_table"]["lines"]
    assert set(whole) == set(FOUR) and all(0.55 < one["coverage68"] < 0.9 for one in whole.values()), whole
    lines[0] = lines[0]["points"]
    rho = [s["predictions"][0]["lines"]["HEI_5876"]["rho"] for s in lines]
    assert rho[0] > 0.7 and abs(rho[0] - rho[1]) < 1e-6
    report = starglow("evaluate", folder / "t.fits", "--model", folder / "m.safetensors", "--report", folder / "r")
    assert report.returncode == 2 and "ten lines" in report.stderr


@pytest.mark.parametrize("draws", [0, 3])
def test_painting_of_what_the_model_predicts(starglow, four, tmp_path, draws):
    folder, _ = four
    write_continua(tmp_path / "c.fits", z=[0.06, 0.1, 0.14, 0.6, np.nan])
    done = starglow(
        *("paint", tmp_path / "c.fits", "-o", tmp_path / "s.fits", "--model", folder / "m.safetensors"),
        *("--draws", draws, "--sigma-v", "120", "--allow-partial"),
    )
    assert done.returncode == 0, done.stderr
    with fits.open(tmp_path / "s.fits") as out:
        t, lines = Table(out["GALAXIES"].data), out["LINES"].data.astype(float)
        header = dict(out["GALAXIES"].header)
    names = ["HBETA", "OIII_4959", "OIII_5007", "HALPHA", "HEI_5876"]  # 4959 follows its partner
    assert [name for name in t.colnames if name.endswith("_EW")] == [f"{x}_EW" for x in names]
    assert [name for name in t.colnames if name.endswith("_FLUX")] == ["BAND_FLUX"] + [f"{x}_FLUX" for x in names]
    every, outside = max(draws, 1), 64
    assert len(t) == 5 * every
    bands = t[["TARGETID", "Z", "BAND_FLUX"]][::every]
    bands.meta = {k: header[k] for k in ("APERTURE", "MWCORR", "MASKRULE", "CONTSRC", "FLUXSCAL", "VACUUM")}
    bands.write(tmp_path / "b.fits")
    done = starglow(
        *("predict", tmp_path / "b.fits", "-o", tmp_path / "p.fits", "--model", folder / "m.safetensors"),
        *("--draws", draws, "--allow-partial"),
    )
    assert done.returncode == 0, done.stderr
    p = Table.read(tmp_path / "p.fits")
    for line in FOUR:
        wanted = np.asarray(p[f"{line}_EW_DRAW"]).ravel() if draws else p[f"{line}_EW"]
        np.testing.assert_allclose(t[f"{line}_EW"][: 3 * every], wanted[: 3 * every], rtol=1e-4, atol=1e-4)
    for r in range(3 * every):
        z = t["Z"][r]
        for line, wave in (("HEI_5876", 5877.249), ("OIII_4959", 4960.295)):
            near = abs(WAVE - wave * (1 + z)) < 20
            assert lines[r, near].sum() * 0.8 == pytest.approx(t[f"{line}_FLUX"][r], rel=2e-3, abs=1e-4)
        assert t["OIII_4959_FLUX"][r] == pytest.approx(t["OIII_5007_FLUX"][r] / 2.993, rel=1e-5)
        for wave in (3728.48, 4341.692, 6718.294):  # lines that the model does not have
            assert np.all(lines[r, abs(WAVE - wave * (1 + z)) < 20] == 0)
        assert not t["FLAGS"][r] & outside  # [OII] of the first galaxies is off the spectrum or on it: nobody asked
    assert np.all(t["FLAGS"][3 * every : 4 * every] & outside) and np.all(np.isnan(lines[4 * every :]))


def test_painting_with_a_column_of_widths(starglow, four, tmp_path):
    folder, _ = four
    for n, code in ((1, 0), (10, 3), (15, 0)):
        write_continua(tmp_path / f"{n}.fits", n=2, WIDTH=np.full((2, n), 100.0))
        done = starglow(
            *("paint", tmp_path / f"{n}.fits", "-o", tmp_path / f"s{n}.fits", "--sigma-v", "WIDTH"),
            *("--model", folder / "m.safetensors"),
        )
        assert done.returncode == code, done.stderr
        assert code == 0 or ("10 numbers a row" in done.stderr and "1, or 15" in done.stderr)


def test_verbs_that_show_the_ten_lines_say_so(starglow, four):
    folder, _ = four
    for verb, *more in (
        ["explore", folder / "t.fits", "--tiles", "-o", folder / "site"],
        ["mock", "--population", "stars", "-n", "3", "-o", folder / "mock.fits"],
    ):
        done = starglow(verb, *more, "--model", folder / "m.safetensors")
        assert done.returncode == 6 and "needs a model of the ten lines" in done.stderr, done.stderr


def test_the_page_without_all_lines_of_its_diagram(starglow, four, tmp_path):
    folder, _ = four
    done = starglow("explore", folder / "t.fits", "-o", tmp_path / "site", "--model", folder / "m.safetensors")
    assert done.returncode == 0, done.stderr
    (data,) = (tmp_path / "site").glob("data/*/galaxies.safetensors")
    raw = data.read_bytes()
    about = json.loads(json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["page"])
    assert tuple(line["name"] for line in about["lines"]) == FOUR
    assert [line["row"] for line in about["lines"]] == [2, 4, 6, 12]


def test_a_part_of_the_ten(starglow, four, tmp_path):
    folder, t = four
    cut = t.copy()
    cut.remove_columns(["HEI_5876_EW", "HEI_5876_EW_IVAR"])
    cut.write(folder / "three.fits", overwrite=True)
    done = starglow(
        *("train", folder / "three.fits", "-o", folder / "three.safetensors", "--lines", "HALPHA,HBETA,OIII_5007"),
        *("--preset", "point", "--epochs", "5", "--members", "1", "--sibling", "false"),
    )
    assert done.returncode == 0, done.stderr
    done = starglow("predict", folder / "three.fits", "-o", folder / "q.fits", "--model", folder / "three.safetensors")
    assert done.returncode == 0, done.stderr
    assert [n for n in Table.read(folder / "q.fits").colnames if n.endswith("_EW")] == [f"{x}_EW" for x in FOUR[:3]]
    # Fluxes need the continuum at the line, which the bands tell for the ten lines.
    for model, code in (("three", 0), ("m", 6)):
        done = starglow(
            *("predict", folder / "t.fits", "-o", tmp_path / f"{model}.fits", "--fluxes"),
            *("--model", folder / f"{model}.safetensors"),
        )
        assert done.returncode == code and (code == 0 or "some of the ten lines" in done.stderr), done.stderr
    assert np.all(Table.read(tmp_path / "three.fits")["HALPHA_FLUX"] > 0)


@pytest.mark.parametrize(
    "lines, said",
    [
        ("HALFA", "unknown line"),
        ("HALPHA,HALPHA", "twice"),
        ("HALPHA,OIII_4959", "partner"),
    ],
)
def test_lines_that_no_model_can_have(starglow, four, lines, said):
    folder, _ = four
    done = starglow("train", folder / "t.fits", "-o", folder / "x.safetensors", "--lines", lines)
    assert done.returncode == 2 and said in done.stderr


def test_a_line_that_the_table_lacks(starglow, four):
    folder, _ = four
    done = starglow("train", folder / "t.fits", "-o", folder / "x.safetensors", "--lines", "HALPHA,HDELTA")
    assert done.returncode == 3 and "HDELTA" in done.stderr


def test_python(starglow, four):
    sg = pytest.importorskip("starglow")
    folder, table = four
    p = predicted(starglow, folder, "--draws", 4, "--seed", 3)
    model, g = sg.Model.load(folder / "m.safetensors"), sg.read_table(folder / "t.fits")
    assert model.lines == FOUR
    q = model.predict(g, draws=4, seed=3)
    assert q.lines == FOUR and q.ew.shape == (len(g), 4) and q.draws.shape == (len(g), 4, 4)
    for line in FOUR:
        np.testing.assert_array_equal(q[line].astype(np.float32), p[f"{line}_EW"])
        np.testing.assert_array_equal(q.draws[:, FOUR.index(line)], p[f"{line}_EW_DRAW"])
    jac = model.jacobian(g[:5])
    assert jac.shape == (5, 4, 12)
    step = 1e-4 * np.asarray(g.band_flux[:5])
    along = model.jvp(g.band_flux[:5], g.z[:5], d_flux=step, conventions=g.conventions)
    np.testing.assert_allclose(along, np.einsum("ilb,ib->il", jac, step), rtol=1e-12)
    dusty = dict(ebv=np.full(5, 0.1), conventions={**g.conventions, "MWCORR": "F"})  # derivatives through the dust
    flux = np.asarray(g.band_flux[:5], float)
    jac = model.jacobian(flux, g.z[:5], **dusty)
    for b in (0, 7):
        change = np.zeros_like(flux)
        change[:, b] = 1e-5 * flux[:, b]
        ends = [model.predict(flux + s * change, g.z[:5], float64=True, **dusty).ew for s in (1, -1)]
        np.testing.assert_allclose(jac[:, :, b], (ends[0] - ends[1]) / (2 * change[:, b, None]), rtol=1e-3, atol=1e-4)
    ew, ivar = np.full(5, 9.0), np.full(5, 4.0)
    given = model.predict(g[:5], given={"HEI_5876": (ew, ivar)})
    assert np.all(given.ew != q.ew[:5])
    with pytest.raises(ValueError, match="unknown line"):
        model.predict(g[:5], given={"NII_6584": (ew, ivar)})
    with pytest.raises(ValueError, match="HEI_5876"):
        sg.train(g, lines="HALPHA,HEI_5876")
    wide = sg.read_table(folder / "t.fits", all_lines=True)
    assert wide.ew.shape == (len(g), 15) and np.all(np.isnan(wide["OI_6300_EW"]))
    np.testing.assert_array_equal(wide["HEI_5876_EW"], table["HEI_5876_EW"])
    small = dict(epochs=2, members=1, sibling=False)
    own = sg.train(wide, "point", lines=["HALPHA", "HEI_5876"], **small)
    assert own.lines == ("HALPHA", "HEI_5876") and own.predict(g).ew.shape == (len(g), 2)
    same = sg.train({n: table[n] for n in table.colnames}, "point", lines=["HALPHA", "HEI_5876"], **small)
    np.testing.assert_array_equal(same.predict(g).ew, own.predict(g).ew)
    assert np.all(model.predict(wide[:5], given=["HEI_5876"]).ew != q.ew[:5])
    with pytest.raises(ValueError, match="all_lines"):
        model.predict(g[:5], given=["HEI_5876"])


def test_the_twin(starglow, four):
    sg = pytest.importorskip("starglow")
    jax = pytest.importorskip("jax")
    sgj = pytest.importorskip("starglow.jax")
    folder, _ = four
    jax.config.update("jax_enable_x64", True)
    model, g = sg.Model.load(folder / "m.safetensors"), sg.read_table(folder / "t.fits")[:50]
    said = {k: v for k, v in g.conventions.items() if v != "unknown"}
    weights = sgj.load(folder / "m.safetensors")
    assert weights.line_names == FOUR
    p = sgj.predict(weights, g.band_flux, g.z, targetid=g.targetid, conventions=said)
    q = model.predict(g, float64=True, draws=8, seed=5)
    assert p.lines == FOUR
    for ours, theirs in ((p.ew, q.ew), (p.p16, q.p16), (p.p84, q.p84)):
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(np.asarray(p["HEI_5876"]), np.asarray(p.ew[:, 3]))
    draws = sgj.sample(weights, g.band_flux, g.z, g.targetid, draws=8, seed=5, conventions=said)
    np.testing.assert_allclose(np.asarray(draws), q.draws, rtol=2e-4, atol=2e-4)
    ivar = np.where(np.arange(4) == 3, 1.0, 0.0) * np.ones((50, 1))
    d = sgj.distribution(weights, g.band_flux, g.z, targetid=g.targetid, conventions=said)
    given = sgj.quantile(sgj.condition(d, np.full((50, 4), 6.0), ivar), 0.5)
    wanted = model.predict(g, float64=True, given={"HEI_5876": (np.full(50, 6.0), ivar[:, 3])}).ew
    np.testing.assert_allclose(np.asarray(given), wanted, rtol=1e-5, atol=1e-6)
    sigma = sgj.sigma_ew(weights, p.ew, g.band_flux, g.z)
    assert sigma.shape == (50, 4) and bool(np.all(np.isfinite(sigma)))
    assert np.all(np.isfinite(np.asarray(sgj.log_density(d, np.maximum(p.ew, 0.1)))))
    with pytest.raises(ValueError, match="ten lines"):
        sgj.to_model(weights)
