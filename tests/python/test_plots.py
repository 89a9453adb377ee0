"""Figures: the numbers drawn are those of the file, the bytes repeat, odd files are refused."""

import json
import subprocess
import sys

import numpy as np
import pytest

from starglow.plots import draw, read, save

KINDS = (
    "bpt",
    "coverage",
    "detected_fractions",
    "ew_cumulative",
    "ew_histograms",
    "observed_predicted",
    "pit",
    "residual_correlations",
)


@pytest.fixture(scope="module")
def report(starglow, mock, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "r"
    run = starglow("evaluate", mock, "--report", folder, "--draws", 16, "--bootstrap", 10)
    assert run.returncode == 0, run.stderr
    return folder


def minimal(**change):
    return {
        "schema": "starglow-figure-1",
        "name": "f",
        "title": "t",
        "caption": "c",
        "n": 3,
        "kind": "lines",
        "x": {"label": "EW", "unit": "A"},
        "y": {"label": "n", "unit": ""},
        "panels": [{"title": "p", "series": [{"label": "s", "style": "line", "x": [1, 2, 3], "y": [1, None, 2]}]}],
    } | change


def test_every_figure_of_a_report_is_drawn_twice_alike(report, tmp_path):
    files = sorted((report / "figures").glob("*.json"))
    assert set(KINDS) <= {f.stem for f in files}
    for folder in ("a", "b"):
        run = subprocess.run(
            [sys.executable, "-m", "starglow.plots", report, "-o", tmp_path / folder], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
    made = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert made == sorted(f"{f.stem}.{kind}" for f in files for kind in ("pdf", "png", "svg"))
    for name in made:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_what_is_drawn_is_what_the_file_holds(report):
    figure = read(report / "figures/ew_cumulative.json")
    drawn = draw(figure)
    axes = [a for a in drawn.axes if a.get_visible()]
    assert [a.get_title() for a in axes] == [p["title"] for p in figure["panels"]] and len(axes) == 8
    for ax, panel in zip(axes, figure["panels"]):
        for line, series in zip(ax.get_lines(), panel["series"]):
            np.testing.assert_array_equal(line.get_xydata(), np.array([series["x"], series["y"]], float).T)
    observed, predicted, noisy, faint = axes[0].get_lines()
    assert observed.get_linestyle() == "--" and observed.get_color() == "#000000"
    assert (
        len({line.get_color() for line in (observed, predicted, noisy, faint)}) == 4 and faint.get_color() == "#8C8C8C"
    )
    matrix = read(report / "figures/residual_correlations.json")
    image = draw(matrix).axes[0].get_images()[0].get_array()
    np.testing.assert_allclose(
        np.ma.filled(image, np.nan),
        np.array(
            [
                [np.nan if v is None else v for v in row]
                for row in np.reshape(matrix["panels"][0]["matrix"]["values"], (8, 8))
            ],
            float,
        ),
    )
    assert draw(figure).get_size_inches()[0] == 7.0 and draw(minimal()).get_size_inches()[0] == 3.3


def test_a_series_that_the_title_names_is_not_in_the_legend(report):
    (legend,) = draw(read(report / "figures/bpt.json")).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "Kauffmann et al. 2003",
        "Kewley et al. 2001",
        "68 %",
        "95 %",
    ]


def test_words_are_those_of_papers_and_what_is_wanted_is_dashed(report):
    """[O II], H-alpha with its letter, EW (Å), the letter rho; what is wanted is the only black line, dashed."""
    texts = []
    for name in KINDS:
        drawn = draw(read(report / f"figures/{name}.json"))
        texts += [t.get_text() for ax in drawn.axes for t in [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts]]
        texts += [t.get_text() for t in (drawn._supxlabel, drawn._supylabel) if t is not None]
    words = " ".join(texts)
    for good in ("[O II] 3727", "H\N{GREEK SMALL LETTER ALPHA}", "EW (Å)", "\N{GREEK SMALL LETTER RHO}", "[N II] 6584"):
        assert good in words, good
    for bad in ("OII_DOUBLET", "HALPHA", "Halpha", "Angstrom", "rho"):
        assert bad not in words, bad
    for ax in draw(read(report / "figures/coverage.json")).axes:
        assert {line.get_linestyle() for line in ax.get_lines() if line.get_color() in ("#000000", "000000", "k")} <= {
            "--"
        }
    bpt = {s["label"]: s["style"] for s in read(report / "figures/bpt.json")["panels"][0]["series"]}
    assert bpt["Kauffmann et al. 2003"] == "dash" and bpt["Kewley et al. 2001"] == "line"
    curves = {line.get_label(): line for line in draw(read(report / "figures/bpt.json")).axes[0].get_lines()}
    assert [curves[name].get_color() for name in ("Kauffmann et al. 2003", "Kewley et al. 2001")] == ["#000000"] * 2


def test_the_report_prints_no_title_over_another_and_cuts_no_key(report):
    """Of each SVG: words stand apart, and all of them within the picture."""
    import re

    html = (report / "index.html").read_text()
    pictures = re.findall(
        r'<svg(?: class="[^"]*")?(?: xmlns="[^"]*")?[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>(.*?)</svg>', html, re.S
    )
    assert len(pictures) >= len(KINDS) + 1
    assert not re.search(r"(?<!&)\brho\b", re.sub(r"<pre>.*?</pre>", "", html, flags=re.S))
    for width, height, body in pictures:
        boxes = []
        for attributes, text in re.findall(r"<text([^>]*)>([^<]*)</text>", body):
            if "transform" in attributes or 'class="cell"' in attributes:
                continue
            x, y = (float(re.search(rf'\b{k}="([-\d.]+)"', attributes)[1]) for k in "xy")
            size = 7 if float(width) < 240 else 9 if "note" in attributes else 10
            wide = 0.5 * size * len(text)
            anchor = re.search(r'text-anchor="(\w+)"', attributes)
            left = x - {"middle": wide / 2, "end": wide}.get(anchor[1] if anchor else "", 0)
            assert -3 < left and left + wide < float(width) + 3 and y < float(height) + 1, text
            boxes.append((left, y - 0.7 * size, left + wide, y, text))
        for k, a in enumerate(boxes):
            for b in boxes[k + 1 :]:
                over = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                assert min(over) < 2, (a[4], b[4])


def test_gaps_bands_and_colours():
    panel = {
        "title": "",
        "series": [
            {"label": "b", "style": "band", "x": [1, 2], "y_low": [0, 0], "y_high": [1, 2]},
            {"label": "m", "style": "points", "x": [1, 2], "y": [3, 4], "c": [0, 1]},
            {"label": "h", "style": "steps", "x": [0, 1, 2], "y": [5, 6]},
        ],
        "x_range": [0, 3],
        "y_range": [0, 7],
    }
    ax = draw(minimal(panels=[panel], kind="map")).axes[0]
    assert ax.get_xlim() == (0, 3) and ax.get_ylim() == (0, 7) and len(ax.collections) == 2 and len(ax.patches) == 1
    line = draw(minimal()).axes[0].get_lines()[0]
    assert np.isnan(line.get_ydata()[1])
    assert draw(minimal(kind="spectrum")).get_size_inches()[0] == 7.0


@pytest.fixture(scope="module")
def panels(starglow, mock, tmp_path_factory):
    folder = tmp_path_factory.mktemp("panels")
    run = starglow("embed", mock, "-o", folder / "mapped.fits", "--panels", folder / "r", "--epochs", 20)
    assert run.returncode == 0, run.stderr
    return read(folder / "r/figures/map.json")


def test_the_maps_of_a_line_share_one_colour_scale_that_is_of_the_measured(panels):
    axes = [a for a in draw(panels).axes if a.get_label() != "<colorbar>"]
    bars = [a for a in draw(panels).axes if a.get_label() == "<colorbar>"]
    columns = panels["columns"]
    assert len(axes) == len(panels["panels"]) == 6 * columns and len(bars) == 6
    assert [a.get_title() for a in axes[:columns]] == ["observed", "predicted", "predicted + noise"]
    for k, (ax, panel) in enumerate(zip(axes, panels["panels"])):
        (points,) = ax.collections
        (series,) = panel["series"]
        np.testing.assert_array_equal(points.get_offsets(), np.array([series["x"], series["y"]]).T)
        np.testing.assert_array_equal(points.get_array(), series["c"])
        assert [t.get_text() for t in ax.texts] == [panel["note"]] and panel["note"].startswith(
            "scatter" if k % columns == 0 else "ratio"
        )
        measured = panels["panels"][k - k % columns]
        np.testing.assert_allclose(
            [points.norm.vmin, points.norm.vmax], np.percentile(measured["series"][0]["c"], [5, 95]), rtol=1e-9
        )
    assert len({tuple(p["c_range"]) for p in panels["panels"]}) == 6  # each line has its own
    assert all(b.get_ylabel() == "EW (Å)" for b in bars)


def test_the_panels_are_one_picture_for_a_column_of_a_paper(starglow, mock, tmp_path):
    import re
    import xml.etree.ElementTree as xml

    run = starglow("embed", mock, "-o", tmp_path / "m.fits", "--panels", tmp_path / "p.svg", "--epochs", 20)
    assert run.returncode == 0, run.stderr
    root = xml.parse(tmp_path / "p.svg").getroot()
    assert root.get("width") == "237.6pt" and root.get("font-size") == "7"  # 3.3 inches
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    for word in (
        "observed",
        "predicted",
        "predicted + noise",
        "[O II] 3727",
        "Hβ",
        "[O III] 5007",
        "H\N{GREEK SMALL LETTER ALPHA}",
        "EW (Å)",
    ):
        assert word in texts, (word, texts)
    height = float(root.get("height")[:-2])
    for t in root.iter("{http://www.w3.org/2000/svg}text"):
        if t.get("x"):
            assert 0 <= float(t.get("x")) <= 237.6 and 0 <= float(t.get("y")) <= height, t.text
    cells = re.findall(r"M[\d.]+ [\d.]+h", (tmp_path / "p.svg").read_text())
    assert len(cells) > 2000 and (tmp_path / "p.svg").stat().st_size < 1_500_000
    again = starglow("embed", mock, "-o", tmp_path / "n.fits", "--panels", tmp_path / "p.svg", "--epochs", 20)
    assert again.returncode == 2 and "exists" in again.stderr


def test_notes_stand_where_the_fewest_points_are(panels):
    bent = json.loads(json.dumps(panels))
    u = np.linspace(0, 1, 50)
    for panel in bent["panels"]:
        panel["series"][0] |= {
            "x": [*u, *u],
            "y": [*u**4, *(0 * u)],
            "c": [1.0] * 100,
        }  # a bow below the diagonal, and the bottom
    text = draw(bent).axes[0].texts[0]
    assert (
        (text.get_ha(), text.get_va()) == ("left", "top")
        and text.get_position()[0] < 0.1
        and text.get_position()[1] > 0.9
    )


def test_a_grid_of_maps_without_colours_is_refused(panels):
    bad = json.loads(json.dumps(panels))
    del bad["panels"][4]["series"][0]["c"]
    with pytest.raises(ValueError, match="coloured points"):
        draw(bad)


def test_the_users_own_style_changes_nothing(tmp_path):
    import matplotlib as mpl

    (first,) = save(draw(minimal()), tmp_path, "first", ["svg"])
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 20, "savefig.dpi": 30}):
        (second,) = save(draw(minimal()), tmp_path, "second", ["svg"])
    assert first.read_bytes() == second.read_bytes()


def test_odd_files_are_refused(tmp_path):
    bad = {
        "text": "hello",
        "list": "[1]",
        "schema": json.dumps(minimal(schema="starglow-figure-2")),
        "kind": json.dumps(minimal(kind="pie")),
        "style": json.dumps(minimal(panels=[{"title": "", "series": [{"style": "zigzag", "x": [1], "y": [1]}]}])),
        "empty": json.dumps(minimal(panels=[])),
        "lacks": json.dumps({"schema": "starglow-figure-1", "name": "x"}),
    }
    for name, text in bad.items():
        (tmp_path / f"{name}.json").write_text(text)
        with pytest.raises(ValueError):
            draw(read(tmp_path / f"{name}.json"))
    (tmp_path / "good.json").write_text(json.dumps(minimal()))
    run = subprocess.run(
        [sys.executable, "-m", "starglow.plots", tmp_path, "--format", "png"], capture_output=True, text=True
    )
    assert (
        run.returncode == 4
        and "starglow-figure-2" in run.stderr
        and "pie" in run.stderr
        and (tmp_path / "good.png").exists()
    )
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    with pytest.raises(OSError):
        read(tmp_path / "nowhere.json")
    assert (
        subprocess.run([sys.executable, "-m", "starglow.plots", tmp_path / "none"], capture_output=True).returncode == 3
    )
