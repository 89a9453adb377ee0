"""starglow.survey: the same bytes on a Dask cluster, also when a worker dies; catalogues in Parquet and HATS."""

import json
import os

import numpy as np
import pytest

distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed: ./check installs it, ./check --quick does not"
)
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Table
from test_survey import add_part

import starglow.survey as survey


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    tree = tmp_path_factory.mktemp("production")
    for k in range(4):
        add_part(tree, f"healpix/main/bright/1/{k}", f"main-bright-{k}", [5 * k + j for j in range(1, 6)])
    return tree


@pytest.fixture(scope="module", autouse=True)
def _the_program_of_this_build(binary):
    old = os.environ.get("STARGLOW_EXECUTABLE")
    os.environ["STARGLOW_EXECUTABLE"] = str(binary)
    yield
    if old is None:
        del os.environ["STARGLOW_EXECUTABLE"]
    else:
        os.environ["STARGLOW_EXECUTABLE"] = old


@pytest.fixture(scope="module")
def alone(tree, starglow, tmp_path_factory):
    """The run of one process, and its catalogue."""
    folder = tmp_path_factory.mktemp("alone")
    assert starglow("survey", "run", tree, "--out", folder / "run").returncode == 0
    assert survey.merge(folder / "run", folder / "catalogue.fits") == 20
    return folder


def cluster():
    return distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)


def test_two_processes_give_the_bytes_of_one(tree, alone, tmp_path):
    assert survey.plan(tree, tmp_path / "run")["rows"] == 20
    with cluster() as two, distributed.Client(two) as client:
        assert survey.run(tmp_path / "run", client) == {"done": 4, "failed": {}, "files_left_out": []}
        again = survey.run(tmp_path / "run", client)  # all of it is there
    assert again["done"] == 4
    assert survey.status(tmp_path / "run")["done"] == 4 and survey.validate(tmp_path / "run")
    survey.merge(tmp_path / "run", tmp_path / "catalogue.fits")
    assert (tmp_path / "catalogue.fits").read_bytes() == (alone / "catalogue.fits").read_bytes()


def test_a_worker_that_dies_costs_its_part_alone(tree, alone, binary, tmp_path, monkeypatch):
    """The program kills the worker that called it, once, in the middle of the third part."""
    broken = tmp_path / "starglow"
    broken.write_text(
        f'#!/bin/bash\nif [[ " $* " == *" --job 2 "* ]] && mkdir "{tmp_path}/once" 2>/dev/null; then\n'
        f'  kill -9 $PPID; exit 9\nfi\nexec "{binary}" "$@"\n'
    )
    broken.chmod(0o755)
    survey.plan(tree, tmp_path / "run")
    monkeypatch.setenv("STARGLOW_EXECUTABLE", str(broken))
    with cluster() as two, distributed.Client(two) as client:
        assert survey.run(tmp_path / "run", client)["done"] == 4
    assert (tmp_path / "once").exists()
    survey.merge(tmp_path / "run", tmp_path / "catalogue.fits")
    assert (tmp_path / "catalogue.fits").read_bytes() == (alone / "catalogue.fits").read_bytes()


def test_a_part_that_fails_is_named_and_the_rest_done(tree, tmp_path):
    bad = tmp_path / "tree"
    os.system(f"cp -r '{tree}' '{bad}'")
    file = bad / "healpix/main/bright/1/2/coadd-main-bright-2.fits"
    survey.plan(bad, tmp_path / "run")
    content = bytearray(file.read_bytes())
    content[-3000] ^= 255
    file.write_bytes(content)
    said = []
    with cluster() as two, distributed.Client(two) as client:
        made = survey.run(tmp_path / "run", client, say=said.append)
    assert made["done"] == 3 and list(made["failed"]) == ["main-bright-2"]
    assert "main-bright-2" in said[0] and not survey.validate(tmp_path / "run")
    with pytest.raises(ValueError, match="parts are not there"):
        survey.merge(tmp_path / "run", tmp_path / "catalogue.parquet")
    assert survey.merge(tmp_path / "run", tmp_path / "catalogue.parquet", allow_partial=True) == 15


def test_parquet_says_what_fits_says(alone, tmp_path):
    assert survey.merge(alone / "run", tmp_path / "catalogue.parquet", rows=7) == 20
    got, want = (
        pq.read_table(tmp_path / "catalogue.parquet"),
        Table.read(alone / "catalogue.fits", hdu="GALAXIES", mask_invalid=False),
    )
    assert got.column_names == want.colnames
    for name in want.colnames:
        if name in ("SURVEY", "PROGRAM", "SPECTYPE", "OBJTYPE"):
            assert got[name].to_pylist() == [str(text).strip() for text in want[name]]
        elif np.ma.isMaskedArray(want[name]) and np.all(want[name].mask):
            assert got[name].null_count == 20 or not np.any(np.isfinite(np.array(got[name].to_pylist(), float)))
        else:
            values = np.array(got[name].to_pylist(), want[name].dtype)
            np.testing.assert_array_equal(values, np.asarray(want[name]))
    field = got.schema.field("HALPHA_FLUX")
    assert field.metadata[b"unit"] == b"10**-17 erg s-1 cm-2" and b"Halpha" in field.metadata[b"description"]
    assert json.loads(got.schema.metadata[b"starglow"])["MASKRULE"] == "k24"
    few = tmp_path / "few.parquet"
    survey.merge(alone / "run", few, columns=["TARGETID", "HALPHA_EW"])
    assert pq.read_schema(few).names == ["TARGETID", "HALPHA_EW"]
    with pytest.raises(ValueError, match="exists"):
        survey.merge(alone / "run", few)
    with pytest.raises(ValueError, match="no column"):
        survey.merge(alone / "run", few, columns=["NOTHING"], overwrite=True)


def test_hats_is_read_by_lsdb(alone, tmp_path):
    lsdb = pytest.importorskip("lsdb", reason="LSDB is not installed: ./check installs it, ./check --quick does not")
    with pytest.raises(ValueError, match="20 of 20 without RA or DEC"):
        survey.merge(alone / "run", tmp_path / "hats")
    with fits.open(alone / "catalogue.fits") as hdus:
        for k, name in enumerate(("RA", "DEC")):
            hdus["GALAXIES"].data[name] = np.linspace(1 + k, 40 + k, 20)
        hdus.writeto(tmp_path / "placed.fits")
        want = {
            int(i): float(ew) for i, ew in zip(hdus["GALAXIES"].data["TARGETID"], hdus["GALAXIES"].data["HALPHA_EW"])
        }
    assert survey.to_hats(tmp_path / "placed.fits", tmp_path / "hats", rows=10) == 20
    got = lsdb.open_catalog(tmp_path / "hats").compute()
    assert sorted(got["TARGETID"]) == sorted(want)
    assert {int(i): float(ew) for i, ew in zip(got["TARGETID"], got["HALPHA_EW"])} == want


def test_wrong_calls(tree, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no plan"):
        survey.run(tmp_path, None)
    with pytest.raises(ValueError, match="no option 'colour'"):
        survey.plan(tree, tmp_path / "run", colour="red")
    with pytest.raises(ValueError, match="no folder"):
        survey.plan(tmp_path / "nowhere", tmp_path / "run")
    assert survey.main(["merge", "--out", str(tmp_path), "-o", str(tmp_path / "c.parquet")]) == 3
    monkeypatch.setenv("STARGLOW_EXECUTABLE", "/nowhere/starglow")
    with pytest.raises(FileNotFoundError):
        survey.status(tmp_path)
