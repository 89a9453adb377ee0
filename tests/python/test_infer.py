"""starglow.infer: its light is that of the C++ library and of DSPS; its likelihood; galaxies and populations found."""

import warnings

import numpy as np
import pytest

for needed in ("dsps", "blackjax", "optax", "arviz"):
    pytest.importorskip(needed)
import jax
import jax.numpy as jnp

import starglow as sg
from starglow.infer.population import MEAN_SD, SCATTER, SCATTER_SD

pytestmark = pytest.mark.filterwarnings("ignore:.*ArviZ is undergoing:FutureWarning")
HA = sg.LINES.index("HALPHA")
LINES_MEASURED = ("HBETA", "OIII_5007", "HALPHA", "NII_6584")


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
    ew_ivar[:, [sg.LINES.index(line) for line in LINES_MEASURED]] = 1.0
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
    """Rates of tables, integrated; a time scale beyond the table of light is its last one, in the rate too."""
    time = np.linspace(0, 12, 240001)
    for lg_tau, lg_recent in ((0.0, 0.3), (0.6, -1.0), (1.8, 1.0)):
        rate = time * np.exp(-time / 10**lg_tau) * np.where(time > 11.9, 10**lg_recent, 1)
        recent = rate[time > 11.9].sum() / rate.sum() / 0.1e9
        assert float(stars.lg_ssfr([lg_tau, lg_recent, -2, -1])) == pytest.approx(np.log10(recent), abs=1e-3)
    np.testing.assert_array_equal(stars.lg_ssfr([3.0, 0, -2, -1]), stars.lg_ssfr([1.8, 0, -2, -1]))


def test_the_table_of_light_is_what_dsps_sums(stars):
    """A history as a table through DSPS, against the series in log tau and log Z; with and without recent stars."""
    from dsps.sed.ssp_weights import calc_ssp_weights_sfh_table_lognormal_mdf

    from starglow.infer.stars import package_grid
    from starglow.jax.bands import C_ANGSTROM, window_matrix

    grid = package_grid()
    edges, wave = np.linspace(3400, 7000, 37), np.asarray(grid.ssp_wave)
    light = np.einsum("maw,bw->mab", grid.ssp_flux, window_matrix(wave, edges[:-1], edges[1:]) * (C_ANGSTROM / wave**2))
    # Fine in age where stars are young: DSPS interpolates the mass between the times of a table.
    time = np.concatenate([np.linspace(0.01, 11.9, 4000), 12 - np.geomspace(0.1 - 1e-6, 1e-5, 400), [12.0]])
    for lg_tau, lg_recent, lg_met in ((-0.3, 0.0, -2.4), (0.4, 0.5, -2.0), (1.2, -0.8, -1.7)):
        sfr = time / 10**lg_tau * np.exp(-time / 10**lg_tau) * np.where(time > 11.9, 10**lg_recent, 1)
        weights = calc_ssp_weights_sfh_table_lognormal_mdf(
            time, sfr, lg_met, 0.2, grid.ssp_lgmet, grid.ssp_lg_age_gyr, 12.0
        ).weights
        theirs = np.einsum("ma,mab->b", np.asarray(weights).reshape(light.shape[:2]), light)
        ours = np.asarray(stars._table(jnp.asarray([lg_tau, lg_recent, lg_met])))
        np.testing.assert_allclose(ours, theirs, rtol=5e-3)


def test_normal_densities_without_lapack():
    from starglow.infer.density import mixture_log_density, solve_positive
    from starglow.jax import likelihood

    random = np.random.default_rng(3)
    factor = np.tril(random.standard_normal((3, 8, 8))) + 3 * np.eye(8)
    factor /= np.sqrt((factor**2).sum(-1, keepdims=True))
    weight, mean = random.dirichlet(np.ones(3), 20), random.standard_normal((20, 3, 8))
    sd, centre = random.uniform(0.2, 2, (20, 3, 8)), random.standard_normal((20, 8))
    variance = 10 ** random.uniform(-5, 3, (20, 8))
    ours = mixture_log_density(*map(jnp.asarray, (weight, mean, sd, factor @ factor.swapaxes(1, 2), centre, variance)))
    theirs = likelihood.mixture_log_density(*map(jnp.asarray, (np.log(weight), mean, sd, factor, centre, variance)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    matrix, x = factor[0] @ factor[0].T, random.standard_normal(8)
    np.testing.assert_allclose(solve_positive(jnp.asarray(matrix), jnp.asarray(matrix @ x)), x, rtol=1e-9)


def test_halpha_of_the_photons_is_part_of_the_likelihood(sgi):
    """Of Halpha measured alone: the integral over t of what the networks, the photons and the measurement say."""
    from starglow.infer.survey import Data, log_likelihood, photon_site

    stars, plain = sgi.Stars(lines="photons"), sgi.Stars()
    theta = jnp.asarray([[0.6, 0.2, -2.0, -0.6]])
    ew, sigma = (float(a[0]) for a in stars.photon_halpha(theta))
    assert 3 < ew < 300 and sigma == pytest.approx(np.hypot(1, 0.1 * np.log(10) * ew), rel=1e-4)
    k = list(sg.names.INDEPENDENT_LINES).index(HA)
    bands = plain.bands(theta)
    weight, mean, sd = (np.asarray(a, float)[0] for a in plain.lines(bands, None))
    t0, v0 = (float(a[0]) for a in photon_site(stars, theta))
    variance = np.full((1, 8), 1e3)
    variance[0, k] = 0.3**2
    centre = np.zeros((1, 8))
    centre[0, k] = t0 + 0.4
    flux = np.asarray(bands, float) / np.asarray(bands, float).mean()
    one = jnp.ones(1)
    data = Data(*(jnp.asarray(a, "float32") for a in (flux, 1e4 * np.ones((1, 12)), one)), None, centre, variance)
    difference = float((log_likelihood(stars, theta, data)[0] - log_likelihood(plain, theta, data)[0])[0])
    t = np.linspace(t0 - 6, t0 + 6, 20001)

    def normal(x, v):
        return np.exp(-0.5 * x * x / v) / np.sqrt(2 * np.pi * v)

    p = (weight * normal(t[:, None] - mean[:, k], sd[:, k] ** 2)).sum(1)
    seen = normal(centre[0, k] - t, 0.09)
    photons = normal(t - t0, v0)
    expected = np.log((p * photons * seen).sum() / (p * photons).sum()) - np.log((p * seen).sum() / p.sum())
    assert difference == pytest.approx(expected, abs=0.02)
    with pytest.raises(ValueError, match="continuum or photons"):
        sgi.Stars(lines="both")


def test_a_cut_is_one_of_mock_galaxies(stars, sgi):
    like = survey_errors(sgi, 16)
    dusty = sgi.cut(stars, like, lambda s: s.band_flux[:, 11] > 1.1 * s.band_flux[:, 3], galaxies=4096)
    free = sgi.cut(stars, like, lambda s: s.band_flux[:, 11] > -1, galaxies=4096)
    assert len(free.u) == free.drawn == 4096 and 100 < len(dusty.u) < 4000
    assert dusty.u[:, 3].mean() > free.u[:, 3].mean() + 0.1  # the red ones have more dust
    with pytest.raises(ValueError, match="gives no mask"):
        sgi.cut(stars, like, lambda s: s.band_flux, galaxies=4096)
    with pytest.raises(ValueError, match="hardly a galaxy"):
        sgi.cut(stars, like, lambda s: s.band_flux[:, 0] < 0, galaxies=4096)


def test_a_population_before_its_cut(sgi):
    """Parameters known exactly, half of them not seen: the mean without the cut is off, with it it is found."""
    import arviz
    import xarray

    random = np.random.default_rng(5)
    prior = sgi.Prior()
    mean, sd = np.asarray(prior.mean), np.asarray(prior.sd)
    truth = mean + 0.5 * sd * random.standard_normal((1200, 4))
    theta = truth[truth[:, 0] > mean[0]]
    proposals = theta + 1e-3 * sd * random.standard_normal((4, *theta.shape))
    log_weight = -0.5 * (((proposals - mean) / sd) ** 2).sum(-1)  # the prior: posteriors much narrower than it
    posterior = arviz.from_dict(posterior={"lg_tau": theta[None, None, :, 0]})
    kept = xarray.Dataset(
        {
            "theta": (("proposal", "galaxy", "parameter"), proposals),
            "log_weight": (("proposal", "galaxy"), log_weight),
        },
        attrs={"prior_mean": prior.mean, "prior_sd": prior.sd},
    )
    posterior.add_groups({"proposals": kept}, warn_on_custom_groups=False)
    u = 1.3 * random.standard_normal((200000, 4))
    passed = u[u[:, 0] > 0]
    log_density = -0.5 * ((passed / 1.3) ** 2).sum(1) - 4 * np.log(1.3)
    cut = sgi.Cut(passed, log_density, len(u), (tuple(prior.mean), tuple(prior.sd)))
    found = sgi.population(posterior, cut=cut, draws=200, chains=1)
    blind = sgi.population(posterior, draws=200, chains=1)
    for answer, good in ((found, True), (blind, False)):
        samples = answer.posterior["mean"].values[0, :, 0]
        off = abs(samples.mean() - mean[0]) / samples.std()
        assert off < 3.5 if good else off > 8, (off, good)
    scatter = found.posterior["scatter"].values[0]
    assert (np.abs(scatter.mean(0) - 0.5 * sd) < 4 * scatter.std(0)).all()
    few = sgi.Cut(passed[:300], log_density[:300], 600, cut.prior)
    with pytest.raises(ValueError, match="too few mock galaxies"):
        sgi.population(posterior, cut=few, draws=50, chains=1)


def test_the_pull_of_few_draws_of_many_galaxies_is_said():
    """Normal likelihoods, whose population is known in closed form: the draws pull by what is said, and half more."""
    from starglow.infer.population import _density, _draw_bias

    random = np.random.default_rng(3)
    n, draws, noise = 20000, 24, 0.5
    hyper = jnp.array([0.3, 0.0, -0.2, 0.1, 0.2, 0.0, 0.1, -0.1])  # scatters of about half of the prior's
    mean, scatter = MEAN_SD * hyper[:4], SCATTER * np.exp(SCATTER_SD * hyper[4:])
    x = mean + np.sqrt(scatter**2 + noise**2) * random.standard_normal((n, 4))
    # Proposals: posteriors under the prior N(0, 1), so every weight is that of the prior alone.
    inside = noise**2 / (1 + noise**2)
    u = x / (1 + noise**2) + np.sqrt(inside) * random.standard_normal((draws, n, 4))
    data = (jnp.asarray(u), 0.5 * jnp.asarray((u * u).sum(-1)), None)

    def exact(h):
        variance = (SCATTER * jnp.exp(SCATTER_SD * h[4:])) ** 2 + noise**2
        each = -0.5 * (x - MEAN_SD * h[:4]) ** 2 / variance - 0.5 * jnp.log(variance)
        return each.sum() - 0.5 * (h * h).sum()

    root = np.linalg.inv(np.linalg.cholesky(-np.asarray(jax.hessian(exact)(hyper)))).T
    pull = root.T @ np.asarray(jax.grad(lambda h: _density(data, h))(hyper) - jax.grad(exact)(hyper))
    v = (u - mean) / scatter
    w = np.exp(-0.5 * (v * v).sum(-1) + 0.5 * (u * u).sum(-1))
    w /= w.sum(0)
    said, true = _draw_bias(w, v, scatter, root), float(np.sqrt((pull**2).sum()))
    assert true > 5, true
    assert 0.5 * true < said < 1.5 * true, (said, true)
    assert abs(_draw_bias(w[:, :200], v[:, :200], scatter, 10 * root) / said - 0.1) < 0.03  # as the root of the number


def test_what_a_line_says(stars, sgi):
    """A sharp measurement is itself, none says nothing, a wide one moves the expectation as its likelihood does."""
    from starglow.infer.evidence import expected_light
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
    light = expected_light(stars, data.flux, data.ivar)
    weight, mean, sd = (np.asarray(a, float)[0] for a in stars.lines(light[2:], None))
    mean, sd = mean[:, k], sd[:, k]
    m = (weight * mean).sum()
    v = (weight * (sd**2 + mean**2)).sum() - m * m
    t = np.linspace(m - 8 * v**0.5, m + 8 * v**0.5, 20001)
    p = (weight / sd * np.exp(-0.5 * ((t[:, None] - mean) / sd) ** 2)).sum(1)
    p *= np.exp(-0.5 * ((30.0 - np.sinh(np.maximum(t, 0))) / 10) ** 2)
    p /= p.sum()
    precision = 1 / float(data.variance[2, k]) + 1 / v
    assert 1 / precision == pytest.approx((p * (t - (p * t).sum()) ** 2).sum(), rel=0.02)
    centre = (float(data.centre[2, k]) / float(data.variance[2, k]) + m / v) / precision
    assert centre == pytest.approx((p * t).sum(), abs=0.01)


def test_weak_lines_together(stars, sgi):
    """Four lines near their errors: what they say of galaxies of other parameters, against sums over draws of t."""
    from starglow.infer.density import mixture_log_density
    from starglow.infer.survey import simulate, sites

    like = survey_errors(sgi, 4)
    truth = jnp.asarray([[0.4, -0.5, -2.0, -0.6], [0.1, 0.2, -2.1, -0.3], [0.7, 0.0, -1.9, -0.9]])
    survey = simulate(stars, truth, like, jax.random.key(8))
    data = sites(stars, survey)
    which = [list(sg.names.INDEPENDENT_LINES).index(sg.LINES.index(n)) for n in LINES_MEASURED]
    value = np.asarray(survey.ew)[:, [sg.LINES.index(n) for n in LINES_MEASURED]]
    normal = np.random.default_rng(1).standard_normal((100000, 8))
    factor, off = np.asarray(stars.factor(None)), []
    for step in ([0, 0, 0, 0], [0.1, 0.15, 0, 0], [0, -0.2, 0, 0.1], [-0.1, 0, 0.1, 0.15], [0, 0.25, -0.1, -0.1]):
        made = stars.lines(stars.bands(truth + jnp.asarray(step)), None)
        ours = mixture_log_density(*made, stars.correlation(None), data.centre, data.variance)
        weight, mean, sd = (np.asarray(a, float) for a in made)
        exact = []
        for i in range(len(truth)):
            total = 0.0
            for c in range(weight.shape[1]):
                t = (mean[i, c] + sd[i, c] * (normal @ factor[c].T))[:, which]
                total += weight[i, c] * np.exp(-0.5 * ((value[i] - np.sinh(np.maximum(t, 0))) ** 2).sum(1)).mean()
            exact.append(np.log(total))
        off.append(np.asarray(ours) - exact)
    off = np.array(off) - np.mean(off, axis=0)
    assert np.abs(off).max() < 0.1, off.round(3)


def test_light_that_bands_let_expect(stars):
    """Noise of 3 % and two bands without a number: the light expected is nearer to the true one than the measured."""
    from starglow.infer.evidence import expected_light

    random = np.random.default_rng(2)
    mean, sd = (np.asarray(a) for a in stars.prior)
    true = np.asarray(stars.bands(mean + sd * random.standard_normal((200, 4))), float)
    true /= true.mean(1, keepdims=True)
    seen = true * (1 + 0.03 * random.standard_normal(true.shape))
    ivar = (0.03 * seen) ** -2.0
    ivar[:, [2, 9]] = 0
    found = np.asarray(expected_light(stars, jnp.asarray(np.where(ivar > 0, seen, 1.0)), jnp.asarray(ivar)))
    off = np.log(found / true)
    off -= off.mean(1, keepdims=True)
    assert np.abs(off).max() < 0.09 and off.std() < 0.015
    assert off[:, [2, 9]].std() < 0.025


def test_proposals_of_a_population():
    """The mixture times a population over the prior, at points, up to a constant."""
    from starglow.infer.amortised import _log_density, _under

    random = np.random.default_rng(6)
    lower = np.tril(random.standard_normal((5, 3, 4, 4))) * 0.5
    lower[..., range(4), range(4)] = random.uniform(1.2, 3, (5, 3, 4))
    weight = np.log(random.dirichlet(np.ones(3), 5))
    mixture = tuple(map(jnp.asarray, (weight, random.standard_normal((5, 3, 4)), lower)))
    centre, width = random.standard_normal(4), np.array([0.2, 0.5, 0.9, 1.0])
    u = random.standard_normal((50, 5, 4))
    of_population = (-0.5 * ((u - centre) / width) ** 2 + 0.5 * u * u).sum(-1)
    ours = _log_density(_under(mixture, jnp.asarray(centre), jnp.asarray(width)), jnp.asarray(u))
    apart = np.asarray(ours) - np.asarray(_log_density(mixture, jnp.asarray(u))) - of_population
    np.testing.assert_allclose(apart, np.broadcast_to(apart[:1], apart.shape), atol=1e-7)
    same = _under(mixture, jnp.zeros(4), jnp.ones(4))
    for a, b in zip(same, mixture):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_likelihood_does_not_depend_on_the_unit_and_has_derivatives(sgi):
    import starglow.jax as sgj
    from starglow.infer.survey import log_likelihood, simulate, sites

    stars = sgi.Stars(weights=sgj.load(dtype="float64"))  # all of it is then in double
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


@pytest.fixture(scope="module")
def small(stars, sgi):
    """Errors, and a network that was trained for a few seconds."""
    like = survey_errors(sgi, 32)
    return like, sgi.amortise(stars, like, galaxies=3000, steps=500, seed=1)


def test_a_sample_of_the_calibration(stars, sgi, small, tmp_path):
    """Intervals of galaxies of the prior, by a network that was kept."""
    from starglow.infer.survey import simulate

    like, start = small
    start.save(tmp_path / "start.npz")
    kept = sgi.Start.load(tmp_path / "start.npz", sgi.Stars())
    assert (kept.loss, kept.with_z, kept.with_lines) == (start.loss, False, True)
    for ours, theirs in zip(*(jax.tree_util.tree_leaves((s.params, s.x_mean, s.x_scale)) for s in (kept, start))):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="of other stars"):
        sgi.Start.load(tmp_path / "start.npz", sgi.Stars(t_obs=9.0))
    np.savez(tmp_path / "other.npz", w0=np.ones(3))
    with pytest.raises(ValueError, match="not a network"):
        sgi.Start.load(tmp_path / "other.npz", stars)
    mean, sd = (np.asarray(a) for a in stars.prior)
    theta = mean + sd * np.random.default_rng(4).standard_normal((300, 4))
    survey = simulate(stars, jnp.asarray(theta), like, jax.random.key(4))
    posterior = sgi.galaxies(kept, survey)
    assert posterior.attrs["check_passed"] == 1
    for k, name in enumerate(sgi.PARAMETERS):
        rank = (posterior.posterior[name].values[0] < theta[:, k]).mean(0)
        held = ((rank > 0.16) & (rank < 0.84)).mean()
        assert abs(rank.mean() - 0.5) < 0.05 and abs(held - 0.68) < 0.08, (name, rank.mean(), held)  # 3 standard errors


@pytest.mark.long
def test_a_narrow_population_in_two_rounds(stars, sgi, small):
    from starglow.infer.survey import simulate

    like, kept = small
    mean, sd = (np.asarray(a) for a in stars.prior)
    narrow, scatter = mean + 0.3 * sd, 0.2 * sd
    theta = narrow + scatter * np.random.default_rng(5).standard_normal((300, 4))
    survey = simulate(stars, jnp.asarray(theta), like, jax.random.key(5))
    posterior = sgi.galaxies(kept, survey)
    with pytest.warns(UserWarning, match="draws are few"):
        rough = sgi.population(posterior, draws=40, tune=60, chains=1)
    posterior = sgi.galaxies(kept, survey, population=rough)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*draws are few")
        found = sgi.population(posterior, draws=150, tune=60, chains=1)
    assert found.attrs["median_ess"] > 2 * rough.attrs["median_ess"]
    assert found.attrs["draw_error"] < rough.attrs["draw_error"]
    for name, truth in (("mean", narrow), ("scatter", scatter)):
        samples = found.posterior[name].values[0]
        assert (np.abs(samples.mean(0) - truth) < 4 * samples.std(0)).all(), (name, samples.mean(0), samples.std(0))


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
    # Intervals are those of galaxies of the prior; a population that is narrower lies in them more often.
    fair = np.asarray(stars.prior.mean) + np.asarray(stars.prior.sd) * random.standard_normal((200, 4))
    alike = sgi.galaxies(start, simulate(stars, jnp.asarray(fair), like, jax.random.key(3))).posterior
    for k, name in enumerate(sgi.PARAMETERS):
        rank = (alike[name].values[0] < fair[:, k]).mean(0)
        held = ((rank > 0.16) & (rank < 0.84)).mean()
        assert 0.43 < rank.mean() < 0.57 and 0.58 < held < 0.78, (name, rank.mean(), held)
    assert np.median(posterior.galaxy_stats.ess) > 60
    found = sgi.population(posterior).posterior
    for name, truth in (("mean", mean), ("scatter", scatter)):
        samples = found[name].values.reshape(-1, 4)
        assert (np.abs(samples.mean(0) - truth) < 4 * samples.std(0)).all(), (name, samples.mean(0), truth)
    one = sgi.nuts(stars, survey, 3)
    for name in sgi.PARAMETERS:
        alone, together = one.posterior[name].values.ravel(), posterior.posterior[name].values[0][:, 3]
        assert abs(alone.mean() - together.mean()) < 0.3 * alone.std(), name
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
