"""Parquet catalogues: the bits of NumPy's call for any batches, parts that are verified, metadata that say what numbers
are."""

import json
import subprocess
import sys

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq

import starglow as sg
from starglow import parquet


def write(path, g, rows=300, **change):
    columns = {
        "TARGETID": pa.array(g.targetid),
        "Z": pa.array(g.z),
        "BAND_FLUX": pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(g.band_flux)), 12),
    } | change
    table = pa.table({k: v for k, v in columns.items() if v is not None}).replace_schema_metadata(
        {"APERTURE": "fibre", "MWCORR": "F", "CONTSRC": "synthetic"}
    )
    pq.write_table(table, path, row_group_size=rows)
    return path


@pytest.fixture(scope="module")
def galaxies():
    return sg.mock(2000, seed=7)


@pytest.mark.parametrize("rows", [97, 65536])
def test_numbers_do_not_depend_on_the_batches(galaxies, tmp_path, rows):
    model = sg.Model.shipped()
    made = parquet.predict_file(
        write(tmp_path / "in.parquet", galaxies), tmp_path / "out.parquet", draws=3, noise=True, seed=5, rows=rows
    )
    assert made["rows"] == 2000 and made["fatal"] == 0
    want = model.predict(galaxies, draws=3, noise=True, seed=5)
    out = pq.read_table(tmp_path / "out.parquet")
    np.testing.assert_array_equal(out["TARGETID"], galaxies.targetid)
    for k, line in enumerate(sg.LINES):
        for suffix, values in (
            ("_EW", want.ew),
            ("_EW_P16", want.p16),
            ("_EW_P84", want.p84),
            ("_EW_NOISY", want.noisy),
        ):
            np.testing.assert_array_equal(out[line + suffix], values[:, k].astype("f4"))
        np.testing.assert_array_equal(np.stack(out[line + "_EW_DRAW"].to_pylist()), want.draws[:, k])
    np.testing.assert_array_equal(out["FLAGS"], want.flags)
    assert out.schema.field("HALPHA_EW").metadata == {b"unit": b"Angstrom"}
    said = json.loads(out.schema.metadata[b"starglow"])
    assert (
        said["model"] == model.hash
        and said["version"] == sg.__version__
        and said["seed"] == "5"
        and said["APERTURE"] == "fibre"
    )
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    group = pq.ParquetFile(tmp_path / "out.parquet").metadata.row_group(0)
    in_dictionaries = {
        group.column(i).path_in_schema
        for i in range(group.num_columns)
        if "RLE_DICTIONARY" in group.column(i).encodings
    }
    assert in_dictionaries == {"FLAGS"}  # of numbers that hardly repeat they cost a third of the time and of the space


def test_a_file_is_streamed(galaxies, tmp_path):
    """What Arrow holds while a file is read does not grow with the file."""
    table = pq.read_table(write(tmp_path / "few.parquet", galaxies))
    with pq.ParquetWriter(tmp_path / "many.parquet", table.schema, compression="none") as writer:
        for _ in range(100):
            writer.write_table(table)
    before, most = pa.total_allocated_bytes(), 0
    rows = 0
    for batch in parquet._batches(parquet._open(tmp_path / "many.parquet"), ["Z", "BAND_FLUX"], 65536):
        rows += len(batch)
        most = max(most, pa.total_allocated_bytes() - before)
    assert rows == 200_000 and (tmp_path / "many.parquet").stat().st_size > 2e7
    assert most < 4e6, most


def test_nulls_and_odd_columns(galaxies, tmp_path):
    few = galaxies[:4]
    flux = few.band_flux.tolist()
    flux[1] = None
    write(
        tmp_path / "n.parquet", few, BAND_FLUX=pa.array(flux, pa.list_(pa.float32())), Z=pa.array([0.1, 0.1, None, 0.2])
    )
    parquet.predict_file(tmp_path / "n.parquet", tmp_path / "o.parquet")
    out = pq.read_table(tmp_path / "o.parquet").to_pydict()
    assert (
        np.isnan(out["HALPHA_EW"][1])
        and "NO_ANSWER" in sg.flag_names(out["FLAGS"][1])
        and "NO_LUMINOSITY" in sg.flag_names(out["FLAGS"][2])
    )
    write(tmp_path / "e.parquet", galaxies[:0])
    assert parquet.predict_file(tmp_path / "e.parquet", tmp_path / "eo.parquet")["rows"] == 0
    assert pq.read_table(tmp_path / "eo.parquet").schema.equals(pq.read_table(tmp_path / "o.parquet").schema)


def test_bad_files_are_refused_and_the_old_output_stays(galaxies, tmp_path):
    few = galaxies[:4]
    (tmp_path / "text.parquet").write_text("hello")
    write(tmp_path / "none.parquet", few, BAND_FLUX=None)
    write(tmp_path / "float.parquet", few, TARGETID=pa.array([1.0, 2, 3, 4]))
    write(tmp_path / "eleven.parquet", few, BAND_FLUX=pa.FixedSizeListArray.from_arrays(pa.array(np.ones(44)), 11))
    old = tmp_path / "old.parquet"
    old.write_text("old")
    for name, says in (
        ("text", "no Parquet file"),
        ("none", "no column BAND_FLUX"),
        ("float", "2\\^53"),
        ("eleven", "wrong number of bands"),
    ):
        with pytest.raises(ValueError, match=says):
            parquet.predict_file(tmp_path / f"{name}.parquet", old, overwrite=True)
        assert old.read_text() == "old"
    with pytest.raises(FileNotFoundError):
        parquet.predict_file(tmp_path / "absent.parquet", old, overwrite=True)
    with pytest.raises(ValueError, match="exists"):
        parquet.predict_file(write(tmp_path / "good.parquet", few), old)
    with pytest.raises(OSError):
        parquet.predict_file(tmp_path / "good.parquet", tmp_path / "no" / "o.parquet")
    before = (tmp_path / "good.parquet").read_bytes()
    with pytest.raises(ValueError, match="one of the inputs"):
        parquet.predict_file(tmp_path / "good.parquet", tmp_path / "good.parquet", overwrite=True)
    assert (tmp_path / "good.parquet").read_bytes() == before


def test_jobs_share_the_files_and_are_merged(galaxies, tmp_path):
    files = [write(tmp_path / f"{k}.parquet", galaxies[500 * k : 500 * (k + 1)]) for k in range(4)]
    parts = tmp_path / "parts"

    def run(*more):
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "starglow.parquet",
                *map(str, files),
                "-o",
                str(parts),
                "--seed",
                "3",
                "--draws",
                "2",
                *map(str, more),
            ],
            capture_output=True,
            text=True,
        )

    for job in (1, 0, 2):
        assert run("--njobs", 3, "--job", job).returncode == 0
    again = run("--njobs", 1, "--job", 0)
    assert again.returncode == 0 and "0 parts made, 4 were complete" in again.stderr
    # what was damaged, or made of other bytes, is made again
    damaged = sorted(parts.glob("*.parquet"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-10])
    write(files[2], galaxies[1000:1500][::-1])
    broken = run("--merge", tmp_path / "all.parquet")
    assert (
        broken.returncode == 3
        and "2 of 4 parts are not complete" in broken.stderr
        and not (tmp_path / "all.parquet").exists()
    )
    assert "2 parts made, 2 were complete" in run("--njobs", 1, "--job", 0).stderr
    write(files[2], galaxies[1000:1500])
    assert "1 parts made, 3 were complete" in run("--njobs", 1, "--job", 0).stderr
    assert run("--merge", tmp_path / "all.parquet").returncode == 0
    out = pq.read_table(tmp_path / "all.parquet")
    np.testing.assert_array_equal(out["TARGETID"], galaxies.targetid)
    np.testing.assert_array_equal(out["HALPHA_EW"], sg.Model.shipped().predict(galaxies).ew[:, 6].astype("f4"))
    np.testing.assert_array_equal(
        np.stack(out["HALPHA_EW_DRAW"].to_pylist()), sg.Model.shipped().sample(galaxies, draws=2, seed=3)[:, 6]
    )
    assert run("--njobs", 3).returncode == 2 and run("--njobs", 3, "--job", 3).returncode == 2
    assert run("--merge", tmp_path / "all.parquet").returncode == 2  # exists
