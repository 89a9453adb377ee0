"""survey from the command line: a synthetic production through plan, run, kill, merge, validate; bad trees."""

import gzip
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from test_prep import EXAMPLE_Z, make_coadd, read, sdss, write


def add_part(tree, folder, name, ids, z=EXAMPLE_Z):
    """A coadd of five galaxies and its redrock file, as a production has them."""
    where = tree / folder
    where.mkdir(parents=True, exist_ok=True)
    hdus = make_coadd(z)
    hdus["FIBERMAP"].data["TARGETID"] = ids
    coadd, redrock = write(where, hdus, z, ids=np.asarray(ids))
    return coadd.rename(where / f"coadd-{name}.fits"), redrock.rename(where / f"redrock-{name}.fits")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Two healpix files and two tiles; target 7 was observed on both tiles."""
    tree = tmp_path_factory.mktemp("production")
    add_part(tree, "healpix/main/bright/100/10016", "main-bright-10016", [1, 2, 3, 4, 5])
    add_part(tree, "healpix/sv3/dark/99/9900", "sv3-dark-9900", [1, 12, 13, 14, 15])
    add_part(tree, "tiles/cumulative/80613/20210324", "4-80613-thru20210324", [6, 7, 8, 9, 10])
    add_part(tree, "tiles/cumulative/80614/20210325", "4-80614-thru20210325", [7, 16, 17, 18, 19])
    return tree


@pytest.fixture(scope="module")
def done(starglow, tree, tmp_path_factory):
    """A run of it, and the catalogue."""
    folder = tmp_path_factory.mktemp("run")
    assert starglow("survey", "plan", tree, "--out", folder / "run").returncode == 0
    run = starglow("survey", "run", tree, "--out", folder / "run")
    assert run.returncode == 0, run.stderr
    merge = starglow("survey", "merge", tree, "--out", folder / "run", "-o", folder / "merged.fits")
    assert merge.returncode == 0, merge.stderr
    return folder


def bad_copy(tree, into):
    subprocess.run(["cp", "-r", tree, into], check=True)
    return into


def test_the_plan_says_what_is_there(starglow, tree, tmp_path):
    run = starglow(
        "survey", "plan", tree, "--out", tmp_path / "run", "--json", "--slurm", tmp_path / "job.sh", "--jobs", 2
    )
    assert run.returncode == 0, run.stderr
    plan = json.loads(run.stdout)
    assert plan["rows"] == 20 and plan["unreadable"] == 0 and len(plan["parts"]) == 4
    assert "20 spectra" in run.stderr
    script = (tmp_path / "job.sh").read_text()
    assert "--array=0-1" in script and subprocess.run(["bash", "-n", tmp_path / "job.sh"]).returncode == 0
    assert not (tmp_path / "dry").exists()
    assert starglow("survey", "plan", tree, "--out", tmp_path / "dry", "--dry-run").returncode == 0
    assert not (tmp_path / "dry").exists()


def test_the_catalogue_has_each_row_once_and_says_which_repeat(done):
    table = read(done / "merged.fits")
    assert sorted(table["TARGETID"]) == sorted([1, 2, 3, 4, 5, 1, 12, 13, 14, 15, 6, 7, 8, 9, 10, 7, 16, 17, 18, 19])
    repeated = (np.asarray(table["FLAGS"]) & (1 << 19)) != 0
    # Target 1 is in two surveys: two targets of one number. Target 7 was observed twice.
    assert list(np.asarray(table["TARGETID"])[repeated]) == [7, 7]
    assert np.all(np.abs(table["HALPHA_EW"] - 40) < 1.5)
    for name in ("HALPHA_EW_PRED", "HALPHA_EW_PRED_P16", "HALPHA_EW_PRED_P84"):
        assert np.all(np.isfinite(table[name]))
    assert set(np.char.strip(np.asarray(table["SURVEY"], str))) == {"main", "sv3", ""}
    assert (done / "run/rejects.csv").read_text().splitlines() == ["part,file,row,targetid,reason"]


def test_predictions_and_measurements_are_those_of_prep_and_predict(starglow, tree, done, tmp_path):
    where = tree / "healpix/main/bright/100/10016"
    files = (where / "coadd-main-bright-10016.fits", where / "redrock-main-bright-10016.fits")
    assert starglow("prep", *files, "-o", tmp_path / "t.fits").returncode == 0
    assert starglow("predict", tmp_path / "t.fits", "-o", tmp_path / "p.fits").returncode == 0
    measured, predicted = read(tmp_path / "t.fits"), read(tmp_path / "p.fits")
    part = read(done / "run/parts/main-bright-10016.fits")
    for name in measured.colnames:
        if part[name].dtype.kind in "fi" and name not in ("FLAGS", "SURVEY", "PROGRAM"):
            assert np.array_equal(np.asarray(part[name]), np.asarray(measured[name]), equal_nan=True), name
    assert np.array_equal(part["OIII_5007_EW_PRED_P84"], predicted["OIII_5007_EW_P84"])


def test_selected_rows_and_rejects_add_up(starglow, tree, tmp_path):
    (tmp_path / "ids.txt").write_text("# wanted\n7\n12\n")
    options = ("--targetids", tmp_path / "ids.txt", "--spectype", "GALAXY", "--zmax", 0.25)
    run = starglow("survey", "run", tree, "--out", tmp_path / "run", *options)
    assert run.returncode == 0, run.stderr
    assert starglow("survey", "merge", tree, "--out", tmp_path / "run", "-o", tmp_path / "m.fits").returncode == 0
    table = read(tmp_path / "m.fits")
    assert sorted(table["TARGETID"]) == [7, 7, 12]
    rejects = (tmp_path / "run/rejects.csv").read_text().splitlines()[1:]
    assert len(rejects) == 17 and all("not selected" in line for line in rejects)


def test_a_killed_run_goes_on_and_gives_the_same_bytes(binary, starglow, tree, done, tmp_path):
    command = [str(binary), "survey", "run", str(tree), "--out", str(tmp_path / "run")]
    for pause in (0.05, 0.15, 0.3):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert starglow("survey", "run", tree, "--out", tmp_path / "run").returncode == 0
    assert starglow("survey", "merge", tree, "--out", tmp_path / "run", "-o", tmp_path / "m.fits").returncode == 0
    assert (tmp_path / "m.fits").read_bytes() == (done / "merged.fits").read_bytes()
    left = [p.name for p in (tmp_path / "run/parts").iterdir() if not p.name.endswith((".fits", ".json"))]
    again = starglow("survey", "status", "--out", tmp_path / "run", "--json")
    assert json.loads(again.stdout)["done"] == 4, left


def test_jobs_share_the_parts(starglow, tree, done, tmp_path):
    assert starglow("survey", "plan", tree, "--out", tmp_path / "run").returncode == 0
    for job in (1, 0):
        assert starglow("survey", "run", "--out", tmp_path / "run", "--jobs", 2, "--job", job).returncode == 0
    assert starglow("survey", "merge", "--out", tmp_path / "run", "-o", tmp_path / "m.fits").returncode == 0
    assert (tmp_path / "m.fits").read_bytes() == (done / "merged.fits").read_bytes()


def test_bad_trees_are_named_counted_and_the_rest_done(starglow, tree, tmp_path):
    bad = bad_copy(tree, tmp_path / "tree")
    (bad / "healpix/sv3/dark/99/9900/redrock-sv3-dark-9900.fits").unlink()
    tile = bad / "tiles/cumulative/80614/20210325/coadd-4-80614-thru20210325.fits"
    tile.write_bytes(tile.read_bytes()[:100000])
    plan = starglow("survey", "plan", bad, "--out", tmp_path / "run")
    assert plan.returncode == 0 and "redrock-sv3-dark-9900" in plan.stderr and "80614" in plan.stderr
    run = starglow("survey", "run", bad, "--out", tmp_path / "run")
    assert run.returncode == 4 and "2 parts failed" in run.stderr
    assert starglow("survey", "validate", bad, "--out", tmp_path / "run").returncode == 4
    assert starglow("survey", "merge", bad, "--out", tmp_path / "run", "-o", tmp_path / "m.fits").returncode == 4
    assert not (tmp_path / "m.fits").exists()
    merge = starglow("survey", "merge", bad, "--out", tmp_path / "run", "-o", tmp_path / "m.fits", "--allow-partial")
    assert merge.returncode == 0, merge.stderr
    assert len(read(tmp_path / "m.fits")) == 10
    lines = (tmp_path / "run/rejects.csv").read_text().splitlines()
    assert sum(",-1,," in line for line in lines) == 2


def test_a_part_that_breaks_after_the_plan_fails_alone(starglow, tree, tmp_path):
    bad = bad_copy(tree, tmp_path / "tree")
    assert starglow("survey", "plan", bad, "--out", tmp_path / "run").returncode == 0
    file = bad / "healpix/sv3/dark/99/9900/coadd-sv3-dark-9900.fits"
    content = bytearray(file.read_bytes())
    content[-3000] ^= 255  # a pixel: the checksum is wrong now
    file.write_bytes(content)
    run = starglow("survey", "run", bad, "--out", tmp_path / "run")
    assert run.returncode == 4 and "sv3-dark-9900" in run.stderr
    state = json.loads(starglow("survey", "status", "--out", tmp_path / "run", "--json").stdout)
    assert (state["done"], state["failed"]) == (3, 1)


def test_validate_sees_a_flipped_bit_in_a_part(starglow, tree, tmp_path):
    assert starglow("survey", "run", tree, "--out", tmp_path / "run").returncode == 0
    assert starglow("survey", "validate", "--out", tmp_path / "run").returncode == 0
    part = tmp_path / "run/parts/main-bright-10016.fits"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    run = starglow("survey", "validate", "--out", tmp_path / "run")
    assert run.returncode == 4 and "main-bright-10016" in run.stderr


def test_new_settings_make_the_parts_again(starglow, tree, tmp_path):
    assert starglow("survey", "run", tree, "--out", tmp_path / "run").returncode == 0
    before = (tmp_path / "run/parts/main-bright-10016.json").read_text()
    assert starglow("survey", "run", "--out", tmp_path / "run").returncode == 0
    assert (tmp_path / "run/parts/main-bright-10016.json").read_text() == before
    assert starglow("survey", "run", "--out", tmp_path / "run", "--recipe", "robust").returncode == 0
    assert (tmp_path / "run/parts/main-bright-10016.json").read_text() != before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("plna", "tree"), 2, "plan"),
        (("plan",), 2, "folder with the survey"),
        (("run", "--out", "none"), 3, "no plan"),
        (("plan", "nowhere", "--out", "run"), 3, "no folder"),
    ],
)
def test_wrong_calls(starglow, tmp_path, words, code, said):
    run = starglow("survey", *words, cwd=tmp_path)
    assert run.returncode == code and said in run.stderr


def test_an_empty_tree_is_refused(starglow, tmp_path):
    (tmp_path / "tree").mkdir()
    run = starglow("survey", "plan", tmp_path / "tree", "--out", tmp_path / "run")
    assert run.returncode == 3 and "no spectra" in run.stderr


def test_two_tables_of_one_name_stay_apart(starglow, tmp_path):
    add_part(tmp_path / "tree", "a", "main-bright-1", [1, 2, 3, 4, 5])
    add_part(tmp_path / "tree", "b", "main-bright-1", [6, 7, 8, 9, 10])
    assert starglow("survey", "run", tmp_path / "tree", "--out", tmp_path / "run").returncode == 0
    assert starglow("survey", "merge", "--out", tmp_path / "run", "-o", tmp_path / "m.fits").returncode == 0
    assert len(Table.read(tmp_path / "m.fits")) == 10


def add_uniqpix(tree):
    """Two parts of the layout by uniq pixels, one of a program with a digit in its name; its redshift files say
    DELTACHI2 and class of each row."""
    for k, (survey, program) in enumerate((("main", "dark"), ("main", "bright1b"))):
        ids = [5 * k + j for j in range(1, 6)]
        _, redrock = add_part(tree, f"uniqpix/{survey}/{program}/{k}", f"{survey}-{program}-1000{k}", ids)
        with fits.open(redrock) as hdus:
            old = hdus["REDSHIFTS"].data
            columns = [fits.Column("DELTACHI2", "D", array=[5.0, 30.0, 9.0, 100.0, np.nan])]
            columns += [fits.Column(n, old.columns[n].format, array=old[n]) for n in ("TARGETID", "Z", "ZWARN")]
            columns.append(fits.Column("SPECTYPE", "6A", array=["GALAXY", "GALAXY", "QSO", "STAR", "GALAXY"]))
            fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="REDSHIFTS")]).writeto(
                redrock, overwrite=True
            )


@pytest.mark.parametrize(
    ("options", "kept", "reason"),
    [
        (("--survey", "main"), 10, None),
        (("--program", "bright1b"), 5, None),
        (("--spectype", "GALAXY"), 6, "not selected: SPECTYPE QSO"),
        (("--spectype", "QSO"), 2, "not selected: SPECTYPE STAR"),
        (("--deltachi2", 25), 4, "not selected: DELTACHI2"),
        (("--zmin", 0.2), 4, "not selected: Z"),
        (("--zmax", 0.2), 8, "not selected: Z"),
        (("--spectype", "GALAXY", "--deltachi2", 25), 2, "not selected: DELTACHI2"),
    ],
)
def test_each_selection_of_a_uniqpix_tree(starglow, tmp_path, options, kept, reason):
    add_uniqpix(tmp_path / "tree")
    run = starglow("survey", "run", tmp_path / "tree", "--out", tmp_path / "run", *options)
    assert run.returncode == 0, run.stderr
    assert starglow("survey", "merge", "--out", tmp_path / "run", "-o", tmp_path / "m.fits").returncode == 0
    table = read(tmp_path / "m.fits")
    assert len(table) == kept
    assert set(np.char.strip(np.asarray(table["SURVEY"], str))) == {"main"}
    rejects = (tmp_path / "run/rejects.csv").read_text().splitlines()[1:]
    planned = 5 * len(list((tmp_path / "run/parts").glob("*.fits")))
    assert kept + len(rejects) == planned
    if reason:
        assert any(reason in line for line in rejects)
    if "--deltachi2" in options:
        assert np.all(table["DELTACHI2"] >= 25)


def sdss_tree(tree, **plates):
    """spec-PLATE-51602-FIBRE.fits in a folder a plate."""
    for plate, fibres in plates.items():
        (tree / plate[1:]).mkdir(parents=True)
        for fibre in fibres:
            sdss(tree / plate[1:] / f"spec-{plate[1:]}-51602-{fibre:04d}.fits")


def merged(starglow, folder, *options):
    run = starglow("survey", "merge", "--out", folder / "run", "-o", folder / "m.fits", "--overwrite", *options)
    assert run.returncode == 0, run.stderr
    return read(folder / "m.fits")


def test_a_tree_of_sdss_files(starglow, tmp_path):
    """Folders of spec files are parts; broken files are named and counted, and the rest of their folder is done."""
    sdss_tree(tmp_path / "tree", p0266=(1, 2, 3, 5, 6), p0267=(4,))
    run = starglow("survey", "run", tmp_path / "tree", "--out", tmp_path / "run")
    assert run.returncode == 0, run.stderr
    table = merged(starglow, tmp_path)
    assert len(table) == 6 and "HALPHA_EW_CAT" in table.colnames
    cut = tmp_path / "tree/0266/spec-0266-51602-0002.fits"
    cut.write_bytes(cut.read_bytes()[:5000])
    with fits.open(tmp_path / "tree/0266/spec-0266-51602-0005.fits") as hdus:
        hdus["COADD"].data["loglam"][7] = np.nan  # seen only when the spectrum is read
        hdus.writeto(tmp_path / "tree/0266/spec-0266-51602-0005.fits", overwrite=True)
    (tmp_path / "tree/0266/spec-0266-51602-0006.fits").unlink()
    for _ in range(2):  # the second time from the notes of the first
        again = starglow("survey", "run", "--out", tmp_path / "run")
        assert again.returncode == 4 and "3 files were left out" in again.stderr, again.stderr
        for fibre in (2, 5, 6):
            assert f"spec-0266-51602-{fibre:04d}" in again.stderr
        state = json.loads(starglow("survey", "status", "--out", tmp_path / "run", "--json").stdout)
        assert (state["done"], state["failed"], state["files_left_out"], state["rows"]) == (2, 0, 3, 6)
    assert starglow("survey", "run", "--out", tmp_path / "run", "--allow-partial").returncode == 0
    assert starglow("survey", "validate", "--out", tmp_path / "run").returncode == 0
    assert len(merged(starglow, tmp_path)) == 3
    rejects = (tmp_path / "run/rejects.csv").read_text().splitlines()[1:]
    assert len(rejects) == 3 and all("spec-0266" in line for line in rejects)
    plan = starglow("survey", "plan", tmp_path / "tree", "--out", tmp_path / "run", "--overwrite")
    assert plan.returncode == 0 and "spec-0266-51602-0002" in plan.stderr and "1 files of other parts" in plan.stderr
    only = tmp_path / "tree/0267/spec-0267-51602-0004.fits"
    only.write_bytes(only.read_bytes()[:5000])  # a folder without any whole file is a part that failed
    last = starglow("survey", "run", "--out", tmp_path / "run")
    assert last.returncode == 4 and "part spec-0267 failed" in last.stderr and "1 parts failed" in last.stderr


def test_desi_and_sdss_in_one_tree_are_one_catalogue(starglow, tmp_path):
    add_part(tmp_path / "tree", "tiles/1", "0-1-thru20210101", [1, 2, 3, 4, 5])
    sdss_tree(tmp_path / "tree", p0266=(1,))
    assert starglow("survey", "run", tmp_path / "tree", "--out", tmp_path / "run").returncode == 0
    table = merged(starglow, tmp_path)
    assert len(table) == 6 and np.sum(table["HALPHA_EW_CAT_IVAR"] > 0) == 1


def test_files_of_older_and_newer_productions_stand_beside_each_other(starglow, tmp_path):
    """zbest files of the early data; a file beside its compressed copy is taken once, and said."""
    _, redrock = add_part(tmp_path / "tree", "tiles/1", "0-1-deep", [1, 2, 3, 4, 5])
    with fits.open(redrock) as hdus:
        hdus["REDSHIFTS"].name = "ZBEST"
        hdus.writeto(redrock.with_name("zbest-0-1-deep.fits"))
    redrock.unlink()
    coadd, _ = add_part(tmp_path / "tree", "tiles/2", "0-2-thru20210101", [6, 7, 8, 9, 10])
    coadd.with_name(coadd.name + ".gz").write_bytes(gzip.compress(coadd.read_bytes()))
    plan = starglow("survey", "plan", tmp_path / "tree", "--out", tmp_path / "run")
    assert plan.returncode == 0 and "coadd-0-2-thru20210101.fits.gz' is passed over" in plan.stderr
    assert starglow("survey", "run", "--out", tmp_path / "run").returncode == 0
    assert sorted(merged(starglow, tmp_path)["TARGETID"]) == list(range(1, 11))


def test_empty_petals_and_petals_without_light(starglow, tmp_path):
    """A coadd of no rows is a part of no rows; spectra without a good pixel are rows with flags."""
    tree = tmp_path / "tree"
    coadd, redrock = add_part(tree, "tiles/1", "0-1-thru20210101", [1, 2, 3, 4, 5])
    for path in (coadd, redrock):
        with fits.open(path) as hdus:
            for hdu in hdus[1:]:
                if isinstance(hdu, fits.BinTableHDU) or hdu.data.ndim == 2:
                    hdu.data = hdu.data[:0]
            hdus.writeto(path, overwrite=True, checksum=True)
    dark, _ = add_part(tree, "tiles/2", "1-1-thru20210101", [6, 7, 8, 9, 10])
    with fits.open(dark) as hdus:
        for camera in "BRZ":
            hdus[camera + "_IVAR"].data[:] = 0
        hdus.writeto(dark, overwrite=True, checksum=True)
    add_part(tree, "tiles/3", "2-1-thru20210101", [11, 12, 13, 14, 15])
    run = starglow("survey", "run", tree, "--out", tmp_path / "run")
    assert run.returncode == 0 and "3 parts, 10 spectra" in run.stderr, run.stderr
    table = merged(starglow, tmp_path)
    bright = np.asarray(table["TARGETID"]) > 10
    assert np.all(np.isfinite(table["HALPHA_EW"][bright])) and np.all(np.isnan(table["HALPHA_EW"][~bright]))
    assert len(table) == 10 and np.all(np.asarray(table["FLAGS"])[~bright] != 0)


def test_the_catalogue_describes_its_columns_and_each_line_given_the_others(done):
    table = read(done / "merged.fits")
    header = fits.getheader(done / "merged.fits", "GALAXIES")
    about = {header[f"TTYPE{i}"]: header.get(f"TCOMM{i}") for i in range(1, header["TFIELDS"] + 1)}
    assert "Halpha" in about["HALPHA_FLUX"] and table["HALPHA_VSHIFT"].unit == "km / s"
    assert all(about[name] for name in table.colnames)
    for suffix in ("_SIGMA", "_VSHIFT"):
        assert np.all(table[f"HALPHA{suffix}_IVAR"] > 0)
    assert np.all(table["HALPHA_FLUX_LIMIT"] > table["HALPHA_FLUX"])
    for name in ("D4000", "D4000_IVAR", "LICK_HDELTA_A", "SNR", "VDISP"):
        assert np.all(np.isfinite(table[name])), name
    low, middle, high = (np.asarray(table[f"HALPHA_EW_GIVEN{s}"]) for s in ("_P16", "", "_P84"))
    assert np.all((low <= middle) & (middle <= high))
    # Given Hbeta, [OIII] and the rest, Halpha is known better than from the continuum alone.
    assert np.median(high - low) < np.median(table["HALPHA_EW_PRED_P84"] - table["HALPHA_EW_PRED_P16"])
    assert np.all(np.abs(table["HALPHA_EW_GIVEN_PULL"]) <= 8)
