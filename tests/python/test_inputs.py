"""Models with inputs that are columns of the table: training, prediction, every interface."""

import json

import numpy as np
import pytest
from astropy.table import Table


@pytest.fixture(scope="module")
def trained(starglow, tmp_path_factory):
    """A table in which D4000 alone says how strong the lines are, a model that has it as input, and one without."""
    folder = tmp_path_factory.mktemp("inputs")
    n, rng = 400, np.random.default_rng(5)
    t = Table(meta={"APERTURE": "fibre", "MWCORR": "T", "VACUUM": "T", "FLUXSCAL": "absolute"})
    t["TARGETID"] = np.arange(n)
    t["Z"] = rng.uniform(0.05, 0.2, n)
    t["BAND_FLUX"] = 10 * (1 + 0.1 * rng.normal(size=(n, 12)))
    t["D4000"] = rng.uniform(1.0, 2.0, n).astype(np.float32)
    lines = ["OII_DOUBLET", "HGAMMA", "HBETA", "OIII_4959", "OIII_5007", "NII_6548", "HALPHA", "NII_6584"]
    for k, line in enumerate([*lines, "SII_6716", "SII_6731"]):
        t[f"{line}_EW"] = ((1 + k) * 10 * (2.05 - t["D4000"])).astype(np.float32)
        t[f"{line}_EW_IVAR"] = np.full(n, 4.0, np.float32)
    t.write(folder / "t.fits")
    small = ["--preset", "point", "--members", "1", "--epochs", "60", "--sibling-members", "1", "--batch", "32"]
    small += ["--sibling-epochs", "30", "--label-gates", "false", "--hidden", "16", "--learning-rate", "0.01"]
    for name, inputs in (("with", "log_lum,z,d4000"), ("without", "log_lum,z")):
        done = starglow(
            "train", folder / "t.fits", "-o", folder / f"{name}.safetensors", "--inputs", inputs, *small, "--threads", 1
        )
        assert done.returncode == 0, done.stderr
    return folder, t


def predicted(starglow, folder, table, name="with"):
    table.write(folder / "in.fits", overwrite=True)
    done = starglow(
        "predict",
        folder / "in.fits",
        "-o",
        folder / "out.fits",
        "--model",
        folder / f"{name}.safetensors",
        "--overwrite",
    )
    assert done.returncode == 0, done.stderr
    return Table.read(folder / "out.fits")


def test_the_input_is_used(starglow, trained):
    folder, t = trained
    error = {}
    for name in ("with", "without"):
        p = predicted(starglow, folder, t, name)
        error[name] = np.std(np.arcsinh(p["HALPHA_EW"]) - np.arcsinh(t["HALPHA_EW"]))
    assert error["with"] < 0.5 * error["without"], error
    said = json.loads(starglow("inspect", folder / "with.safetensors", "--json").stdout)
    assert "d4000" in json.dumps(said)


def test_a_row_without_the_input_is_flagged_and_answered_by_the_sibling(starglow, trained):
    folder, t = trained
    whole = predicted(starglow, folder, t)
    cut = t.copy()
    cut["D4000"][0] = np.nan
    cut["D4000"][1] = -3.0
    p = predicted(starglow, folder, cut)
    missing = 1 << 20
    assert list(np.flatnonzero(p["FLAGS"] & missing)) == [0, 1]
    assert not np.any(whole["FLAGS"] & missing)
    assert np.all(np.isfinite(p["HALPHA_EW"]))
    assert np.all(p["HALPHA_EW"][:2] != whole["HALPHA_EW"][:2])
    np.testing.assert_array_equal(p["HALPHA_EW"][2:], whole["HALPHA_EW"][2:])
    del cut["D4000"]
    assert np.all(predicted(starglow, folder, cut)["FLAGS"] & missing)


def test_python_and_jax_give_the_same(starglow, trained):
    sg = pytest.importorskip("starglow")
    sgj = pytest.importorskip("starglow.jax")
    folder, t = trained
    cut = t.copy()
    cut["D4000"][:3] = np.nan
    p = predicted(starglow, folder, cut)
    g = sg.read_table(folder / "in.fits")
    assert list(g.inputs) == ["D4000"]
    model = sg.Model.load(folder / "with.safetensors")
    assert model.input_columns == ("D4000",)
    by_file = model.predict(g)
    np.testing.assert_array_equal(by_file.ew[:, 6].astype(np.float32), p["HALPHA_EW"])
    columns = {name: np.asarray(cut[name]) for name in ("Z", "TARGETID", "BAND_FLUX", "D4000")}
    np.testing.assert_array_equal(model.predict(sg.galaxies(columns, g.conventions)).ew, by_file.ew)
    weights = sgj.load(folder / "with.safetensors")
    said = {k: v for k, v in g.conventions.items() if v != "unknown"}
    twin = sgj.predict(
        weights, g.band_flux, g.z, targetid=g.targetid, conventions=said, inputs={"D4000": columns["D4000"]}
    )
    np.testing.assert_allclose(np.asarray(twin.ew), by_file.ew, rtol=2e-3, atol=1e-3)
    np.testing.assert_array_equal(np.asarray(twin.flags), by_file.flags)
    with pytest.raises(ValueError, match="no model has an input of this name"):
        sgj.predict(weights, g.band_flux, g.z, inputs={"MASS": g.z})
    with pytest.raises(ValueError, match="D4000"):
        sg.Galaxies(band_flux=g.band_flux, inputs={"MASS": g.z})


@pytest.mark.parametrize(
    "inputs, said",
    [("mass", "unknown input"), ("z,z", "named twice"), ("z,", "unknown input"), ("", "none, or inputs")],
)
def test_inputs_that_do_not_exist_are_refused(starglow, trained, inputs, said):
    folder, _ = trained
    done = starglow("train", folder / "t.fits", "-o", folder / "x.safetensors", "--inputs", inputs)
    assert done.returncode == 2 and said in done.stderr


def test_training_needs_the_column(starglow, trained):
    folder, t = trained
    cut = t.copy()
    del cut["D4000"]
    cut.write(folder / "none.fits", overwrite=True)
    done = starglow("train", folder / "none.fits", "-o", folder / "y.safetensors", "--inputs", "d4000")
    assert done.returncode == 3 and "D4000" in done.stderr
