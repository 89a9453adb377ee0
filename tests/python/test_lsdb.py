"""LSDB catalogues: the same numbers for any partitioning, exact meta, empty partitions, ids as integers, metadata on
disk."""

import json

import numpy as np
import pandas as pd
import pytest

lsdb = pytest.importorskip("lsdb", reason="LSDB is not installed: ./check installs it, ./check --quick does not")
import pyarrow as pa
import pyarrow.parquet as pq

import starglow as sg
import starglow.lsdb as sl

N = 3000


@pytest.fixture(scope="module")
def galaxies():
    g = sg.mock(N, seed=11)
    return sg.Galaxies(g.band_flux, g.z, targetid=g.targetid + 2**60, conventions=g.conventions)


def frame(g, vectors=True):
    rng = np.random.default_rng(0)
    out = pd.DataFrame(
        {
            "ra": rng.uniform(0, 360, len(g)),
            "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, len(g)))),
            "TARGETID": g.targetid,
            "Z": g.z,
        }
    )
    if vectors:
        flat = pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(g.band_flux)), 12)
        out["BAND_FLUX"] = pd.Series(pd.arrays.ArrowExtensionArray(flat))
    else:
        for b in range(12):
            out[f"BAND_FLUX_{b}"] = g.band_flux[:, b]
    return out


def catalog(g, rows, **options):
    return lsdb.from_dataframe(frame(g, **options), ra_column="ra", dec_column="dec", partition_rows=rows)


@pytest.mark.parametrize("rows,vectors", [(200, True), (5000, True), (700, False)])
def test_numbers_do_not_depend_on_the_partitions(galaxies, rows, vectors):
    c = sl.add_lines(catalog(galaxies, rows, vectors=vectors), draws=3, noise=True, seed=2)
    got = c.compute().set_index("TARGETID").loc[galaxies.targetid]
    want = sg.Model.shipped().predict(galaxies, draws=3, noise=True, seed=2)
    assert len(got) == N and got.index.dtype.kind == "i"
    for k, line in enumerate(sg.LINES):
        np.testing.assert_array_equal(got[line + "_EW"].to_numpy("f4"), want.ew[:, k].astype("f4"))
        np.testing.assert_array_equal(got[line + "_EW_P84"].to_numpy("f4"), want.p84[:, k].astype("f4"))
        np.testing.assert_array_equal(got[line + "_EW_NOISY"].to_numpy("f4"), want.noisy[:, k].astype("f4"))
        np.testing.assert_array_equal(np.stack(got[line + "_EW_DRAW"].to_list()), want.draws[:, k])
    np.testing.assert_array_equal(got["FLAGS"].to_numpy("i4"), want.flags)


def test_the_meta_is_what_comes_and_empty_partitions_fit(galaxies):
    c = sl.add_lines(catalog(galaxies, 500), draws=2)
    meta, part = c.meta, c.partitions[0].compute()
    assert list(meta.columns) == list(part.columns) and (meta.dtypes == part.dtypes).all()
    empty = c.query("Z > 99").compute()
    assert len(empty) == 0 and (empty.dtypes == part.dtypes).all()
    before = catalog(galaxies, 500).query("Z > 0.2")  # some partitions may be empty before the lines are added
    assert len(sl.add_lines(before).compute()) == (galaxies.z > 0.2).sum()
    assert (sl.add_lines(catalog(galaxies, 500).query("Z > 99"), draws=2).compute().dtypes == part.dtypes).all()


def test_wrong_catalogues_are_refused_before_anything_runs(galaxies):
    c = catalog(galaxies, 5000)
    with pytest.raises(ValueError, match="no column BAND_FLUX"):
        sl.add_lines(c[["ra", "dec", "TARGETID", "Z"]])
    with pytest.raises(ValueError, match="draws need ids"):
        sl.add_lines(c[["ra", "dec", "Z", "BAND_FLUX"]], draws=2)
    with pytest.raises(ValueError, match="columns of these names"):
        sl.add_lines(sl.add_lines(c))
    with pytest.raises(ValueError, match="air wavelengths"):
        sl.add_lines(c, conventions={"VACUUM": "F"})
    renamed = c.rename({"Z": "redshift", "TARGETID": "id"})
    got = sl.add_lines(renamed, names={"Z": "redshift", "TARGETID": "id"}, draws=1).compute()
    want = sg.Model.shipped().sample(galaxies, draws=1)
    np.testing.assert_array_equal(
        np.stack(got.set_index("id").loc[galaxies.targetid]["HALPHA_EW_DRAW"].to_list()), want[:, 6]
    )


def test_what_is_written_says_what_it_is(galaxies, tmp_path):
    model = sg.Model.shipped()
    sl.write(sl.add_lines(catalog(galaxies, 1000)), tmp_path / "lines", provenance={"seed": "1"}, catalog_name="lines")
    files = [p for p in (tmp_path / "lines").rglob("*.parquet") if p.name.startswith("Npix")]
    assert len(files) > 1
    for path in files:
        stored = pq.read_schema(path)
        assert stored.field("HALPHA_EW").metadata[b"unit"] == b"Angstrom"
        assert (
            json.loads(stored.metadata[b"starglow"])["model"] == model.hash
            and json.loads(stored.metadata[b"starglow"])["seed"] == "1"
        )
        assert stored.field("TARGETID").type == pa.int64()
    again = lsdb.open_catalog(tmp_path / "lines").compute()
    assert len(again) == N
    np.testing.assert_array_equal(
        again.set_index("TARGETID").loc[galaxies.targetid]["HALPHA_EW"].to_numpy("f4"),
        model.predict(galaxies).ew[:, 6].astype("f4"),
    )


def test_written_anywhere_it_says_what_it_is(galaxies):
    """A target of fsspec is given units and provenance as a folder is, and keeps nothing half written."""
    import fsspec

    place = "memory://starglow-lsdb/lines"
    sl.write(sl.add_lines(catalog(galaxies[:40], 20)), place, provenance={"seed": "1"}, catalog_name="lines")
    system, root = fsspec.core.url_to_fs(place)
    files = system.find(root)
    parts = [f for f in files if "/Npix=" in f]
    assert parts and not [f for f in files if f.endswith(".part")]
    for part in parts:
        with system.open(part) as f:
            stored = pq.read_schema(f)
        assert stored.field("HALPHA_EW").metadata[b"unit"] == b"Angstrom"
        assert json.loads(stored.metadata[b"starglow"])["seed"] == "1"
