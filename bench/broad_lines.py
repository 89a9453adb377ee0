"""Broad Balmer lines that are known: how many are found, how often they are seen where there are none, and what the
narrow lines beside them, widths, shifts and the other numbers of a spectrum come out as.

usage: python bench/broad_lines.py [--n 600] [--seed 1] [--binary build/release/starglow]

Two thirds of the spectra have broad lines of FWHM 1500-8000 km/s and EW(Halpha) 10-200 A, with Hbeta and Hgamma at
1/2.9 and 1/7 of its flux and a shift of 150 km/s (rms); all have narrow lines, z 0.02-0.45, S/N 1-30 a pixel, ivar of
DESI, continua of E-MILES (the fit has BC03 and CKC14z). Needs the shared data folder."""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from synthetic_spectra import (
    GRID,
    ROOT,
    SHARED,
    C,
    Continua,
    desi_ivar,
    gaussian,
    lines_of,
    side_band_means,
    write_coadd,
)

BROAD = {4341.692: 1 / 7, 4862.71: 1 / 2.9, 6564.6: 1.0}
WIDE_RANGE = (1500, 8000)


def draw(n, seed):
    rng = np.random.default_rng(seed)
    continua, shape = Continua(), desi_ivar()
    t = {
        "z": rng.uniform(0.02, 0.45, n),
        "snr": 10 ** rng.uniform(0, np.log10(30), n),
        "sigma": 10 ** rng.uniform(np.log10(50), np.log10(300), n),
        "shift": rng.normal(0, 30, n),
        "ew": 10 ** rng.uniform(-0.5, 2, (n, 10)),
        "broad": np.where(rng.uniform(size=n) < 2 / 3, 10 ** rng.uniform(1, np.log10(200), n), 0.0),
        "fwhm": rng.uniform(*WIDE_RANGE, n),
        "v": rng.normal(0, 150, n),
    }
    flux, ivar = np.zeros((n, len(GRID))), np.zeros((n, len(GRID)))
    for i in range(n):
        z = t["z"][i]
        wave, light = continua.draw(rng)
        level = side_band_means(wave, light)
        ew = t["ew"][i]
        ew[3], ew[5] = ew[4] / 2.993, ew[7] / 3.049 * level[7] / level[5]
        model = np.interp(GRID / (1 + z), wave, light)
        model += lines_of(ew * level * (1 + z), rng.uniform(0.7, 1.45), z, t["sigma"][i], t["shift"][i])
        for rest, share in BROAD.items() if t["broad"][i] > 0 else ():
            centre = rest * (1 + z) * (1 + t["v"][i] / C)
            total = t["broad"][i] * level[6] * (1 + z) * share
            model += total * gaussian(GRID, centre, np.hypot(centre * t["fwhm"][i] / 2.3548 / C, 0.75))
        ivar[i] = shape * t["snr"][i] ** 2
        noise = np.where(ivar[i] > 0, rng.normal(size=len(GRID)) / np.sqrt(np.maximum(ivar[i], 1e-30)), 0)
        flux[i] = model + noise
    return flux, ivar, t


def line_snr(t, ivar):
    """S/N of the broad Halpha that noise alone leaves: its flux over the error of a fit of its known profile."""
    out = np.zeros(len(t["z"]))
    for i in np.flatnonzero(t["broad"] > 0):
        centre = 6564.6 * (1 + t["z"][i])
        profile = gaussian(GRID, centre, centre * t["fwhm"][i] / 2.3548 / C)
        out[i] = np.sqrt(np.sum(profile**2 * ivar[i]))
    return out


def half_width(x):
    return 0.5 * np.diff(np.percentile(x, [15.865, 84.135]))[0]


def column(table, name):
    return np.ma.filled(np.ma.asarray(table[name], float), np.nan)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", default=str(ROOT / "build/release/starglow"))
    args = parser.parse_args()
    if not SHARED.exists():
        raise SystemExit("no shared data here: E-MILES continua are needed")
    flux, ivar, t = draw(args.n, args.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_coadd(folder, flux, ivar, t["z"])
        files = (folder / "coadd.fits", folder / "redrock.fits")
        subprocess.run([args.binary, "prep", *files, "-o", folder / "t.fits"], check=True)
        table = Table.read(folder / "t.fits", hdu="GALAXIES")
    found = (np.asarray(table["FLAGS"]) & (1 << 18)) != 0
    broad_flux = column(table, "HALPHA_BROAD_FLUX")
    # The true S/N of the line: flux that was painted, error of a fit of the profile alone.
    level = column(table, "HALPHA_CONT")
    snr = t["broad"] * level * (1 + t["z"]) * line_snr(t, ivar)
    has = t["broad"] > 0
    print("broad lines found, by S/N of the broad Halpha and by FWHM (km/s):")
    for lo, hi in ((3, 6), (6, 9), (9, 12), (12, 30), (30, 1e9)):
        row = f"S/N {lo:3.0f}-{hi if hi < 1e9 else '':<3}"
        for a, b in ((1500, 3000), (3000, 5500), (5500, 8000)):
            k = has & (snr >= lo) & (snr < hi) & (t["fwhm"] >= a) & (t["fwhm"] < b)
            row += f"   {a}-{b}: {100 * found[k].mean() if k.any() else float('nan'):5.1f} % of {k.sum():3d}"
        print(row)
    near = has & (snr >= 9) & (snr < 12)
    print(
        f"S/N 9-12: {100 * found[near].mean():.1f} % of {near.sum()}; "
        f"above: {100 * found[has & (snr > 12)].mean():.1f} %"
    )
    print(f"false: {100 * found[~has].mean():.2f} % of {(~has).sum()} spectra without broad lines")
    for name, k in (("without broad lines", ~has), ("beside broad lines", has & found & (snr > 10))):
        print(f"\n{name}: bias (median, in standard deviations), width of the pulls, relative bias (S/N > 10), N")
        for j, line in ((2, "HBETA"), (4, "OIII_5007"), (6, "HALPHA"), (7, "NII_6584"), (8, "SII_6716")):
            ew, ew_ivar = column(table, line + "_EW"), column(table, line + "_EW_IVAR")
            ok = k & (ew_ivar > 0)
            pull = (ew[ok] - t["ew"][ok, j]) * np.sqrt(ew_ivar[ok])
            strong = ok & (t["ew"][:, j] * np.sqrt(ew_ivar) > 10)
            relative = np.median(ew[strong] / t["ew"][strong, j] - 1) if strong.any() else np.nan
            print(f"  {line:12s} {np.median(pull):7.3f} {half_width(pull):7.3f} {100 * relative:7.2f} % {ok.sum():5d}")
        ok = k & (column(table, "OIII_5007_EW") * np.sqrt(column(table, "OIII_5007_EW_IVAR")) > 5)
        for what, suffix, truth in (("width", "_SIGMA", t["sigma"]), ("shift", "_VSHIFT", t["shift"])):
            for line in ("OIII_5007", "HALPHA"):
                pull = (column(table, line + suffix) - truth) * np.sqrt(column(table, line + suffix + "_IVAR"))
                pull = pull[ok & np.isfinite(pull)]
                print(f"  {what} by {line:12s} {np.median(pull):7.3f} {half_width(pull):7.3f} {len(pull):14d}")
    k = has & found & (snr > 10)
    truth = t["broad"] * level * (1 + t["z"])
    pull = (broad_flux[k] - truth[k]) * np.sqrt(column(table, "HALPHA_BROAD_FLUX_IVAR")[k])
    print(
        f"\nbroad Halpha flux: {100 * np.median(broad_flux[k] / truth[k] - 1):.2f} % bias, "
        f"pulls {half_width(pull):.2f} wide"
    )
    fwhm = 2.3548 * column(table, "BROAD_SIGMA")[k]
    print(
        f"FWHM: {100 * np.median(fwhm / t['fwhm'][k] - 1):.2f} % bias, "
        f"{100 * half_width(fwhm / t['fwhm'][k]):.1f} % scatter"
    )


if __name__ == "__main__":
    main()
