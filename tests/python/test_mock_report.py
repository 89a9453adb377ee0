"""The page of `mock --report`: figures that hold together, with and without weights."""

import json

import numpy as np
from astropy.table import Table


def test_a_page_beside_surveys(starglow, tmp_path):
    out, page = tmp_path / "u.fits", tmp_path / "page"
    done = starglow("mock", "--preset", "universe", "-n", 4000, "-o", out, "--report", page)
    assert done.returncode == 0, done.stderr
    html = (page / "index.html").read_text()
    figures = {f.stem: json.loads(f.read_text()) for f in (page / "figures").glob("*.json")}
    assert set(figures) == {
        "luminosity_functions",
        "halpha_by_rate",
        "halpha_by_mass",
        "halpha_by_specific_rate",
        "bpt_by_mass",
        "nitrogen_by_mass",
        "decrement_by_dust",
    }
    assert html.count("<svg") == 7 and "Gunawardhana" in html and "4000" in html
    t = Table.read(out, hdu="GALAXIES")
    function = figures["luminosity_functions"]["panels"][0]["series"][0]
    log_l, weight = np.log10(t["HALPHA_LUM_CASEB"]), np.asarray(t["WEIGHT"])
    for x, y in zip(function["x"], function["y"], strict=True):
        inside = np.abs(log_l - x) < 0.075
        assert np.isclose(10**y, weight[inside].sum() / 0.15, rtol=1e-9)
    decrement = figures["decrement_by_dust"]["panels"][0]["series"][0]["y"]
    assert min(decrement) > np.log10(2.80)
    again = starglow("mock", "--preset", "universe", "-n", 50, "-o", tmp_path / "v.fits", "--report", page)
    assert again.returncode == 2 and "--overwrite" in again.stderr


def test_without_weights_there_are_no_luminosity_functions(starglow, tmp_path):
    page = tmp_path / "page"
    done = starglow("mock", "--preset", "desi-bgs", "-n", 300, "-o", tmp_path / "m.fits", "--report", page)
    assert done.returncode == 0, done.stderr
    assert not (page / "figures" / "luminosity_functions.json").exists()
    assert "these galaxies have no weights" in (page / "index.html").read_text()
