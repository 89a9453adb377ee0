"""The page in a notebook: starglow.explore."""

import subprocess

import pytest
from test_page import browser, in_browser

import starglow as sg
from conftest import NODE, ROOT


@pytest.fixture(autouse=True)
def program(binary, monkeypatch):
    monkeypatch.setenv("STARGLOW_BINARY", str(binary))


def test_the_page_is_that_of_the_command_line(mock, tmp_path):
    html = sg.page(mock, title="of a notebook")
    assert html.startswith("<!doctype html>") and "of a notebook" in html
    galaxies = sg.mock(50, seed=2)
    assert 'data-file="galaxies.safetensors"' in sg.page(galaxies)
    with pytest.raises(ValueError, match="20000"):
        sg.page(sg.mock(20_001))
    with pytest.raises((ValueError, OSError), match="nowhere"):
        sg.page(tmp_path / "nowhere.fits")


def test_the_widget_has_rows_to_observe(mock):
    pytest.importorskip("anywidget", reason="no anywidget here: the widget itself is not made")
    view = sg.explore(mock, height=500)
    assert view.selected == [] and view.kept == -1 and view.height == 500 and "<html" in view.html
    seen = []
    view.observe(lambda change: seen.append(change["new"]), "selected")
    view.set_state({"selected": [3, 5]})
    assert view.selected == [3, 5] and seen == [[3, 5]]


def test_without_anywidget_the_advice_is_given(mock, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match=r"starglow\[widget\]"):
        sg.explore(mock)


@browser
def test_what_is_selected_comes_back(mock, tmp_path):
    (tmp_path / "page.html").write_text(sg.page(mock))
    script = ROOT / "python/starglow/widget.js"
    assert subprocess.run([NODE, "--check", script], capture_output=True).returncode == 0
    in_browser("widget_test.mjs", script, tmp_path / "page.html", least=4)
