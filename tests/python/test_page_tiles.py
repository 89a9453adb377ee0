"""The page of tiles: counts and means against NumPy, ids, and the page in a browser (tests/web/tiles_test.mjs)."""

import json

import numpy as np
import pytest
from astropy.table import Table
from test_page import browser, in_browser

from conftest import forget_checksum

N = 60_000
SIDE = 64


@pytest.fixture(scope="module")
def everything(starglow, tmp_path_factory):
    """Mock galaxies with measured lines and places in clumps, ids in no order, one without a place."""
    folder = tmp_path_factory.mktemp("tiles")
    assert starglow("mock", "-n", N, "-o", folder / "m.fits").returncode == 0
    t = Table.read(folder / "m.fits", hdu="GALAXIES")
    rng = np.random.default_rng(3)
    t["TARGETID"] = rng.permutation(N) * 7 + 39627764172587174
    t["UMAP"] = (rng.normal(size=(N, 2)) * [2, 1] + rng.integers(0, 3, size=(N, 1)) * 4).astype("f4")
    t["UMAP"][5] = np.nan
    for line in "OII_DOUBLET HGAMMA HBETA OIII_4959 OIII_5007 NII_6548 HALPHA NII_6584 SII_6716 SII_6731".split():
        t[f"{line}_EW"] = rng.lognormal(1, 1, N).astype("f4")
        t[f"{line}_EW_IVAR"] = np.where(rng.random(N) < 0.9, 4, 0).astype("f4")
    forget_checksum(t)
    t.write(folder / "t.fits", overwrite=True)
    run = starglow("explore", folder / "t.fits", "--tiles", "-o", folder / "site")
    assert run.returncode == 0, run.stderr
    assert f"{N - 1} of {N}" in run.stderr and "not on the map" in run.stderr
    return t, folder / "site"


def test_counts_and_means_are_those_of_the_table(everything):
    t, site = everything
    about = json.loads((site / "tiles/about.json").read_text())
    tiles = about["tiles"]
    there = np.isfinite(t["UMAP"][:, 0])
    xy = np.array(t["UMAP"], "f8")[there]
    assert about["n"] == N and tiles["placed"] == there.sum() == N - 1
    index = np.fromfile(site / "tiles/index", "u4")
    at = 0
    ew = np.where(t["HALPHA_EW_IVAR"] > 0, t["HALPHA_EW"], np.nan)[there].astype("f8")
    for level in range(tiles["levels"]):
        ends = index[at : at + 4**level]
        at += 4**level
        cells = np.fromfile(site / f"tiles/L{level}.cells", np.dtype([("place", "<u2"), ("count", "<u4")]))
        means = np.fromfile(site / f"tiles/L{level}.HALPHA_EW", "<f2")
        assert len(cells) == len(means) == ends[-1] and cells["count"].sum() == N - 1
        side = SIDE * 2**level
        u = np.clip((xy - [tiles["x0"], tiles["y0"]]) / tiles["size"], 0, np.nextafter(1, 0))
        column, row = (u * side).astype(int).T
        wanted = np.zeros((side, side), int)
        np.add.at(wanted, (row, column), 1)
        sums, known = np.zeros((side, side)), np.zeros((side, side))
        ok = np.isfinite(ew)
        np.add.at(sums, (row[ok], column[ok]), ew[ok])
        np.add.at(known, (row[ok], column[ok]), 1)
        got = np.zeros((side, side), int)
        mean = np.full((side, side), np.nan)
        for tile in range(4**level):
            part = slice(ends[tile - 1] if tile else 0, ends[tile])
            place = cells["place"][part].astype(int)
            y, x = tile // 2**level * SIDE + place // SIDE, tile % 2**level * SIDE + place % SIDE
            got[y, x], mean[y, x] = cells["count"][part], means[part]
        assert np.array_equal(got, wanted), level
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(mean[known > 0], (sums / known)[known > 0], rtol=1e-3)
        assert np.isnan(mean[(wanted > 0) & (known == 0)]).all()
    starts = index[at:]
    assert starts[0] == 0 and starts[-1] == N - 1
    ids = np.fromfile(site / "tiles/ids", "i8")
    assert np.array_equal(np.sort(ids), np.sort(t["TARGETID"][there]))
    order = np.argsort(t["TARGETID"])
    rows = order[np.searchsorted(t["TARGETID"], ids, sorter=order)]
    assert np.array_equal(np.fromfile(site / "tiles/columns/HALPHA_EW", "f4"), ew_of(t, rows), equal_nan=True)
    histogram = tiles["statistics"]["histograms"]["HALPHA_EW"]
    assert sum(histogram["counts"]) + histogram["below"] + histogram["above"] == np.isfinite(ew).sum()
    edges = np.linspace(histogram["low"], histogram["high"], len(histogram["counts"]) + 1)
    expected = np.histogram(np.arcsinh(ew[np.isfinite(ew)]), edges)[0]
    assert np.abs(np.array(histogram["counts"]) - expected).sum() <= 4  # values on an edge, by rounding
    # within a tile blocks of 8 x 8 cells, row by row; within a block the order of a hash: any first part is fair
    places = np.fromfile(site / "tiles/places", "f4").reshape(-1, 2).astype("f8")
    side = SIDE * 2 ** (tiles["levels"] - 1)
    column, row = (
        (np.clip((places - [tiles["x0"], tiles["y0"]]) / tiles["size"], 0, np.nextafter(1, 0)) * side).astype(int).T
    )
    block = row % SIDE // 8 * 8 + column % SIDE // 8
    z = np.fromfile(site / "tiles/columns/Z", "f4")
    most = np.argmax(np.diff(starts))
    assert np.all(np.diff(block[starts[most] : starts[most + 1]]) >= 0)
    inside = slice(starts[most], starts[most + 1])
    full = np.bincount(block[inside]).argmax()
    part = z[inside][block[inside] == full]
    assert abs(part[: len(part) // 4].mean() - part.mean()) < 4 * part.std() / np.sqrt(len(part) / 4)


def ew_of(t, rows):
    return np.where(t["HALPHA_EW_IVAR"] > 0, t["HALPHA_EW"], np.nan).astype("f4")[rows]


def test_mistakes_are_named(starglow, everything, tmp_path):
    _, site = everything
    table = site.parent / "t.fits"
    for arguments, words in (
        (["--tiles", "--single-file", tmp_path / "x.html"], "folder"),
        (["--tiles", "--serve", "0"], "folder"),
        (["--tiles", "-o", site], "exists"),
    ):
        run = starglow("explore", table, *arguments)
        assert run.returncode == 2 and words in run.stderr, run.stderr
    assert not list(tmp_path.iterdir())


def test_a_map_is_made_of_a_sample(starglow, tmp_path):
    assert starglow("mock", "-n", 3000, "-o", tmp_path / "m.fits").returncode == 0
    run = starglow("explore", tmp_path / "m.fits", "--tiles", "-o", tmp_path / "site")
    assert run.returncode == 0, run.stderr
    about = json.loads((tmp_path / "site/tiles/about.json").read_text())
    assert about["tiles"]["placed"] == 3000 and "map of 3000" in about["map"]["note"]
    assert not list((tmp_path / "site/tiles").glob(".*"))  # nothing temporary stays


@browser
def test_tiles_in_a_browser(everything, tmp_path):
    t, site = everything
    there = np.isfinite(t["UMAP"][:, 0])
    xy = np.array(t["UMAP"], "f8")[there]
    span = [-1.5, 4.25, -0.75, 5.5]
    inside = (xy[:, 0] > span[0]) & (xy[:, 0] < span[1]) & (xy[:, 1] > span[2]) & (xy[:, 1] < span[3])
    line = lambda name: np.where(t[f"{name}_EW_IVAR"] > 0, t[f"{name}_EW"], np.nan)[there].astype("f4").astype("f8")
    passed = (line("HALPHA") > 3) & ~(np.array(t["Z"], "f4")[there] > 0.2)
    x, y = np.log10(line("NII_6584") / line("HALPHA")), np.log10(line("OIII_5007") / line("HBETA"))
    ok = np.isfinite(x) & np.isfinite(y)
    forming = ok & (x < 0.05) & (y < 0.61 / (x - 0.05) + 1.3)
    composite = ok & ~forming & (x < 0.47) & (y < 0.61 / (x - 0.47) + 1.19)
    (tmp_path / "expected.json").write_text(
        json.dumps(
            {
                "n": N - 1,
                "ids": [str(i) for i in t["TARGETID"][[0, 1, N // 2, N - 1]]],
                "box": {"span": span, "count": int(inside.sum())},
                "filter": {"text": "HALPHA_EW > 3 and not (Z > 0.2)", "count": int(passed.sum())},
                "bpt": [int(forming.sum()), int(composite.sum()), int((ok & ~forming & ~composite).sum())],
            }
        )
    )
    in_browser("tiles_test.mjs", str(site), tmp_path / "expected.json", least=25)
