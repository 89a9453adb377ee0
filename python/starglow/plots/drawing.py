"""One drawing function a kind of figure."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style as mpl_style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from ..errors import error

STYLE = Path(__file__).with_name("starglow.mplstyle")
COLUMN, PAGE = 3.3, 7.0  # inches: one column and the full width of a journal page
BLACK = "#000000"
MEANING = {
    "observed": BLACK,
    "predicted": "#E69F00",
    "predicted + noise": "#009E73",
    "observed, S/N < 3": "#8C8C8C",
}  # the same in every figure
CURVES = {"Kauffmann et al. 2003": BLACK, "Kewley et al. 2001": BLACK}  # dashed and solid, as on the page
MANY = 300  # more points than this are pixels inside a vector file


def _numbers(values: Any) -> np.ndarray:
    """null is a gap."""
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def _unit(text: str) -> str:
    """A unit as papers write it."""
    text = text.replace("Angstrom", "Å")
    return "$10^{-17}$ erg s$^{-1}$ cm$^{-2}$ Å$^{-1}$" if text == "1e-17 erg/s/cm2/Å" else text


def _axis_label(axis: dict[str, str]) -> str:
    return f"{axis['label']} ({_unit(axis['unit'])})" if axis.get("unit") else axis["label"]


def _series(ax: Axes, series: dict[str, Any], colour: str) -> ScalarMappable | None:
    """Draws one series; returns what a colour bar stands for, where it has colours."""
    label, style = series.get("label"), series.get("style", "line")
    x = _numbers(series["x"])
    if style == "band":
        ax.fill_between(
            x, _numbers(series["y_low"]), _numbers(series["y_high"]), color=colour, alpha=0.3, linewidth=0, label=label
        )
        return None
    y = _numbers(series["y"])
    if style == "steps":
        ax.stairs(y, x, color=colour, label=label, linewidth=1.0)
    elif style == "points":
        size = 9 if len(x) <= MANY else 1.5
        if "c" in series:
            return ax.scatter(
                x, y, s=size, c=_numbers(series["c"]), linewidths=0, label=label, rasterized=len(x) > MANY
            )
        ax.scatter(
            x,
            y,
            s=size,
            color=colour,
            alpha=1.0 if len(x) <= MANY else 0.5,
            linewidths=0,
            label=label,
            rasterized=len(x) > MANY,
        )
    elif style in ("line", "dash"):
        ax.plot(
            x, y, color=BLACK if style == "dash" else colour, linestyle="--" if style == "dash" else "-", label=label
        )
    else:
        raise error("input", "a series has an unknown style", f"'{style}'", "line, dash, points, band or steps")
    return None


def _matrix(ax: Axes, panel: dict[str, Any]) -> ScalarMappable:
    matrix = panel["matrix"]
    rows, columns = matrix["rows"], matrix["columns"]
    values = _numbers(np.asarray(matrix["values"], dtype=object).ravel()).reshape(len(rows), len(columns))
    image = ax.imshow(values, vmin=-1, vmax=1, cmap="PuOr")
    ax.set_xticks(range(len(columns)), columns, rotation=90)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value) and len(rows) <= 10:
            ax.text(
                j,
                i,
                f"{value:.2f}".replace("0.", "."),
                ha="center",
                va="center",
                fontsize=4.5,
                color="white" if abs(value) > 0.65 else "black",
            )
    return image


def _note(ax: Axes, panel: dict[str, Any], corner: tuple[int, int] = (1, 0)) -> None:
    """Writes a panel's note into a corner: (0 left or 1 right, 0 bottom or 1 top)."""
    if panel.get("note"):
        right, top = corner
        ax.text(
            (0.015, 0.985)[right],
            (0.04, 0.95)[top],
            panel["note"],
            transform=ax.transAxes,
            ha=("left", "right")[right],
            va=("bottom", "top")[top],
            fontsize=5.5,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.3},
        )


def _emptiest(x: np.ndarray, y: np.ndarray) -> tuple[int, int]:
    """The corner of the points' frame with the fewest of them."""
    u, v = ((a - a.min(initial=np.inf)) / max(float(np.ptp(a)), 1e-9) if len(a) else a for a in (x, y))
    return min(
        ((1, 0), (0, 0), (1, 1), (0, 1)),
        key=lambda c: int(np.sum((np.abs(u - c[0]) < 0.35) & (np.abs(v - c[1]) < 0.25))),
    )


def _grid(figure: dict[str, Any]) -> Figure:
    """Panels of points in rows that share one colour scale (asinh), triangles at the ends of its bar where values lie
    beyond."""
    panels, columns = figure["panels"], figure["columns"]
    rows = math.ceil(len(panels) / columns)
    points = [(_numbers(s["x"]), _numbers(s["y"]), _numbers(s["c"])) for p in panels for s in p["series"]]
    spans = [max(float(np.ptp(np.concatenate([p[k] for p in points]))), 1e-9) for k in (0, 1)]
    width = (PAGE - 0.9) / columns
    drawn = Figure(
        figsize=(PAGE, rows * (width * min(max(spans[1] / spans[0], 0.3), 1.5) + 0.08) + 0.6), layout="constrained"
    )
    axes = drawn.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    corner = _emptiest(*points[0][:2])
    for row in range(rows):
        shown: Any = None
        beyond = (False, False)
        for column in range(columns):
            ax, k = axes[row][column], row * columns + column
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_aspect("equal")
            if k >= len(panels):
                ax.set_visible(False)
                continue
            panel = panels[k]
            x, y, c = points[k]
            low, high = panel.get("c_range", (np.nanmin(c, initial=0), np.nanmax(c, initial=1)))
            beyond = beyond[0] or bool(np.any(c < low)), beyond[1] or bool(np.any(c > high))
            shown = ax.scatter(
                x, y, s=1.2, c=c, norm=mpl.colors.AsinhNorm(1.0, low, high), linewidths=0, rasterized=len(x) > MANY
            )
            _note(ax, panel, corner)
            if row == 0:
                ax.set_title(panel.get("column", panel.get("title", "")))
            if column == 0:
                ax.set_ylabel("\n".join(panel.get("row", "").rsplit(" ", 1)), fontsize=7)  # rows are low
        extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[beyond]
        bar = drawn.colorbar(shown, ax=list(axes[row]), extend=extend, aspect=9, fraction=0.03, pad=0.01)
        low, high = shown.norm.vmin, shown.norm.vmax
        wanted = [v for v in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000) if low <= v <= high]
        bar.set_ticks(wanted or [low, high], labels=[f"{v:g}" for v in wanted or (low, high)])
        bar.ax.minorticks_off()
        bar.set_label(_axis_label(figure["c"]) if "c" in figure else "", fontsize=7)
    drawn.supxlabel(_axis_label(figure["x"]), fontsize=8)
    drawn.supylabel(_axis_label(figure["y"]), fontsize=8)
    return drawn


def style() -> AbstractContextManager[None]:
    """A context in which matplotlib draws and saves in starglow's style, whatever the user's own."""
    return mpl_style.context(["default", STYLE])


def draw(figure: dict[str, Any]) -> Figure:
    """A matplotlib Figure of a figure's numbers (:func:`starglow.plots.read`).

    Raises
    ------
    ValueError
        A kind or style that this version does not know.
    """
    kinds = ("lines", "steps", "matrix", "points", "spectrum", "map")
    if figure["kind"] not in kinds:
        raise error("input", f"{figure['name']}: unknown kind of figure", f"'{figure['kind']}'", ", ".join(kinds))
    panels = figure["panels"]
    if not panels:
        raise error("input", f"{figure['name']}: a figure without panels")
    if figure["kind"] == "map" and figure.get("columns"):
        if any(
            len(p.get("series", [])) != 1 or p["series"][0].get("style") != "points" or "c" not in p["series"][0]
            for p in panels
        ):
            raise error("input", f"{figure['name']}: a grid of maps needs one series of coloured points a panel")
        with style():
            return _grid(figure)
    wide = figure["kind"] == "spectrum"
    columns = 1 if len(panels) == 1 or wide else min(4, len(panels)) if len(panels) != 3 else 3
    rows = math.ceil(len(panels) / columns)
    width = COLUMN if len(panels) == 1 and not wide else PAGE
    height = rows * (1.9 if wide else 1.0 * width / columns + 0.15) + 0.45
    with style():
        drawn = Figure(figsize=(width, height), layout="constrained")
        axes = np.atleast_1d(drawn.subplots(rows, columns, squeeze=False)).ravel()
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        mappable: ScalarMappable | None = None
        named: dict[str, Any] = {}
        for ax, panel in zip(axes, panels):
            ax.set_title(panel.get("title", ""))
            if panel.get("matrix"):
                mappable = _matrix(ax, panel)
                continue
            coloured = 0
            for series in panel.get("series", []):
                black = series.get("style") == "dash"
                label = series.get("label")
                meaning = CURVES.get(label) or (None if figure["kind"] == "points" else MEANING.get(label))
                mappable = _series(ax, series, meaning or cycle[coloured % len(cycle)]) or mappable
                coloured += not black and meaning is None
            for limits, setter in ((panel.get("x_range"), ax.set_xlim), (panel.get("y_range"), ax.set_ylim)):
                if limits and None not in limits:
                    setter(*limits)
            _note(ax, panel)
            for handle, label in zip(*ax.get_legend_handles_labels()):
                if label != panel.get("title"):  # the title says it
                    named.setdefault(label, handle)
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        if figure["x"]["label"]:
            drawn.supxlabel(_axis_label(figure["x"]), fontsize=8)
        if figure["y"]["label"]:
            drawn.supylabel(_axis_label(figure["y"]), fontsize=8)
        if mappable is not None:
            bar = drawn.colorbar(mappable, ax=list(axes[: len(panels)]), shrink=0.8)
            bar.set_label(figure.get("c", {}).get("label", "") if isinstance(figure.get("c"), dict) else "")
        if named:
            drawn.legend(
                named.values(),
                named.keys(),
                loc="outside upper center",
                ncols=min(len(named), 2 if width == COLUMN else 5),
                markerscale=3 if figure["kind"] in ("points", "map") else 1,
            )
        return drawn
