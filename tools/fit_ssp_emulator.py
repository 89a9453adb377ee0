"""Fit the small emulator of stellar populations that is embedded in the library (models/ssp.md).

    .venv/bin/python tools/fit_ssp_emulator.py FSPS.npz BC03.h5 -o models/ssp.safetensors

FSPS.npz: solar populations of FSPS v2.4 (wave_A, logage in log10 yr, lnu_lsun_hz). BC03.h5: a grid in the layout of
DSPS whose metallicities hold 0.02. log10 L_nu(wavelength; age, Z) = mean + sum over components of basis(wavelength)
times a coefficient, tabulated every 0.05 dex of age (linear between) and a cubic polynomial (Chebyshev) in log Z. Ages
and wavelengths come from FSPS; the change with metallicity is BC03's ratio to its solar population at the same age,
held constant beyond BC03's ages and wavelengths."""

import argparse
import hashlib
from pathlib import Path

import h5py
import numpy as np
from model_file import sealed
from numpy.polynomial import chebyshev

WAVE_LO, WAVE_HI = 1000.0, 25000.0  # A
LG_AGES = np.round(np.arange(-3.5, 1.1501, 0.05), 2)  # log10 Gyr
N_COMPONENTS, DEGREE_MET = 16, 3
FAR_WEIGHT = 0.1  # of wavelengths outside 2500-10000 A in the choice of the components
TAPER = 250.0  # A at each end of BC03 whose mean ratio stands for what lies beyond


def read_fsps(path):
    data = np.load(path)
    wave, lg_age = data["wave_A"].astype(float), data["logage"] - 9
    keep = (wave >= WAVE_LO) & (wave <= WAVE_HI)
    return wave[keep], lg_age, np.log10(data["lnu_lsun_hz"][:, keep].astype(float))


def metallicity_ratios(path, wave, lg_age):
    """(n_met, n_age, n_wave) log10 of BC03 over its solar population, smoothed to the wavelengths' spacing."""
    with h5py.File(path) as grid:
        lgmet, ages, fine = (grid[k][:] for k in ("ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave"))
        flux = grid["ssp_flux"][:].astype(float)
    solar = int(np.argmin(abs(lgmet - np.log10(0.02))))
    edges = np.concatenate([[wave[0]], 0.5 * (wave[1:] + wave[:-1]), [wave[-1]]])
    total = np.concatenate(
        [np.zeros(flux.shape[:2] + (1,)), np.cumsum(0.5 * (flux[..., 1:] + flux[..., :-1]) * np.diff(fine), -1)], -1
    )
    at_edge = np.stack([[np.interp(edges, fine, total[m, a]) for a in range(len(ages))] for m in range(len(lgmet))])
    covered = (edges[:-1] >= fine[0]) & (edges[1:] <= fine[-1])
    mean = np.full(flux.shape[:2] + wave.shape, np.nan)
    mean[..., covered] = np.diff(at_edge, axis=-1)[..., covered] / np.diff(edges)[covered]
    ratio = np.log10(mean / mean[solar])
    blue, red = (covered & (wave < fine[0] + TAPER)), (covered & (wave > fine[-1] - TAPER))
    ratio[..., wave < wave[covered][0]] = ratio[..., blue].mean(-1, keepdims=True)
    ratio[..., wave > wave[covered][-1]] = ratio[..., red].mean(-1, keepdims=True)
    return lgmet, np.stack(
        [[np.interp(lg_age, ages, ratio[m, :, i]) for i in range(len(wave))] for m in range(len(lgmet))]
    ).transpose(0, 2, 1)


def scaled(x, lo, hi):
    return (2 * x - lo - hi) / (hi - lo)


def save(path, tensors, metadata):
    Path(path).write_bytes(sealed({name: np.asarray(array, "<f4") for name, array in tensors.items()}, metadata))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("fsps")
    parser.add_argument("bc03")
    parser.add_argument("-o", "--output", required=True)
    o = parser.parse_args()
    wave, lg_age, solar = read_fsps(o.fsps)
    lgmet, ratio = metallicity_ratios(o.bc03, wave, lg_age)
    cube = solar[None] + ratio  # (n_met, n_age, n_wave)
    n_met, n_age, n_wave = cube.shape
    flat = cube.reshape(-1, n_wave)
    mean = flat.mean(0)
    weight = np.where((wave > 2500) & (wave < 10000), 1.0, FAR_WEIGHT)  # what bands and magnitudes see counts most
    _, _, basis = np.linalg.svd((flat - mean) * weight, full_matrices=False)
    scores = (flat - mean) * weight @ basis[:N_COMPONENTS].T
    basis = basis[:N_COMPONENTS] / weight
    design = chebyshev.chebvander(scaled(lgmet, lgmet[0], lgmet[-1]), DEGREE_MET)
    at_knots = np.stack(
        [
            [np.interp(LG_AGES, lg_age, scores.reshape(n_met, n_age, -1)[m, :, c]) for c in range(N_COMPONENTS)]
            for m in range(n_met)
        ]
    )  # (n_met, component, knot)
    coefficients = np.linalg.lstsq(design, at_knots.reshape(n_met, -1), rcond=None)[0].reshape(
        DEGREE_MET + 1, N_COMPONENTS, -1
    )
    smooth = np.einsum("mp,pck->mck", design, coefficients)
    ages = np.stack([[np.interp(lg_age, LG_AGES, smooth[m, c]) for c in range(N_COMPONENTS)] for m in range(n_met)])
    error = (mean + np.einsum("mca,cw->maw", ages, basis) - cube) / np.log10(np.e)
    inside = (lg_age >= LG_AGES[0] - 1e-9) & (lg_age <= LG_AGES[-1] + 1e-9)
    error, lg_age = error[:, inside], lg_age[inside]
    optical, young = (wave > 3400) & (wave < 7000), lg_age < -2
    report = {
        "rms_optical": error[..., optical].std(),
        "max_optical": abs(error[..., optical]).max(),
        "rms_all": error.std(),
        "rms_young": error[:, young][..., optical].std(),
        "max_bands": max(
            abs(error[..., (wave >= lo) & (wave < lo + 300)].mean(-1)).max() for lo in range(3400, 7000, 300)
        ),
    }
    names = {p: hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in (o.fsps, o.bc03)}
    metadata = {
        "kind": "ssp",
        "form": "emulator",
        "source": "FSPS v2.4 solar (BaSeL, Padova, Chabrier); metallicity ratios of BC03",
        "inputs": "; ".join(f"{Path(p).name} {h}" for p, h in names.items()),
        **{f"error.{k}": f"{v:.5f}" for k, v in report.items()},
    }
    tensors = {
        "ssp.wave": wave,
        "ssp.mean": mean,
        "ssp.basis": basis,
        "ssp.coefficients": coefficients.transpose(1, 0, 2),
        "ssp.lgmet_range": np.array([lgmet[0], lgmet[-1]]),
        "ssp.lg_age_gyr": LG_AGES,
    }
    save(o.output, tensors, metadata)
    print(f"{o.output}: {sum(t.size for t in tensors.values())} numbers, {Path(o.output).stat().st_size} bytes")
    for key, value in report.items():
        print(f"{key:12} {value:.4f} (natural log of L_nu)")


if __name__ == "__main__":
    main()
