"""Bands, measuring, painting and magnitudes from Python: closed forms, the twin, and what is painted is measured."""

import numpy as np
import pytest

import starglow as sg

C, LSUN, MPC = 2.99792458e18, 3.828e33, 3.0856775814913674e24


def distance(z):
    from astropy.cosmology import FlatLambdaCDM

    return FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0).luminosity_distance(z).value * MPC


def test_bands_of_a_power_law_are_its_integrals():
    wave, z = np.arange(3000.0, 7500.0, 1.0), np.array([0.05, 0.2, -1.0])
    lum = np.stack([1e-5 * wave**2 / C * s for s in (1.0, 2.0, 1.0)]) * 1e10  # L_lambda flat
    got = sg.bands(wave, lum, z)
    want = (
        np.array([1e5, 2e5])[:, None] * LSUN / (4 * np.pi * distance(z[:2])[:, None] ** 2 * (1 + z[:2, None])) / 1e-17
    )
    np.testing.assert_allclose(got[:2], np.broadcast_to(want, (2, 12)), rtol=1e-12)
    assert np.isnan(got[2]).all() and np.isnan(sg.bands(wave[wave > 3500], lum[0][wave > 3500], 0.1)[0])
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    sgj = pytest.importorskip("starglow.jax")
    tilted = lum * (wave / 5000) ** 1.3
    np.testing.assert_allclose(got[:2], sgj.bands(wave, lum[:2], z[:2]), rtol=1e-12)
    np.testing.assert_allclose(sg.bands(wave, tilted, z)[:2], sgj.bands(wave, tilted[:2], z[:2]), rtol=1e-9)
    np.testing.assert_allclose(
        sg.line_luminosities(wave, tilted, np.ones((3, 10))),
        np.asarray(sgj.line_luminosities(wave, tilted, np.ones((3, 10)))) * LSUN,
        rtol=1e-9,
    )


def test_what_is_painted_is_measured():
    wave = 3600 + 0.8 * np.arange(7781)
    z, ew = (
        np.array([0.1, 0.2]),
        np.array([[20, 5, 12, 4, 13, 3, 60, 9, 8, 6], [30, 6, 15, 9, 30, 4, 80, 12, 9, 7]], float),
    )
    continuum = np.ones((2, 7781)) * [[3.0], [5.0]]
    painted = sg.paint(wave, continuum, z, ew, sigma_v=120.0)
    np.testing.assert_allclose(painted["flux"], continuum + painted["lines"])
    strong = [0, 1, 2, 4, 6, 7, 8, 9]
    np.testing.assert_allclose(
        painted["line_flux"][:, strong], (ew * (1 + z[:, None]) * [[3.0], [5.0]])[:, strong], rtol=1e-12
    )
    np.testing.assert_allclose((painted["lines"] * 0.8).sum(1), painted["line_flux"].sum(1), rtol=1e-9)
    got = sg.measure(wave, painted["flux"], z, ivar=np.full((2, 7781), 400.0))
    np.testing.assert_allclose(got["ew"][:, strong], ew[:, strong], rtol=0.03, atol=0.5)
    flat = np.broadcast_to([[3.0], [5.0]], (2, 12))
    assert (got["band_flux"] > 0.999 * flat).all() and (
        got["band_flux"] < 1.1 * flat
    ).all()  # K24's windows leave the wings of lines
    robust = sg.measure(wave, painted["flux"], z, recipe="robust")["band_flux"]
    assert (
        abs(robust - flat)[:, 10] < 0.5 * abs(got["band_flux"] - flat)[:, 10]
    ).all()  # its windows take the wings of Halpha too
    np.testing.assert_allclose(sg.measure(wave, continuum, z, lines=False)["band_flux"], flat, rtol=1e-12)
    assert sg.measure(wave, painted["flux"], z, lines=False).keys() == {"band_flux", "band_flux_ivar", "flags"}


def test_a_line_brightens_a_filter_as_its_formula_says():
    wave = np.arange(2000.0, 12000.0, 2.0)
    filters = [sg.Filter("box", np.array([7099.0, 7100, 8100, 8101]), np.array([0.0, 1, 1, 0]))]
    lum = wave**2 * 1e-12  # L_lambda flat
    continuum, total = sg.magnitudes(filters, wave, lum, 0.15, np.eye(10)[6] * 100.0)
    # flat F_lambda: the line adds EW (1 + z) lambda_line to the photons int lambda dlambda
    want = -2.5 * np.log10(1 + 100 * 1.15 * 6564.6 * 1.15 / ((8100**2 - 7100**2) / 2))
    assert abs((total - continuum)[0] - want) < 2e-3
    dark, same = sg.magnitudes(filters, wave, lum, 0.15)
    assert dark[0] == same[0] == continuum[0]


def test_wrong_light_is_refused(tmp_path):
    wave = np.arange(3000.0, 7500.0)
    for call in (
        lambda: sg.bands(wave[::-1], wave, 0.1),
        lambda: sg.bands(wave, wave[:-1], 0.1),
        lambda: sg.bands(wave, [wave, wave], [0.1, 0.2, 0.3]),
        lambda: sg.measure(wave, wave, 0.1, recipe="best"),
        lambda: sg.paint(wave, wave, 0.1, np.ones((2, 10))),
        lambda: sg.paint(wave, wave, 0.1, np.ones(10), sigma_v=-1.0),
        lambda: sg.magnitudes([sg.Filter("x", wave[:3], np.array([0.0, 2.0, 0.0]))], wave, wave, 0.1),
    ):
        with pytest.raises(sg.InputError):
            call()
    with pytest.raises(FileNotFoundError):
        sg.Filter.load(tmp_path / "absent.ecsv")
