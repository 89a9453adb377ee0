"""Published main sequences and Halpha luminosity functions: which of them agree; docs/mocks.md quotes it.

    python bench/main_sequences.py FOLDER [-n 200000]

For each main sequence, star-forming galaxies of the preset universe (its mass function, quiescent share, dust of
Halpha, scatter 0.3 dex) get log L(Halpha) = log SFR + 41.34 before dust. Prints mean and largest log density over that
of Gunawardhana et al. 2013 (SDSS, z = 0.05, before dust, log L 40.4 to 42.1), Sobral et al. 2013 (z = 0.4, 0.84, 1.47;
one magnitude of dust taken off both) and Colbert et al. 2013 (z = 0.6, 1.2; behind dust). FOLDER has them as text.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.cosmology import FlatLambdaCDM

COSMOLOGY = FlatLambdaCDM(70, 0.3)
EFFICIENCY = 41.34  # log L(Halpha) / SFR of the preset's galaxies


def schechter(lgmass, phi, star, alpha):
    x = lgmass - star
    return np.log(10) * phi * 10 ** ((alpha + 1) * x) * np.exp(-(10**x))


def parabola(values, z):
    return np.polyval(np.polyfit((0.2, 1.6, 3.0), values, 2), z)


def mass_function(lgmass, z):
    near = schechter(lgmass, 3.96e-3, 10.66, -0.35) + schechter(lgmass, 0.79e-3, 10.66, -1.47)
    at, star = max(z, 0.2), parabola((10.79, 10.88, 10.84), max(z, 0.2))
    far = schechter(lgmass + 0.1, 10 ** parabola((-2.44, -3.08, -4.14), at), star, -0.28)
    far += schechter(lgmass + 0.1, 10 ** parabola((-2.89, -3.29, -3.51), at), star, -1.48)
    return np.exp(np.interp(z, (0.1, 0.5), (0, 1)) * (np.log(far) - np.log(near)) + np.log(near))


def star_forming(lgmass, z):
    return 1 - 1 / (1 + 10 ** (-(0.8 + 0.2 * min(z, 1)) * (lgmass - (10.55 + 0.25 * z))))


def dust(lgmass):
    x = np.clip(lgmass - 10, -1.33, 1.5)
    return 0.91 + x * (0.77 + x * (0.11 - 0.09 * x))


def power(p):
    return lambda m, z: 0.2 + 0.65 * (m - 10.5) + p * np.log10((1 + z) / 1.1)


def speagle(m, z):
    """Speagle et al. 2014; Kroupa to Chabrier."""
    t = COSMOLOGY.age(z).value
    return (0.84 - 0.026 * t) * m - (6.51 - 0.11 * t) - 0.03


def popesso(m, z):
    """Popesso et al. 2023; Kroupa to Chabrier."""
    t = COSMOLOGY.age(z).value
    return (4.722 - 0.034 * t) * m - 0.1925 * m**2 - 26.134 + 0.20 * t - 0.03


def leja(m, z):
    """Leja et al. 2022, the mean; measured at z = 0.2 to 3."""
    a, b = -0.06707 + 0.3684 * z - 0.1047 * z**2, 0.8552 - 0.1010 * z - 0.001816 * z**2
    c, turn = 0.2148 + 0.8137 * z - 0.08052 * z**2, 10.29 - 0.1284 * z + 0.1203 * z**2
    return c + np.where(m > turn, a, b) * (m - turn)


SEQUENCES = {
    "(1 + z)^2.4": power(2.4),
    "(1 + z)^2.8 (preset)": power(2.8),
    "Speagle et al. 2014": speagle,
    "Popesso et al. 2023": popesso,
    "Leja et al. 2022": leja,
}


def numbers(path, columns):
    lines = [line.split() for line in path.read_text().splitlines()]
    return np.array([line[:columns] for line in lines if len(line) >= columns and line[0][0] != "#"], float)


def apart(sequence, z, n, points, width, before_dust, taken_off):
    """Log density over that published at log L, of galaxies with or without dust."""
    rng = np.random.default_rng(1)
    mass = rng.uniform(8, 12, n)
    weight = mass_function(mass, z) * star_forming(mass, z) * 4 / n
    lum = sequence(mass, z) + 0.3 * rng.normal(size=n) + EFFICIENCY
    if not before_dust:
        lum -= 0.4 * (np.maximum(dust(mass) + 0.28 * rng.normal(size=n), 0) - taken_off)
    return np.array([np.log10(weight[np.abs(lum - x) < width / 2].sum() / width) - phi for x, phi in points])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", type=int, default=200000)
    options = parser.parse_args()
    near = numbers(options.folder / "Gunawardhana13_SDSS_Halpha.dat", 3)[:, 1:] + [7, 0]
    cases = [("G13 0.05", 0.05, near[(near[:, 0] > 40.4) & (near[:, 0] < 42.1)], 0.4, True, 0)]
    sobral = numbers(options.folder / "Sobral13_Halpha.dat", 9)
    colbert = numbers(options.folder / "Colbert13_Halpha.dat", 6)
    for z in (0.4, 0.84, 1.47):
        rows = sobral[(np.abs(sobral[:, 0] - z) < 0.02) & (sobral[:, 3] >= 10)]
        cases.append((f"S13 {z}", z, rows[:, [1, 6]], 0.2, False, 1))
    for z in (0.6, 1.2):
        rows = colbert[(colbert[:, 0] == z) & (colbert[:, 2] >= 10)]
        points = np.column_stack([rows[:, 1], np.log10(rows[:, 4])])
        cases.append((f"C13 {z}", z, points, 0.3, False, 0))
    print(f"{'':<22}" + "".join(f"{case[0]:>16}" for case in cases))
    for name, sequence in SEQUENCES.items():
        text = ""
        for _, z, points, width, before, off in cases:
            a = apart(sequence, z, options.n, points, width, before, off)
            text += f"{a.mean():>+9.2f} ({a[np.argmax(np.abs(a))]:+.2f})"
        print(f"{name:<22}{text}")


if __name__ == "__main__":
    main()
