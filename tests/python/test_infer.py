"""starglow.infer: its light is that of the C++ library and of DSPS; its likelihood; galaxies and populations found."""

import numpy as np
import pytest

for needed in ("dsps", "blackjax", "optax", "arviz"):
    pytest.importorskip(needed)
import jax
import jax.numpy as jnp

import starglow as sg

pytestmark = pytest.mark.filterwarnings("ignore:.*ArviZ is undergoing:FutureWarning")
HA = sg.LINES.index("HALPHA")


@pytest.fixture(scope="module", autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def sgi():
    import starglow.infer

    return starglow.infer


@pytest.fixture(scope="module")
def stars(sgi):
    return sgi.Stars()


def survey_errors(sgi, n, lines=True):
    ivar = np.full((n, 12), 0.02**-2.0)
    if not lines:
        return sgi.Survey(np.ones((n, 12)), ivar)
    ew_ivar = np.zeros((n, 10))
    ew_ivar[:, [sg.LINES.index(line) for line in ("HBETA", "OIII_5007", "HALPHA", "NII_6584")]] = 1.0
    return sgi.Survey(np.ones((n, 12)), ivar, ew=np.zeros((n, 10)), ew_ivar=ew_ivar)


@pytest.mark.parametrize("av", [0.0, 0.6])
def test_light_is_that_of_the_mocks(sgi, av):
    """The package's stellar populations, weights of DSPS and dust in thirds of bands, against C++."""
    fixed = dict(lgtau=0.6, t_start=0.0, lgmet=-2.0, lgmet_scatter=0.2, av=av, slope=-0.2, bump=1.0, lgfburst=-10)
    mock = sg.mock_stars(
        1,
        aperture="total",
        sfh="delayed_tau",
        redshift="fixed 0.1",
        band_offset="0",
        band_scatter="0",
        **{k: f"fixed {v}" for k, v in fixed.items()},
    )
    stars = sgi.Stars(t_obs=float(mock.t_obs[0]))
    ours = np.asarray(stars.bands([0.6, 0.0, -2.0, np.log10(max(av, 1e-9))]))
    theirs = mock.galaxies.band_flux[0]
    np.testing.assert_allclose(ours / ours[9], theirs / theirs[9], rtol=0.01)


def test_star_formation_of_a_history(stars):
    """Of a nearly constant rate: 1 / age; ten times that where the last 0.1 Gyr has ten times the rate."""
    slow = stars.lg_ssfr(np.array([[3.0, 0.0, -2, -1], [3.0, 1.0, -2, -1]]))  # rate ~ t
    assert float(slow[0]) == pytest.approx(np.log10(2 / (12e9)), abs=0.01)
    assert float(slow[1] - slow[0]) == pytest.approx(1 - np.log10(1 + 9 * 2 * 0.1 / 12), abs=0.01)


def test_what_a_line_says(stars, sgi):
    """A sharp measurement is itself, none says nothing, a wide one moves the expectation as its likelihood does."""
    from starglow.infer.survey import sites

    light = np.repeat(np.asarray(stars.bands(stars.prior.mean))[None], 3, axis=0)
    ew, ivar = np.zeros((3, 10)), np.zeros((3, 10))
    ew[:, HA], ivar[:, HA] = 30.0, [100.0, 0.0, 0.01]
    survey = sgi.Survey(light / light[:, 9:10], np.full((3, 12), 1e4), ew=ew, ew_ivar=ivar)
    data = sites(stars, survey)
    k = list(sg.names.INDEPENDENT_LINES).index(HA)
    assert float(data.centre[0, k]) == pytest.approx(np.arcsinh(30.0), abs=2e-3)
    assert float(data.variance[0, k]) == pytest.approx(0.1**2 / (1 + 30.0**2), rel=0.05)
    np.testing.assert_array_equal(data.variance[1], 1e3)
    weight, mean, sd = stars.lines(survey.band_flux[2:], None)
    m = float((weight * mean[..., k]).sum())
    v = float((weight * (sd[..., k] ** 2 + mean[..., k] ** 2)).sum()) - m * m
    t = np.linspace(m - 8 * v**0.5, m + 8 * v**0.5, 20001)
    p = np.exp(-0.5 * ((30.0 - np.sinh(np.maximum(t, 0))) / 10) ** 2 - 0.5 * (t - m) ** 2 / v)
    p /= p.sum()
    precision = 1 / float(data.variance[2, k]) + 1 / v
    assert 1 / precision == pytest.approx((p * (t - (p * t).sum()) ** 2).sum(), rel=0.02)
    centre = (float(data.centre[2, k]) / float(data.variance[2, k]) + m / v) / precision
    assert centre == pytest.approx((p * t).sum(), abs=0.01)


def test_likelihood_does_not_depend_on_the_unit_and_has_derivatives(stars, sgi):
    from starglow.infer.survey import log_likelihood, simulate, sites

    truth = jnp.asarray([[0.3, 0.1, -2.1, -0.4], [0.6, -0.3, -1.9, -0.7]])
    survey = simulate(stars, truth, survey_errors(sgi, 4), jax.random.key(1))
    data = sites(stars, survey)
    dim = sgi.Survey(1e-3 * survey.band_flux, 1e6 * survey.band_flux_ivar, ew=survey.ew, ew_ivar=survey.ew_ivar)
    of = jax.jit(lambda p, d: log_likelihood(stars, p, d)[0])
    value = of(truth, data)
    np.testing.assert_allclose(of(truth, sites(stars, dim)), value, rtol=1e-6)
    slope = jax.jit(jax.grad(lambda p: of(p, data).sum()))(truth)
    for k in range(4):
        step = 1e-3 * np.eye(4)[k]
        about = (of(truth + step, data) - of(truth - step, data)) / 2e-3
        np.testing.assert_allclose(slope[:, k], about, rtol=0.02, atol=0.05)


def test_wrong_surveys_are_refused(stars, sgi):
    flux, ivar = np.ones((2, 12)), np.ones((2, 12))
    with pytest.raises(ValueError, match="wrong shape"):
        sgi.Survey(flux[:, :11], ivar[:, :11])
    with pytest.raises(ValueError, match="too few bands"):
        sgi.Survey(flux, np.where(np.arange(12) < 7, 0.0, ivar))
    with pytest.raises(ValueError, match="go together"):
        sgi.Survey(flux, ivar, ew=np.zeros((2, 10)))
    with pytest.raises(ValueError, match="z does not fit"):
        sgi.Survey(flux, ivar, z=[0.1, np.nan])
    with pytest.raises(ValueError, match="no such galaxy"):
        sgi.nuts(stars, sgi.Survey(flux, ivar), 2)
    with pytest.raises(ValueError, match="t_obs out of range"):
        sgi.Stars(t_obs=0.1)
    with pytest.raises(ValueError, match="too few bands"):  # JAX's arrays are looked at where they are used
        sgi.nuts(stars, sgi.Survey(jnp.full((1, 12), jnp.nan), jnp.ones((1, 12))), 0)
    missing = sgi.Survey(np.where(np.arange(12) == 3, np.nan, flux), ivar)
    assert float(missing.band_flux_ivar[0, 3]) == 0 and np.isfinite(missing.band_flux).all()


@pytest.mark.long
def test_galaxies_and_their_population_are_found(stars, sgi, tmp_path):
    from starglow.infer.population import hyper_to_population
    from starglow.infer.survey import simulate

    like = survey_errors(sgi, 32)
    start = sgi.amortise(stars, like, galaxies=8000, steps=1500, seed=1)
    assert start.loss[-1] < start.loss[0]
    hyper = np.array([0.5, -0.5, 0.3, 0.4, 0.2, -0.3, 0.0, 0.5])
    mean, scatter = (np.asarray(a) for a in hyper_to_population(hyper, *stars.prior))
    random = np.random.default_rng(2)
    theta = mean + scatter * random.standard_normal((100, 4))
    survey = simulate(stars, jnp.asarray(theta), like, jax.random.key(2))
    seen = []
    posterior = sgi.galaxies(
        start, survey, chunk=40, checkpoint=tmp_path / "kept.npz", progress=lambda *a: seen.append(a)
    )
    assert seen == [(40, 100), (80, 100), (100, 100)] and posterior.attrs["check_passed"] == 1
    again = sgi.galaxies(start, survey, chunk=40, checkpoint=tmp_path / "kept.npz")  # nothing is left to do
    np.testing.assert_array_equal(again.proposals.log_weight, posterior.proposals.log_weight)
    with pytest.raises(ValueError, match="other galaxies or settings"):
        sgi.galaxies(start, survey, seed=2, checkpoint=tmp_path / "kept.npz")
    for k, name in enumerate(sgi.PARAMETERS):
        rank = (posterior.posterior[name].values[0] < theta[:, k]).mean(0)
        assert 0.35 < rank.mean() < 0.65 and 0.5 < ((rank > 0.16) & (rank < 0.84)).mean() < 0.85, name
    assert np.median(posterior.galaxy_stats.ess) > 10
    found = sgi.population(posterior).posterior
    for name, truth in (("mean", mean), ("scatter", scatter)):
        samples = found[name].values.reshape(-1, 4)
        assert (np.abs(samples.mean(0) - truth) < 4 * samples.std(0)).all(), (name, samples.mean(0), truth)
    one = sgi.nuts(stars, survey, 3)
    for name in sgi.PARAMETERS:
        alone, together = one.posterior[name].values.ravel(), posterior.posterior[name].values[0][:, 3]
        assert abs(alone.mean() - together.mean()) < alone.std(), name
    lines = sgi.unseen_lines(stars, survey, posterior, draws=8)
    assert lines.shape == (100, 10, 8) and np.isfinite(lines).all()
    off = np.abs(np.median(lines[:, HA], axis=1) - np.asarray(survey.ew)[:, HA])  # measured, to 1 A
    assert np.median(off) < 1.5
    red = survey.band_flux * jnp.asarray(1 + 0.15 * (np.arange(12) % 2))  # no stars have such light
    odd = sgi.Survey(red, survey.band_flux_ivar, ew=survey.ew, ew_ivar=survey.ew_ivar)
    assert sgi.galaxies(start, odd).attrs["check_passed"] == 0
    bare = sgi.Survey(survey.band_flux, survey.band_flux_ivar)
    with pytest.raises(ValueError, match="another kind of survey"):
        sgi.galaxies(start, bare)
