"""Our lines beside those of a nebular grid, on the same continua (docs/stars.md, "Beside a nebular grid").

    .venv/bin/python tools/compare_nebular.py fsps_ref_decoded.npz build/release/starglow [--figure nebular.png]

fsps_ref_decoded.npz: a run of FSPS, exponential history of 2 Gyr at Z = 0.002 with dust, by age: spectra with nebular
lines (csp_lnu) and the lines' luminosities (csp_emline_lsun). The lines are taken out of the spectra by straight lines
between their side bands, the bands of what is left are given to `starglow predict`. The figure shows both over 4000
galaxies of `starglow mock --population stars`, of which the grid has no like among the quiescent.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table

LINES = {
    "OII_DOUBLET": (("[O II] 3726", "[O II] 3729"), (3685, 3711, 3745, 3771)),
    "HBETA": (("Ba-beta 4861",), (4805, 4835, 4890, 4920)),
    "OIII_5007": (("[O III] 5007",), (4900, 4930, 5036, 5066)),
    "HALPHA": (("Ba-alpha 6563",), (6470, 6510, 6622, 6662)),
    "NII_6584": (("[N II] 6584",), (6470, 6510, 6622, 6662)),
}
MASKS = [
    (3700, 3755),
    (3850, 3910),
    (3955, 3985),
    (4080, 4120),
    (4320, 4380),
    (4835, 4890),
    (4930, 5036),
    (5860, 5895),
    (6280, 6320),
    (6510, 6622),
    (6670, 6750),
]
Z, MASS = 0.1, 1e10


def figure(mock, colour, fsps, ours, age):
    """The schema of docs/figures.md: Halpha against colour, and the BPT plane."""

    def series(label, style, x, y):
        good = np.isfinite(x) & np.isfinite(y)
        return {"label": label, "style": style, "x": np.asarray(x)[good].tolist(), "y": np.asarray(y)[good].tolist()}

    def ratio(ew, a, b):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log10(np.asarray(ew[a]) / np.asarray(ew[b]))

    drawn = {line: np.asarray(mock[line + "_EW_DRAW"]) for line in LINES}
    flux = np.asarray(mock["BAND_FLUX"])
    mock_colour = -2.5 * np.log10(flux[:, 4] / flux[:, 9] * (4750 / 6250) ** 2)
    known = age > -0.6  # younger continua are beyond the training galaxies
    n_ii = np.linspace(-1.5, 0.0, 40)
    bpt = [("mock", "points", drawn, slice(None)), ("FSPS", "line", fsps, known), ("starglow", "dash", ours, known)]
    return {
        "schema": "starglow-figure-1",
        "name": "nebular",
        "kind": "lines",
        "title": "Lines of a nebular grid and of starglow",
        "caption": "Galaxies of the star population (points: one joint draw), and one history of 2 Gyr from 0.3 to 12 "
        "Gyr: lines of FSPS's grid, of a tenth of "
        "solar metallicity, and starglow's medians on the same continua. Thin: Kauffmann et al. 2003.",
        "x": {"label": "", "unit": ""},
        "y": {"label": "", "unit": ""},
        "n": len(mock),
        "provenance": {"command": "tools/compare_nebular.py --figure"},
        "panels": [
            {
                "title": "log EW(Halpha)/A against g-r",
                "x_range": [-0.1, 1.0],
                "y_range": [-1.2, 2.4],
                "series": [
                    series("mock", "points", mock_colour, np.log10(np.maximum(drawn["HALPHA"], 1e-9))),
                    series("FSPS", "line", colour[known], np.log10(fsps["HALPHA"][known])),
                    series("starglow", "dash", colour[known], np.log10(ours["HALPHA"][known])),
                ],
            },
            {
                "title": "log [OIII]5007/Hbeta against log [NII]6584/Halpha",
                "x_range": [-1.6, 0.5],
                "y_range": [-1.2, 1.2],
                "series": [
                    series(label, style, ratio(ew, "NII_6584", "HALPHA")[pick], ratio(ew, "OIII_5007", "HBETA")[pick])
                    for label, style, ew, pick in bpt
                ]
                + [series("Kauffmann 2003", "line", n_ii, 0.61 / (n_ii - 0.05) + 1.3)],
            },
        ],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("grid", help="fsps_ref_decoded.npz")
    parser.add_argument("program", type=Path, help="starglow")
    parser.add_argument(
        "--figure",
        type=Path,
        help="picture to write (png, pdf, svg), and its numbers beside it (json); needs the Python package",
    )
    given = parser.parse_args()
    program = given.program.resolve()
    data = np.load(given.grid)
    wave = data["wave_vac_A"]
    names = [str(n).strip() for n in data["emline_name"]]
    ages = data["csp_logage"] - 9
    pick = [int(np.argmin(abs(ages - a))) for a in (-2, -1.5, -1, -0.5, 0, 0.3, 0.6, 0.85, 1.0, 1.1)]
    f_lambda = data["csp_lnu"][pick].astype(float) * 2.99792458e18 / wave**2
    clean = f_lambda.copy()
    for lo, hi in MASKS:
        inside = (wave > lo) & (wave < hi)
        edge = ~inside & (wave > lo - 40) & (wave < hi + 40)
        for row in clean:
            row[inside] = np.polyval(np.polyfit(wave[edge], row[edge], 1), wave[inside])
    bands = np.array(
        [[np.interp(np.arange(lo, lo + 300), wave, row).mean() for lo in range(3400, 7000, 300)] for row in clean]
    )
    distance = 460.3 * 3.0856776e24  # z = 0.1, H0 = 70, Om0 = 0.3; cm
    flux = MASS * bands * 3.828e33 / (4 * np.pi * distance**2 * (1 + Z)) / 1e-17
    with tempfile.TemporaryDirectory() as folder:
        table = Table({"TARGETID": np.arange(len(pick)), "Z": np.full(len(pick), Z), "BAND_FLUX": flux})
        table["BAND_FLUX"].unit = "1e-17 erg / (s cm2 Angstrom)"
        table.meta.update(EXTNAME="GALAXIES", APERTURE="fibre")
        table.write(Path(folder) / "in.fits")
        subprocess.run(
            [program, "predict", "in.fits", "-o", "out.fits", "--allow-partial"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        ours = Table.read(Path(folder) / "out.fits", hdu="GALAXIES")
        if given.figure:
            subprocess.run(
                [program, "mock", "--population", "stars", "-n", "4000", "-o", "mock.fits"],
                cwd=folder,
                check=True,
                capture_output=True,
            )
            mock = Table.read(Path(folder) / "mock.fits", hdu="GALAXIES")
    print("log age  g-r  " + "".join(f"{n:>24}" for n in LINES))
    colour = -2.5 * np.log10(bands[:, 4] / bands[:, 9] * (4750 / 6250) ** 2)
    ews = {line: np.full(len(pick), np.nan) for line in LINES}
    for i, k in enumerate(pick):
        row = f"{ages[k]:7.2f} {colour[i]:5.2f}  "
        for line, (members, (b0, b1, r0, r1)) in LINES.items():
            side = 0.5 * (
                clean[i][(wave > b0 - 10) & (wave < b1 + 10)].mean()
                + clean[i][(wave > r0 - 10) & (wave < r1 + 10)].mean()
            )
            found = [names.index(m) for m in members if m in names]
            ews[line][i] = data["csp_emline_lsun"][k][found].sum() / side if found else np.nan
            row += f"{ews[line][i]:9.2f} |{ours[line + '_EW'][i]:6.2f} ({ours[line + '_EW_P84'][i]:5.1f})"
        print(row)
    print("FSPS | starglow: median (84th percentile), rest-frame EW, A; flags", sorted(set(ours["FLAGS"])))
    if given.figure:
        import json

        from starglow import plots

        made = figure(mock, colour, ews, {line: np.asarray(ours[line + "_EW"]) for line in LINES}, ages[pick])
        given.figure.with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n")
        plots.save(
            plots.draw(plots.read(given.figure.with_suffix(".json"))),
            given.figure.parent,
            given.figure.stem,
            [given.figure.suffix[1:]],
        )


if __name__ == "__main__":
    main()
