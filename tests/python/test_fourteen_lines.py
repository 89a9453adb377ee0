"""Fourteen lines, from spectra to the page: the ten of the shipped model and [NeIII] 3869, Hdelta, HeI 5876, [OI] 6300.

Spectra with these lines are painted and measured; a model is trained on that table, predicts, is judged, paints, and is
shown on the page. More than eight of its lines are independent."""

import json
import re

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from test_page_model import DRAWS, SEED, largest_differences, page_answers

from conftest import NODE
from test_paint import LINES as TEN
from test_paint import write_continua

MORE = ["NEIII_3869", "HDELTA", "HEI_5876", "OI_6300"]
LINES = TEN + MORE
N = 260
STRENGTH = dict(zip(LINES, (20, 6, 12, 7, 22, 4, 40, 12, 9, 7, 5, 4, 3, 3)))  # A, of a galaxy of middle colour
SMALL = ["--epochs", "60", "--sibling-epochs", "20", "--joint-epochs", "60", "--sibling-joint-epochs", "20"]
SMALL += ["--members", "1", "--sibling-members", "1", "--point-members", "2", "--sibling-point-members", "2"]
SMALL += ["--hidden", "16", "--calibration-folds", "2", "--width-epochs", "10", "--negative", "true"]


def ok(done):
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def made(starglow, tmp_path_factory):
    """The folder with painted spectra, what prep measures of them and the model; the EWs that were painted."""
    folder = tmp_path_factory.mktemp("fourteen")
    rng = np.random.default_rng(14)
    write_continua(folder / "c.fits", z=rng.uniform(0.06, 0.2, N), wave=3600 + 1.6 * np.arange(3890))
    blue, common = -np.linspace(-1, 0.6, N), rng.normal(size=N)
    truth = Table({"TARGETID": np.arange(N) + 2**53 + 1})
    for line, strength in STRENGTH.items():
        own = 0.15 * rng.normal(size=N)
        truth[f"{line}_EW"] = strength * np.exp(0.9 * blue + 0.3 * common + own)
    for weak, strong, ratio in (("OIII_4959", "OIII_5007", 3.16), ("NII_6548", "NII_6584", 2.98)):
        truth[f"{weak}_EW"] = truth[f"{strong}_EW"] / ratio
    truth.write(folder / "truth.fits")
    ok(
        starglow(
            *("paint", folder / "c.fits", "-o", folder / "s.fits", "--from", "ew", "--table", folder / "truth.fits"),
            *("--sigma-v", "120", "--noise", "ivar"),
        )
    )
    ok(starglow("prep", folder / "s.fits", "-o", folder / "t.fits"))
    done = starglow("train", folder / "t.fits", "-o", folder / "m.safetensors", "--lines", ",".join(LINES), *SMALL)
    ok(done)
    return folder, truth


def options(folder):
    return "--model", folder / "m.safetensors"


def test_prep_measures_the_four_more_lines(made):
    folder, truth = made
    t = Table.read(folder / "t.fits", hdu="GALAXIES")
    for line in MORE:
        good = t[f"{line}_EW_IVAR"] > 0
        assert good.mean() > 0.9, line
        # These continua are no starlight, which the fit of starlight leaves some tenths of an A of beside a line.
        assert np.corrcoef(t[f"{line}_EW"][good], truth[f"{line}_EW"][good])[0, 1] > 0.8, line


def test_the_model_has_twelve_independent_lines(starglow, made):
    folder, _ = made
    said = json.loads(starglow("inspect", folder / "m.safetensors", "--json").stdout)
    assert said["metadata"]["lines"] == ",".join(LINES)
    assert {t["name"]: t["shape"] for t in said["tensors"]}["full.joint_factor"] == [2, 12, 12]


def test_it_predicts_what_was_painted(starglow, made):
    folder, truth = made
    ok(starglow("predict", folder / "t.fits", "-o", folder / "p.fits", *options(folder), "--draws", 16, "--noise"))
    p = Table.read(folder / "p.fits", hdu="GALAXIES")
    assert [n for n in p.colnames if n.endswith("_EW")] == [f"{n}_EW" for n in LINES]
    told = []  # the colours explain three quarters of the scatter of a line, this small training less
    for line in LINES:
        middle, want = np.asarray(p[f"{line}_EW"]), truth[f"{line}_EW"]
        told.append(np.corrcoef(np.arcsinh(middle), np.arcsinh(want))[0, 1])
        inside = (want > p[f"{line}_EW_P16"]) & (want < p[f"{line}_EW_P84"])
        assert 0.4 < inside.mean() < 0.9, (line, inside.mean())
    assert np.mean(told) > 0.5 and min(told[-4:]) > 0.5, dict(zip(LINES, told))
    # What the lines have in common beside the colour is in the draws, between lines of the ten and others too.
    draws = np.arcsinh([p[f"{line}_EW_DRAW"] for line in ("HALPHA", "HDELTA", "OI_6300")])
    residual = (draws - draws.mean(-1, keepdims=True)).reshape(3, -1)
    assert np.all(np.corrcoef(residual)[0, 1:] > 0.1), np.corrcoef(residual)
    # So a line that is given narrows the others.
    ok(starglow("predict", folder / "t.fits", "-o", folder / "g.fits", *options(folder), "--given", "OI_6300,HALPHA"))
    g = Table.read(folder / "g.fits", hdu="GALAXIES")
    error = [np.std(np.arcsinh(x["HDELTA_EW"]) - np.arcsinh(truth["HDELTA_EW"])) for x in (p, g)]
    assert error[1] < 0.95 * error[0], error


def test_it_is_evaluated(starglow, made):
    folder, _ = made
    done = ok(starglow("evaluate", folder / "t.fits", *options(folder), "--json", folder / "e.json"))
    assert "mean of 12" in done.stdout and all(line in done.stdout for line in LINES)
    whole = json.loads((folder / "e.json").read_text())["whole_table"]["lines"]
    assert set(whole) == set(LINES) and all(0.45 < one["coverage68"] < 0.9 for one in whole.values()), whole


def test_it_paints(starglow, made):
    folder, _ = made
    ok(starglow("paint", folder / "c.fits", "-o", folder / "drawn.fits", *options(folder), "--draws", 2))
    with fits.open(folder / "drawn.fits") as out:
        t, lines, wave = Table(out["GALAXIES"].data), out["LINES"].data.astype(float), out["WAVE"].data
    assert [n for n in t.colnames if n.endswith("_EW")] == [f"{n}_EW" for n in LINES]
    for r in range(0, 2 * N, 40):
        for line, at in (("HDELTA", 4102.892), ("OI_6300", 6302.046)):
            near = abs(wave - at * (1 + t["Z"][r])) < 20
            assert lines[r, near].sum() * 1.6 == pytest.approx(t[f"{line}_FLUX"][r], rel=2e-3, abs=1e-3)


@pytest.fixture(scope="module")
def site(starglow, made):
    folder, _ = made
    ok(starglow("explore", folder / "t.fits", "-o", folder / "site", *options(folder), "--spectra", folder / "s.fits"))
    ok(starglow("explore", folder / "t.fits", "--single-file", folder / "page.html", *options(folder)))
    (data,) = (folder / "site").glob("data/*/galaxies.safetensors")
    raw = data.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return header, json.loads(header["__metadata__"]["page"])


def test_the_page_has_its_lines(made, site):
    header, about = site
    assert [line["name"] for line in about["lines"]] == LINES
    titles = [line["title"] for line in about["lines"]]
    assert titles[-4:] == ["[Ne III] 3869", "Hδ", "He I 5876", "[O I] 6300"]
    for line in MORE:
        assert {f"{line}_EW", f"{line}_EW_PREDICTED", f"{line}_EW_P16"} <= set(header)
    assert any("NEIII_3869" in note for note in about["notes"])
    assert not re.search(r"HDELTA_EW$", " ".join(c["name"] for c in about["columns"]))


@pytest.mark.skipif(NODE is None, reason="no node here: the page's model cannot be run")
def test_the_page_plays_it_as_the_command_line_predicts(starglow, made, site):
    folder, _ = made
    lines = site[1]["lines"]
    more = ("--draws", DRAWS, "--noise", "--seed", SEED, "--float64", "--overwrite")
    ok(starglow("predict", folder / "t.fits", "-o", folder / "w.fits", *options(folder), *more))
    given = ["HDELTA"], ["OI_6300", "HALPHA"], ["OIII_4959", "NEIII_3869"]
    page = page_answers(folder / "t.fits", folder / "m.safetensors", lines, given)
    worst = largest_differences(page["answers"], Table.read(folder / "w.fits", hdu="GALAXIES"), 0.05, LINES)
    assert max(worst.values()) < 2e-4 and max(worst["ew"], worst["p16"], worst["p84"]) < 2e-5, worst
    for names, answers in zip(given, page["answersGiven"]):
        ok(
            starglow(
                *("predict", folder / "t.fits", "-o", folder / "w.fits", *options(folder), "--float64", "--overwrite"),
                *("--given", ",".join(names)),
            )
        )
        t = Table.read(folder / "w.fits", hdu="GALAXIES")
        got = np.array([a["ew"] for a in answers], float)
        want = np.column_stack([t[f"{n}_EW"] for n in LINES])
        assert np.max(np.abs(got - want) / np.maximum(np.abs(want), 0.05)) < 2e-4, names


def test_tiles_say_that_they_are_made_for_the_ten(starglow, made):
    folder, _ = made
    done = starglow("explore", folder / "t.fits", "--tiles", "-o", folder / "tiles", *options(folder))
    assert done.returncode == 6 and "explore --tiles needs a model of the ten lines" in done.stderr


def test_python(made):
    sg = pytest.importorskip("starglow")
    folder, _ = made
    model, g = sg.Model.load(folder / "m.safetensors"), sg.read_table(folder / "t.fits", all_lines=True)
    assert model.lines == tuple(LINES)
    p = model.predict(g, draws=4, seed=3)
    assert p.ew.shape == (N, 14) and p.draws.shape == (N, 14, 4) and np.all(np.isfinite(p.draws))
    jac = model.jacobian(g[:3])
    step = 1e-4 * np.asarray(g.band_flux[:3])
    ends = [
        model.predict(g.band_flux[:3] + s * step, g.z[:3], float64=True, conventions=g.conventions).ew for s in (1, -1)
    ]
    np.testing.assert_allclose(np.einsum("ilb,ib->il", jac, step), (ends[0] - ends[1]) / 2, rtol=2e-3, atol=1e-5)
    one = dict(epochs=2, members=1, sibling=False)
    own = sg.train(g, "point", lines=LINES, **one)
    assert own.lines == tuple(LINES) and own.predict(g).ew.shape == (N, 14)


def test_the_twin(made):
    sg = pytest.importorskip("starglow")
    jax = pytest.importorskip("jax")
    sgj = pytest.importorskip("starglow.jax")
    folder, _ = made
    jax.config.update("jax_enable_x64", True)
    model, g = sg.Model.load(folder / "m.safetensors"), sg.read_table(folder / "t.fits")[:20]
    said = {k: v for k, v in g.conventions.items() if v != "unknown"}
    weights = sgj.load(folder / "m.safetensors")
    assert weights.line_names == tuple(LINES)
    q = model.predict(g, float64=True, draws=8, seed=5)
    p = sgj.predict(weights, g.band_flux, g.z, targetid=g.targetid, conventions=said)
    for ours, theirs in ((p.ew, q.ew), (p.p16, q.p16), (p.p84, q.p84)):
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-6, atol=1e-8)
    draws = sgj.sample(weights, g.band_flux, g.z, g.targetid, draws=8, seed=5, conventions=said)
    np.testing.assert_allclose(np.asarray(draws), q.draws, rtol=2e-4, atol=2e-4)
