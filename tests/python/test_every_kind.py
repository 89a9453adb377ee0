"""Several tables in one training and evaluation."""

import json

import numpy as np
import pytest
from astropy.table import Table

from conftest import forget_checksum

QUICK = (
    "--preset every-kind epochs=3 joint_epochs=3 members=1 point_members=1 sibling=false width_epochs=0 "
    "site_refreshes=0 selection= peaks= dust= error_scale="
).split()


@pytest.fixture(scope="module")
def tables(starglow, mock, tmp_path_factory):
    """Three tables of synthetic galaxies with other names; those of the last have no bluest band and other ids."""
    folder = tmp_path_factory.mktemp("tables")
    galaxies = Table.read(mock, hdu=1)
    third = len(galaxies) // 3
    out = []
    for k, name in enumerate(("FIRST", "SECOND", "THIRD")):
        part = galaxies[k * third : (k + 1) * third]
        part.meta["LABELVER"] = name
        if k == 2:
            part["BAND_FLUX"][:, 0] = np.nan
        forget_checksum(part)
        out.append(folder / f"{name.lower()}.fits")
        part.write(out[-1])
    return out


def scores(starglow, tmp_path, name, *args):
    run = starglow("evaluate", *args, "--bootstrap", 0, "--draws", 32, "--json", tmp_path / name)
    assert run.returncode == 0, run.stderr
    return json.loads((tmp_path / name).read_text()), run.stdout


def test_each_table_is_scored_by_the_models_that_have_not_seen_its_rows(starglow, tables, tmp_path):
    each, text = scores(starglow, tmp_path, "each.json", *tables, "--cv", "--each", "--folds", 2, *QUICK)
    assert set(each) == {"judged", "others"} and list(each["others"]) == ["SECOND", "THIRD"]
    assert "SECOND: all measurements" in text and "THIRD: all measurements" in text
    # A table is scored alike whether it is the judged one or one of the others: training has its rows in another order,
    # so numbers differ, but no score is of rows that were seen, and none is left out.
    for k, name in ((1, "SECOND"), (2, "THIRD")):
        order = [tables[k], *(t for t in tables if t != tables[k])]
        alone, _ = scores(starglow, tmp_path, f"{name}.json", *order, "--cv", "--folds", 2, *QUICK)
        a, b = each["others"][name], alone["whole_table"]
        assert {line: s["n"] for line, s in a["lines"].items()} == {line: s["n"] for line, s in b["lines"].items()}
        assert a["lineless"]["n"] == b["lineless"]["n"] and a["lineless"]["observed"] == b["lineless"]["observed"]
        assert a["mean_crps"] == pytest.approx(b["mean_crps"], rel=0.1)
        assert a["domain"]["n"] > 0 and 0 <= a["domain"]["outside"] < 0.2
    # The judged table's own scores do not depend on --each.
    plain, _ = scores(starglow, tmp_path, "plain.json", *tables, "--cv", "--folds", 2, *QUICK)
    assert plain["whole_table"] == each["judged"]["whole_table"]


def test_each_needs_several_tables_in_a_cross_validation(starglow, tables):
    for args in (
        (tables[0], "--cv", "--each"),
        (tables[0], "--each"),
        (*tables, "--cv", "--each", "--leave-out", "SECOND"),
    ):
        run = starglow("evaluate", *args, *QUICK)
        assert run.returncode == 2 and "--each" in run.stderr, run.stderr
