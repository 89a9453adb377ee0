"""The figures, drawn with the style of `starglow.plots`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..galaxies import LINES
from ..light import measure
from ..names import BAND_EDGES, LINE_WAVE
from .numbers import Result, log_ratio, states

SHOWN = ("OII_DOUBLET", "HGAMMA", "HBETA", "OIII_5007", "HALPHA", "NII_6584", "SII_6716", "SII_6731")
TITLE = {
    "OII_DOUBLET": "[OII]",
    "HGAMMA": "H$\\gamma$",
    "HBETA": "H$\\beta$",
    "OIII_5007": "[OIII] 5007",
    "HALPHA": "H$\\alpha$",
    "NII_6584": "[NII] 6584",
    "SII_6716": "[SII] 6716",
    "SII_6731": "[SII] 6731",
}
ORANGE, BLUE, GREEN = "#d95f02", "#1f78b4", "#1b9e77"


def draw_all(result: Result) -> Iterator[tuple[str, str, Any]]:
    """(name, caption, matplotlib Figure) of each."""
    from matplotlib import pyplot as plt

    from ..plots.drawing import STYLE

    plt.switch_backend("agg")
    with plt.style.context(STYLE):
        for make in (spectrum, observed_predicted, distributions, plane, bpt, methods):
            figure, caption = make(result, plt)
            yield make.__name__, caption, figure
            plt.close(figure)


def spectrum(result: Result, plt: Any) -> tuple[Any, str]:
    s = result.inputs.spectrum
    measured = measure(s["wave"], s["flux"][None], s["z"], s["ivar"][None])
    figure, axes = plt.subplots(figsize=(7.0, 3.0))
    rest = s["wave"] / (1 + s["z"])
    n = rest.size // 4 * 4
    with np.errstate(invalid="ignore", divide="ignore"):
        w = s["ivar"][:n].reshape(-1, 4)
        mean = (w * s["flux"][:n].reshape(-1, 4)).sum(1) / w.sum(1)
    axes.plot(rest[:n].reshape(-1, 4).mean(1), mean, color="0.6", lw=0.5, label="observed")
    axes.plot(rest, measured["continuum_model"][0], color=BLUE, lw=0.8, label="starlight, fitted")
    axes.stairs(
        measured["band_flux"][0], BAND_EDGES, color=ORANGE, lw=1.5, baseline=None, label="twelve bands, lines masked"
    )
    for line in LINE_WAVE:
        axes.axvline(line, color="0.85", lw=0.5, zorder=0)
    low, high = np.nanpercentile(mean[np.isfinite(mean)], [0.5, 99.5])
    axes.set(xlim=(3300, 7100), ylim=(min(0, low), 1.3 * high), xlabel="rest wavelength / A (vacuum)")
    axes.set_ylabel("F$_\\lambda$ / 10$^{-17}$ erg s$^{-1}$ cm$^{-2}$ A$^{-1}$")
    axes.legend(loc="upper left")
    return (
        figure,
        f"The spectrum of {s['name']} at z = {s['z']:.4f}, its starlight and the twelve bands that the networks see.",
    )


def _eight(plt: Any) -> Any:
    figure, axes = plt.subplots(2, 4, figsize=(7.0, 3.8), layout="constrained")
    return figure, dict(zip(SHOWN, axes.ravel()))


def observed_predicted(result: Result, plt: Any) -> tuple[Any, str]:
    figure, axes = _eight(plt)
    rows = {row["line"]: row for row in result.table}
    all_states = states(result)
    for line, ax in axes.items():
        k = LINES.index(line)
        seen = all_states["observed"][:, k]
        for name, color, key in (("K24", ORANGE, "spearman"), ("starglow", BLUE, "spearman_ours")):
            ew = all_states[name][:, k]
            good = (seen > 0) & np.isfinite(ew)
            label = f"{name} {rows[line][key]:.3f}"
            ax.plot(
                np.arcsinh(seen[good]),
                np.arcsinh(ew[good]),
                ".",
                ms=1,
                alpha=0.25,
                color=color,
                label=label,
                rasterized=True,
            )
        top = float(np.arcsinh(np.nanpercentile(seen, 99.5)))
        ax.plot([0, top], [0, top], color="0.3", lw=0.6)
        ax.set(xlim=(0, top), ylim=(0, top), title=TITLE[line])
        ax.legend(fontsize=5, loc="upper left", markerscale=5, handletextpad=0.1)
    figure.supxlabel("observed asinh(EW / A)")
    figure.supylabel("predicted asinh(EW / A)")
    return (
        figure,
        "Observed and predicted EWs with Spearman's coefficient; starglow by models that have not seen the galaxy.",
    )


def distributions(result: Result, plt: Any) -> tuple[Any, str]:
    figure, axes = _eight(plt)
    look = {
        "observed": ("k", "--"),
        "K24": (ORANGE, "-"),
        "K24 + noise": (GREEN, "-"),
        "starglow, a draw + noise": (BLUE, "-"),
    }
    all_states = states(result)
    for line, ax in axes.items():
        k = LINES.index(line)
        seen = all_states["observed"][:, k]
        top = np.nanpercentile(seen, 95)
        inset = ax.inset_axes([0.5, 0.12, 0.46, 0.45])
        for name, (color, style) in look.items():
            ew = all_states[name][:, k]
            ew = np.sort(ew[(seen > 0) & np.isfinite(ew)])
            ax.plot(ew, np.linspace(0, 1, ew.size), color=color, ls=style, lw=0.9, label=name)
            inset.hist(ew, bins=np.linspace(0, top, 30), density=True, histtype="step", color=color, ls=style, lw=0.6)
        faint = seen[(seen > 0) & (seen * np.sqrt(result.inputs.table.ew_ivar[:, k]) < 3)]
        if faint.size:
            ax.axvspan(0, np.percentile(faint, 84), color="0.92", zorder=0)
        inset.set(xticks=[], yticks=[])
        ax.set(xlim=(0, top), ylim=(0, 1), title=TITLE[line])
    figure.legend(*axes["OII_DOUBLET"].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figure.supxlabel("EW / A")
    figure.supylabel("fraction below")
    return figure, "Cumulative distributions and histograms of EW. Grey: where most lines have S/N < 3."


def plane(result: Result, plt: Any) -> tuple[Any, str]:
    i = result.inputs
    xy, whose = (
        (i.plane, "the published coordinates") if i.plane is not None else (_axes(i), "the first two principal axes")
    )
    lines = ("OII_DOUBLET", "HBETA", "OIII_5007", "HALPHA")
    names = ("observed", "K24", "K24 + noise", "starglow", "starglow, a draw + noise")
    figure, axes = plt.subplots(
        len(lines), len(names), figsize=(7.0, 5.8), layout="constrained", sharex=True, sharey=True
    )
    all_states = states(result)
    for first, row, line in zip((True, False, False, False), axes, lines):
        seen = np.arcsinh(all_states["observed"][:, LINES.index(line)])
        low, high = np.nanpercentile(seen, [5, 95])
        for ax, name in zip(row, names):
            c = np.arcsinh(all_states[name][:, LINES.index(line)])
            shown = ax.scatter(*xy.T, c=c, s=0.6, vmin=low, vmax=high, cmap="viridis", rasterized=True, linewidths=0)
            ax.set(xticks=[], yticks=[])
            if first:
                ax.set_title(name.replace(", ", ",\n"), fontsize=7)
        row[0].set_ylabel(TITLE[line])
        figure.colorbar(shown, ax=row, label="asinh(EW / A)", pad=0.01)
    return figure, f"EWs over the map of the continua, in {whose}; one colour scale a line."


def _axes(inputs: Any) -> np.ndarray:
    x = np.diff(np.log10(np.abs(inputs.table.band_flux)), axis=1)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.asarray(x @ np.linalg.svd(x, full_matrices=False)[2][:2].T)


def bpt(result: Result, plt: Any) -> tuple[Any, str]:
    names = ("observed", "K24", "K24 + noise", "starglow, a draw + noise")
    figure, axes = plt.subplots(1, 4, figsize=(7.0, 2.3), layout="constrained", sharex=True, sharey=True)
    x1, x2 = np.linspace(-1.5, 0.0, 100), np.linspace(-1.5, 0.42, 100)
    edges = [np.linspace(-1.5, 0.8, 60), np.linspace(-1.5, 1.2, 60)]
    contours = {}
    for ax, name in zip(axes, names):
        ew = states(result)[name]
        x, y = log_ratio(ew, "NII_6584", "HALPHA"), log_ratio(ew, "OIII_5007", "HBETA")
        good = np.isfinite(x) & np.isfinite(y)
        ax.plot(x[good], y[good], ".", ms=0.8, alpha=0.2, color="0.5", rasterized=True)
        contours[name] = _density(x[good], y[good], edges)
        ax.contour(*contours["observed"], colors="k", linewidths=0.8)
        if name != "observed":
            ax.contour(*contours[name], colors=ORANGE if name.startswith("K24") else BLUE, linewidths=0.8)
        ax.plot(x1, 0.61 / (x1 - 0.05) + 1.3, "--", color="0.3", lw=0.7)
        ax.plot(x2, 0.61 / (x2 - 0.47) + 1.19, ":", color="0.3", lw=0.7)
        ax.set(xlim=(-1.5, 0.8), ylim=(-1.5, 1.2), title=f"{name}\n{good.mean():.1%} in the plane")
    figure.supxlabel("log [NII] 6584 / H$\\alpha$")
    figure.supylabel("log [OIII] 5007 / H$\\beta$")
    words = "with the outlines of the densest 68 and 95 %, those of the observed galaxies in black"
    return (
        figure,
        f"Diagnostic diagram without and with noise, {words}; curves of Kauffmann 2003 (dashed), Kewley 2001 (dotted).",
    )


def _density(x: np.ndarray, y: np.ndarray, edges: list[np.ndarray]) -> tuple[Any, ...]:
    """Centres, smoothed counts and the levels that enclose 95 and 68 %."""
    counts = np.histogram2d(x, y, bins=edges)[0]
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
    for axis in (0, 1):
        counts = np.apply_along_axis(lambda c: np.convolve(c, kernel / kernel.sum(), mode="same"), axis, counts)
    ranked = np.sort(counts.ravel())[::-1]
    inside = np.cumsum(ranked) / max(ranked.sum(), 1e-300)
    levels = sorted({float(ranked[np.searchsorted(inside, f)]) for f in (0.68, 0.95)})
    centres = [0.5 * (e[1:] + e[:-1]) for e in edges]
    return centres[0], centres[1], counts.T, levels


def methods(result: Result, plt: Any) -> tuple[Any, str]:
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.0, 2.6), layout="constrained")
    names = [m["method"] for m in result.methods]
    left.bar(names, [m["rho"] for m in result.methods], color=[ORANGE, BLUE, "0.6", "0.75"])
    left.set(ylabel="Spearman, mean of ten lines", ylim=(0.6, None))
    words = [s["reading"].replace(", ", ",\n") for s in result.speed]
    right.barh(words, [s["times"] for s in result.speed], color="0.6")
    right.axvline(result.speed[0]["printed"], color=ORANGE, lw=1)
    right.set(xscale="log", xlabel="times as fast (orange: published)")
    return (
        figure,
        "Neighbours in principal components, local regression and the networks: accuracy; four readings of the speed.",
    )
