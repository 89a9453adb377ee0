"""Lines of `starglow mock --preset universe` beside what surveys measured: the table of docs/mocks.md.

    python bench/mock_realism.py --starglow build/release/starglow [-n 40000] [--lf FOLDER] [--near TABLE]
        [--distant TABLE] [--json]

Draws the preset at z = 0.05 to 0.15 and at 0.4 to 1.47, and histories of single galaxies; prints each number beside the
published one. FOLDER: published Halpha luminosity functions as text (Gunawardhana et al. 2013 SDSS, Sobral et al. 2013,
Colbert et al. 2013). --near: nearby galaxies with bands and HALPHA_EW, compared at equal colour. --distant: galaxies at
z = 0.7 to 1.5 with LMASS, UVJ (3: quiescent) and HALPHA_NII_EW. What is not given is left out, and said."""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table

# SDSS DR7, MPA-JHU (Brinchmann et al. 2004): medians and shares by log10 of the mass.
SDSS_EW = {10.75: (1.9, 0.34, 0.58), 11.25: (1.3, 0.41, 0.77)}
SDSS_N2 = {8.65: -0.89, 9.25: -0.80, 9.75: -0.57, 10.25: -0.45, 10.75: -0.34}
SDSS_BPT = {10.75: (0.44, 0.40, 0.16), 11.25: (0.21, 0.45, 0.35)}
BINS = {
    8.65: (8.3, 9.0),
    9.25: (9.0, 9.5),
    9.75: (9.5, 10.0),
    10.25: (10.0, 10.5),
    10.75: (10.5, 11.0),
    11.25: (11, 11.5),
}
ROWS = []


def row(what, here, wanted, within=None):
    ROWS.append({"what": what, "here": here, "expected": wanted, "within": within})


def draw(program, folder, n, *settings):
    out = Path(folder) / "mock.fits"
    subprocess.run(
        [program, "mock", "--preset", "universe", "-n", str(n), "-o", str(out), "--overwrite", *settings],
        check=True,
        capture_output=True,
    )
    return Table.read(out, hdu="GALAXIES")


def of_histories(program, folder, times, sfr, t_obs, *settings, **columns):
    n = len(sfr)
    path, out = Path(folder) / "histories.fits", Path(folder) / "lines.fits"
    table = Table({"Z": np.full(n, 0.1), "T_OBS": np.full(n, t_obs), "SFR": sfr, "SFH_TIME": np.tile(times, (n, 1))})
    for name, values in {"LGMET": -1.85, "AV": 0.0, **columns}.items():
        table[name] = np.broadcast_to(values, n)
    table.write(path, overwrite=True)
    subprocess.run(
        [program, "mock", "--histories", str(path), "-o", str(out), "--overwrite", *settings],
        check=True,
        capture_output=True,
    )
    return Table.read(out, hdu="GALAXIES")


def density(log_l, weight, at, width=0.2):
    inside = np.abs(log_l - at) < width / 2
    return np.log10(weight[inside].sum() / width)


def colour(t):
    """log10 of the flux at 3850 A over that at 5350 A."""
    flux = np.asarray(t["BAND_FLUX"], float)
    with np.errstate(all="ignore"):
        return np.log10(flux[:, 1] / flux[:, 6])


def continuum_and_photons(t, light, near):
    """EW(Ha) of the continuum beside that of photons: by specific rate, and both beside galaxies of equal colours."""
    forming = np.char.strip(np.asarray(t["CLASS"], str)) == "star-forming"
    specific = np.log10(np.asarray(t["SFR100"], float)) - np.asarray(t["LGMASS"])
    photons, continuum = np.asarray(t["HALPHA_EW"], float), np.asarray(light["HALPHA_EW"], float)
    flagged = (np.asarray(light["FLAGS"]) & 16384) > 0
    for low in (-11.0, -10.75, -10.5, -10.25, -10.0, -9.75, -9.5):
        some = forming & (specific > low) & (specific < low + 0.25)
        mass = np.median(np.asarray(t["LGMASS"])[some])
        name = f"star-forming, log SFR/M {low} to {low + 0.25} (log M {mass:.1f}): "
        row(name + "EW(Ha), continuum over photons", np.median((continuum / photons)[some]), 1, 0.15)
        row(name + "share with PHOTON_BUDGET", flagged[some].mean(), "where off by 2")
    if near is None:
        return
    own, theirs = colour(t), colour(near)
    measured = np.asarray(near["HALPHA_EW"], float)
    for low in (-0.3, -0.2, -0.1, 0.0, 0.1):
        here = forming & (own > low) & (own < low + 0.1)
        there = (theirs > low) & (theirs < low + 0.1) & np.isfinite(measured)
        if there.sum() < 20:
            continue
        wanted = np.log10(np.median(measured[there]))
        name = f"log F(3850)/F(5350) {low} to {low + 0.1:.1f}: log median EW(Ha), "
        row(name + "continuum", np.log10(np.median(continuum[here])), wanted, 0.1)
        row(name + "photons", np.log10(np.median(photons[here])), wanted, 0.1)


def local(program, folder, n, lf, near):
    t = draw(program, folder, n)
    continuum_and_photons(t, draw(program, folder, n, "lines=continuum"), near)
    mass, weight = np.asarray(t["LGMASS"]), np.asarray(t["WEIGHT"])
    ew, own = np.asarray(t["HALPHA_EW_DRAW"]), np.asarray(t["HALPHA_EW_CASEB"])
    lum, case_b, sfr = (np.asarray(t[k], float) for k in ("HALPHA_LUM", "HALPHA_LUM_CASEB", "SFR10"))
    forming = np.char.strip(np.asarray(t["CLASS"], str)) == "star-forming"
    row("share with Halpha above own case B before dust", (lum > case_b)[own > 3].mean(), 0, 0.01)
    y = np.clip(t["LGMET"], np.log10(0.0004), np.log10(0.05)) - np.log10(0.019)
    grid = 41.24 - 0.39 * y - 0.127 * y * y
    row(
        "slope of log L(Ha) by log SFR10",
        np.polyfit(np.log10(sfr)[forming], (np.log10(case_b) - grid)[forming], 1)[0],
        1,
        0.03,
    )
    row("offset of log L(Ha)/SFR10 from the grid's", np.median((np.log10(case_b / sfr) - grid)[forming]), 0, 0.02)
    row("mean log L(Ha)/SFR10", np.log10(case_b / sfr)[forming].mean(), 41.31, 0.12)
    with np.errstate(divide="ignore"):
        n2 = np.log10(np.asarray(t["NII_6584_EW_DRAW"]) / np.maximum(ew, 1e-9))
        o3 = np.log10(np.asarray(t["OIII_5007_EW_DRAW"]) / np.maximum(t["HBETA_EW_DRAW"], 1e-9))
    with np.errstate(divide="ignore"):
        kauffmann = np.where(n2 < 0.05, 0.61 / (n2 - 0.05) + 1.3, -9)
        kewley = np.where(n2 < 0.47, 0.61 / (n2 - 0.47) + 1.19, -9)
    for middle, (low, high) in BINS.items():
        inside = (mass > low) & (mass < high)
        name = f"log M {low} to {high}: "
        if middle in SDSS_EW:
            median, below_1, below_3 = SDSS_EW[middle]
            row(name + "log of the median EW(Ha)", np.log10(np.median(ew[inside])), np.log10(median), 0.1)
            row(name + "share below 1 A", (ew[inside] < 1).mean(), below_1, 0.1)
            row(name + "share below 3 A", (ew[inside] < 3).mean(), below_3, 0.07)
        if middle in SDSS_N2:
            some = inside & (ew > 30) & (ew < 60)
            if some.sum() > 20:
                row(name + "log [NII]/Ha where Ha is 30 to 60 A", np.median(n2[some]), SDSS_N2[middle], 0.1)
        if middle in SDSS_BPT:
            some = inside & (ew > 3)
            parts = ((o3 < kauffmann)[some], ((o3 >= kauffmann) & (o3 < kewley))[some], (o3 >= kewley)[some])
            for part, values, wanted in zip(("star-forming", "composite", "AGN"), parts, SDSS_BPT[middle]):
                row(name + part + " where Ha is above 3 A", values.mean(), wanted, 0.08)
    some = (mass > 9) & (mass < 9.5) & (ew > 60) & (ew < 150)
    row("log M 9.0 to 9.5: [OIII] where Ha is 60 to 150 A", np.median(t["OIII_5007_EW_DRAW"][some]), 37, 0.25 * 37)
    if lf is None:
        return
    points = np.loadtxt(Path(lf) / "Gunawardhana13_SDSS_Halpha.dat")
    for x, phi in zip(points[:, 1] + 7, points[:, 2]):
        if 40.4 < x < 42.1:
            row(
                f"log phi at log L(Ha) {x:.2f} before dust, z = 0.1",
                density(np.log10(case_b), weight, x, 0.4),
                phi,
                0.15,
            )


def total_ew(t):
    """EW of Halpha and both lines of [NII]."""
    return sum(np.asarray(t[f"{line}_EW_DRAW"], float) for line in ("HALPHA", "NII_6548", "NII_6584"))


def wide_fields(program, folder, n, lf):
    """Slitless spectra of many small fields, so with little variance between fields; no correction for dust."""
    lines = [line.split() for line in (Path(lf) / "Colbert13_Halpha.dat").read_text().splitlines()]
    points = np.array([line[:6] for line in lines if len(line) >= 6 and line[0] != "#"], float)
    for z in (0.6, 1.2):
        t = draw(program, folder, n, f"redshift=fixed {z}")
        lum, weight = np.log10(np.maximum(np.asarray(t["HALPHA_LUM"]), 1)), np.asarray(t["WEIGHT"])
        mine = points[(points[:, 0] == z) & (points[:, 2] >= 10)]
        apart = [density(lum, weight, x, 0.3) - np.log10(phi) for x, phi in mine[:, [1, 4]]]
        row(f"log phi - Colbert et al. 2013, z = {z}: mean of {len(mine)} points", np.mean(apart), 0, 0.25)
        row("the same: largest, either sign", apart[int(np.argmax(np.abs(apart)))], 0, 0.25)


def distant_ews(t, z, low, high, distant):
    mass, forming = np.asarray(t["LGMASS"]), np.char.strip(np.asarray(t["CLASS"], str)) == "star-forming"
    ew, theirs = total_ew(t), np.asarray(distant["LMASS"], float)
    measured = np.asarray(distant["HALPHA_NII_EW"], float)
    there = (distant["Z"] > low) & (distant["Z"] < high) & (distant["UVJ"] != 3) & (distant["HALPHA_NII_EW_IVAR"] > 0)
    for a, b in ((9.3, 9.7), (9.7, 10.0), (10.0, 10.5), (10.5, 11.0)):
        mine, other = forming & (mass > a) & (mass < b), there & (theirs > a) & (theirs < b)
        row(
            f"z = {z}, log M {a} to {b}: log median EW(Ha + [NII]), {other.sum()} galaxies at {low} to {high}",
            np.log10(np.median(ew[mine])),
            np.log10(np.median(measured[other])),
            0.1,
        )


def far(program, folder, n, lf, distant):
    middle = []
    for z in (0.1, 0.4, 0.84, 1.47):
        t = draw(program, folder, n, f"redshift=fixed {z}")
        mass, ew = np.asarray(t["LGMASS"]), np.asarray(t["HALPHA_EW_DRAW"])
        forming = np.char.strip(np.asarray(t["CLASS"], str)) == "star-forming"
        middle.append(np.log10(np.median(ew[(mass > 10) & (mass < 10.5) & forming])))
        if distant is not None and z > 0.7:
            distant_ews(t, z, *((0.7, 1.0) if z < 1 else (1.3, 1.5)), distant)
        if z == 0.1 or lf is None:
            continue
        lines = [line.split() for line in (Path(lf) / "Sobral13_Halpha.dat").read_text().splitlines()]
        points = np.array([line[:9] for line in lines if len(line) >= 9 and line[0] != "#"], float)
        points = points[(np.abs(points[:, 0] - z) < 0.02) & (points[:, 3] >= 10)]
        # their luminosities have one magnitude of dust taken off
        lum, weight = np.log10(np.maximum(np.asarray(t["HALPHA_LUM"]), 1)) + 0.4, np.asarray(t["WEIGHT"])
        apart = [density(lum, weight, x) - phi for x, phi in points[:, [1, 6]]]
        row(f"log phi - Sobral et al. 2013, z = {z}: mean of {len(points)} points", np.mean(apart), 0, 0.25)
        row("the same: largest, either sign", apart[int(np.argmax(np.abs(apart)))], 0, 0.25)
        cut = total_ew(t) > 25  # their selection, for which their densities are corrected
        row(
            "the same with EW(Ha + [NII]) > 25 A",
            np.mean([density(lum[cut], weight[cut], x) for x in points[:, 1]] - points[:, 6]),
            0,
            0.25,
        )
    slope = np.polyfit(np.log10(1 + np.array([0.1, 0.4, 0.84, 1.47])), middle, 1)[0]
    row("EW(Ha) at log M 10 to 10.5 as (1 + z)^p: p", slope, 1.8, 0.3)


def single(program, folder):
    t_obs = 11.0
    times = np.concatenate([np.linspace(0.1, 10.4, 100), np.arange(10.42, 10.98, 0.02), np.arange(10.98, 11.05, 0.001)])
    constant = np.where(times > 1, 1.0, 0.0)
    cases = {f"stopped {ago} Myr ago": np.where(times > t_obs - ago / 1e3, 0, constant) for ago in (10, 100, 300)}
    for factor in (0.03, 1, 10):
        cases[f"last 10 Myr x {factor}"] = np.where(times > t_obs - 0.01, factor, 1) * constant
    sfr = np.array(list(cases.values()))
    light = of_histories(program, folder, times, sfr, t_obs, "lines=continuum")
    t = of_histories(program, folder, times, sfr, t_obs)
    for k, name in enumerate(cases):
        ew, own = float(t["HALPHA_EW"][k]), float(t["HALPHA_EW_CASEB"][k])
        off = max(float(light["HALPHA_EW"][k]), own) > 1 and not 0.5 < light["HALPHA_EW"][k] / own < 2
        row(f"{name}: EW(Ha) of photons (case B; rest: the floor)", ew, own, None)
        row(
            f"{name}: EW(Ha) of the continuum; flagged {bool(light['FLAGS'][k] & 16384)}, off by 2: {off}",
            float(light["HALPHA_EW"][k]),
            own,
        )
    smooth = np.array(
        [np.where(times > 1, (times - 1) * np.exp(-(times - 1) / tau), 0) for tau in (20, 5, 3.2, 2.2, 1.7)]
    )
    for k, (a, b) in enumerate(
        zip(
            of_histories(program, folder, times, smooth, t_obs, "lines=continuum", AV=0.5)["HALPHA_EW"],
            of_histories(program, folder, times, smooth, t_obs, AV=0.5)["HALPHA_EW"],
        )
    ):
        row(f"smooth history {k + 1}: EW(Ha) of the continuum over that of photons", float(a / b), 1, 0.15)
    poor, rich = (
        of_histories(program, folder, times, np.tile(constant, (400, 1)), t_obs, LGMET=m, TARGETID=np.arange(1, 401))
        for m in (-2.45, -1.5)
    )
    n2 = [np.median(np.log10(t["NII_6584_EW_DRAW"] / t["HALPHA_EW_DRAW"])) for t in (poor, rich)]
    row("log [NII]/Ha for +0.95 dex of metallicity", n2[1] - n2[0], "0.3 or more")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starglow", default="build/release/starglow")
    parser.add_argument("-n", type=int, default=40000)
    parser.add_argument("--lf", help="folder of published luminosity functions")
    parser.add_argument("--near", help="table of nearby galaxies")
    parser.add_argument("--distant", help="table of galaxies at z = 0.7 to 1.5")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        near, distant = (path and Table.read(path, hdu=1) for path in (args.near, args.distant))
        local(args.starglow, folder, args.n, args.lf, near)
        far(args.starglow, folder, args.n, args.lf, distant)
        if args.lf is not None:
            wide_fields(args.starglow, folder, args.n, args.lf)
        single(args.starglow, folder)
    if args.lf is None:
        print("no --lf: luminosity functions are not compared")
    if args.near is None or args.distant is None:
        print("no --near or no --distant: EWs of galaxies of equal colours or masses are not compared")
    for r in ROWS:
        if args.json:
            print(json.dumps({k: v if isinstance(v, str) or v is None else float(v) for k, v in r.items()}))
            continue
        wanted = r["expected"] if isinstance(r["expected"], str) else f"{r['expected']:.3g}"
        mark = "" if r["within"] is None else "" if abs(r["here"] - r["expected"]) <= r["within"] else "  <- beyond"
        within = "" if r["within"] is None else f" +- {r['within']:.2g}"
        print(f"{r['what']:<72}{r['here']:>9.3f}   {wanted}{within}{mark}")


if __name__ == "__main__":
    main()
