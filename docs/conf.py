"""The documentation as pages: `.venv/bin/python -m sphinx -W -b html docs build/docs`."""

import re
from pathlib import Path

project = "starglow"
author = "the starglow developers"
copyright = author
version = release = re.search(
    r"project\(starglow VERSION ([\d.]+)", (Path(__file__).parents[1] / "CMakeLists.txt").read_text()
)[1]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"starglow {version}"
html_copy_source = False
exclude_patterns = ["decisions/README.md"]
myst_enable_extensions = []
myst_heading_anchors = 3
# Pages link to files of the repository, which are no pages; a page that index.md does not list yet is found by search.
suppress_warnings = ["myst.xref_missing", "toc.not_included"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
nitpicky = False
html_last_updated_fmt = None


def _headers(app, name, source):
    """The page of the C++ headers: each as it is, in place of the word HEADERS."""
    if name != "cpp":
        return
    include = Path(__file__).parents[1] / "include"
    headers = sorted(h.relative_to(include) for h in include.rglob("*.hpp"))
    parts = [f"## {h}\n\n```{{literalinclude}} ../include/{h}\n:language: cpp\n```\n" for h in headers]
    source[0] = source[0].replace("HEADERS", "\n".join(parts))


def setup(app):
    app.connect("source-read", _headers)
