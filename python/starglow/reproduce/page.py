"""One page and one PDF of the figures and tables."""

from __future__ import annotations

import base64
import io
import os
from html import escape
from pathlib import Path
from typing import Any

from .numbers import Result

_STYLE = """body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: .3em 0 }
td, th { padding: .15em .7em; text-align: right; border-bottom: 1px solid #ddd }
td:first-child, th:first-child { text-align: left }
img { max-width: 100% } .note { background: #fff3cd; padding: .7em 1em }"""


def _tables(result: Result) -> list[tuple[str, list[str], list[list[str]]]]:
    """(caption, heads, rows of text)."""
    real = not result.inputs.stand_in

    def number(row: dict[str, Any], key: str, form: str = ".3f") -> str:
        value = row.get(key)
        return "" if value is None else format(value, form)

    beside = ["published", "difference"] if real else []
    scores = []
    for r in result.table:
        row = [r["line"], str(r["n"]), number(r, "spearman", ".4f")]
        row += [number(r, "spearman_printed", ".4f"), number(r, "spearman_difference", "+.4f")] if real else []
        row += [number(r, "nmad")]
        row += [number(r, "nmad_printed"), number(r, "nmad_difference", "+.1%")] if real else []
        row += [number(r, "spearman_ours", ".4f"), number(r, "nmad_ours")]
        row += [number(r, "spearman_all"), number(r, "nmad_all"), r["why"]] if real else []
        scores.append(row)
    heads = [
        "line",
        "N",
        "Spearman, K24",
        *beside,
        "NMAD / A, K24",
        *beside,
        "Spearman, starglow",
        "NMAD / A, starglow",
    ]
    heads += ["published, all galaxies: Spearman", "NMAD / A", "why they differ"] if real else []
    out = [
        (
            "Scores of the published predictions, and of starglow on galaxies that its models have not seen",
            heads,
            scores,
        )
    ]
    keys = ("difference", "ratio", "spearman_with", "spearman_without")
    words = ("median relative difference", "median ratio", "Spearman with luminosity", "without")
    heads = ["line"] + [h for w in words for h in ((w, "published") if real else (w,))]
    rows = [
        [r["line"]]
        + [
            t
            for k in keys
            for t in ([number(r, k, ".4f"), number(r, k + "_printed", ".4f")] if real else [number(r, k, ".4f")])
        ]
        for r in result.weights
    ]
    out.append(("The released weights with their released scalers, against the published predictions", heads, rows))
    names = [k for k in result.ratios[0] if k not in ("ratio", "why")]
    rows = [[r["ratio"], *(number(r, k) for k in names)] for r in result.ratios]
    why = f"; {result.ratios[0]['why']}" if real else ""
    out.append(
        (
            f"Half widths of the central 68 % of EW ratios, dex{why}",
            ["ratio", *(n.replace("_printed", ", published") for n in names)],
            rows,
        )
    )
    rows = [[m["method"], *(number(m, k, ".4f") for k in ("rho", "nmad", "asinh_rms"))] for m in result.methods]
    caption = "Methods on the same bands and galaxies, cross-validated but for K24, which may have seen them: means"
    out.append((caption, ["method", "Spearman", "NMAD / A", "rms of asinh EW"], rows))
    rows = [
        [
            s["reading"],
            number(s, "networks_us", ".3g"),
            number(s, "neighbours_us", ".3g"),
            number(s, "times", ".3g"),
            str(s["printed"]),
        ]
        for s in result.speed
    ]
    caption = "Four readings of the published speed-up over principal components and neighbours, on this machine"
    out.append(
        (
            caption,
            ["what is timed", "ten networks, us a galaxy", "neighbours, us a galaxy", "times as fast", "published"],
            rows,
        )
    )
    return out


def write(result: Result, figures: list[tuple[str, str, Any]], folder: Path) -> list[str]:
    """Writes index.html and reproduce.pdf; returns the names of the figures."""
    from matplotlib.backends.backend_pdf import PdfPages

    title = "Khederlarian et al. 2024, again"
    note = (
        "The public files are not here: mock galaxies and networks trained here stand in. No number is the paper's."
        if result.inputs.stand_in
        else "From the public files: " + ", ".join(result.inputs.files)
    )
    missing = result.as_json([])["missing"]
    parts = [f"<h1>{title}</h1><p class='{'note' if result.inputs.stand_in else ''}'>{escape(note)}</p>"]
    tables = _tables(result)
    for caption, heads, rows in tables:
        head = "".join(f"<th>{escape(h)}</th>" for h in heads)
        body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
        parts.append(
            f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
    pdf = io.BytesIO()
    with PdfPages(pdf, metadata={"CreationDate": None, "Title": title}) as pages:
        for name, caption, figure in figures:
            png = io.BytesIO()
            figure.savefig(png, format="png", dpi=200)
            figure.text(0.01, -0.03, caption, fontsize=6, wrap=True, va="top")
            pages.savefig(figure, bbox_inches="tight")
            data = base64.b64encode(png.getvalue()).decode()
            parts.append(f"<figure id='{name}'><img alt='{escape(caption)}' src='data:image/png;base64,{data}'>")
            parts.append(f"<figcaption>{escape(caption)}</figcaption></figure>")
        _pdf_tables(pages, title, note, tables, missing)
    parts.append("<h2>What cannot be made from the public files</h2><ul>")
    parts += [f"<li>{escape(m['what'])}: lacking is {escape(m['lacking'])}</li>" for m in missing]
    parts.append("</ul>")
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title><style>{_STYLE}</style>"
    page = f"{head}{''.join(parts)}</html>\n"
    for name, data_ in (("index.html", page.encode()), ("reproduce.pdf", pdf.getvalue())):
        temporary = folder / f".{name}.{os.getpid()}.part"
        temporary.write_bytes(data_)
        os.replace(temporary, folder / name)
    return [name for name, _, _ in figures]


def _pdf_tables(pages: Any, title: str, note: str, tables: Any, missing: list[dict[str, str]]) -> None:
    from matplotlib.figure import Figure

    for caption, heads, rows in tables:
        figure = Figure(figsize=(11, 1.2 + 0.25 * len(rows)))
        axes = figure.add_subplot()
        axes.axis("off")
        axes.set_title(f"{title}. {note}\n{caption}", fontsize=7, loc="left")
        made = axes.table(
            [[c[:40] for c in row] for row in rows], colLabels=[h.replace(" ", "\n") for h in heads], loc="center"
        )
        made.auto_set_font_size(False)
        made.set_fontsize(5)
        made.auto_set_column_width(list(range(len(heads))))
        for (r, _), cell in made.get_celld().items():
            if r == 0:
                cell.set_height(4 * cell.get_height())
        pages.savefig(figure, bbox_inches="tight")
    figure = Figure(figsize=(8, 3))
    lines = [f"- {m['what']}: lacking is {m['lacking']}" for m in missing]
    figure.text(0.02, 0.95, "What cannot be made from the public files\n\n" + "\n".join(lines), fontsize=7, va="top")
    pages.savefig(figure, bbox_inches="tight")
