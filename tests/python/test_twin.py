"""The JAX twin against the C++ library: values, flags, draws, first and second derivatives, in both precisions."""

import os
import re

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import starglow as sg
import starglow.jax as sgj
from starglow import names
from starglow.jax import random as sgr

jax.config.update("jax_enable_x64", True)

# What the twin may differ from C++ by, relative to |EW| + 0.01 A. docs/jax.md shows this table.
TOLERANCE = {
    # quantity: (twin float64 against C++ float64, twin float32 against C++ float32)
    "ew": (1e-9, 1e-3),  # float32: the worst of galaxies far outside the training; half of all are within 2e-6
    "p16, p84": (1e-9, 1e-3),
    "draws": (1e-3, 1e-3),  # C++ draws by float32 networks in both
    "noisy": (1e-9, 2e-4),
    "dEW/dF": (1e-8, None),  # relative to the largest derivative of the galaxy
    "d2EW/dF2": (1e-5, None),  # against central differences of C++'s first derivatives
}


@pytest.fixture(scope="module", autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def galaxies():
    """Good rows, and every way of being incomplete."""
    g = sg.mock(320, seed=5)
    flux, z, ids = np.array(g.band_flux, float), np.array(g.z, float), np.array(g.targetid)
    flux[::7, :3] = np.nan
    flux[1::11, 10:] = -1
    flux[2::31, 4] = np.inf
    flux[3::37, :7] = np.nan
    flux[4::19] *= 30
    flux[5::29, 3] *= 5
    z[6::9], z[7::23], z[8::41] = -1, 0.5, np.nan
    ids[::2] += 39_627_000_000_000_000  # beyond 2^53
    ivar = np.ones_like(flux)
    ivar[9::13, 5] = 0
    return flux, z, ids, ivar


@pytest.fixture(scope="module")
def models(starglow, mock, tmp_path_factory):
    """A file of each kind, by one pass over a small table."""
    folder = tmp_path_factory.mktemp("models")
    paths = {"joint": sgj.weights.shipped_path()}
    for kind, preset, settings in (
        ("k24", "k24", ["sibling_epochs=1"]),
        ("mlp", "point", ["activation=silu", "sibling_epochs=1"]),
    ):
        paths[kind] = folder / f"{kind}.safetensors"
        run = starglow("train", mock, "-o", paths[kind], "--preset", preset, "epochs=2", *settings)
        assert run.returncode == 0, run.stderr
    return paths


def distance(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    off = np.abs(a - b) / (np.abs(b) + 0.01)
    assert np.nanmedian(off) < 2e-6
    return np.nanmax(off)


predict = jax.jit(sgj.predict, static_argnames=("out_of_domain",))
sample = jax.jit(sgj.sample, static_argnames=("draws", "seed"))


def test_names_are_the_librarys():
    assert names.LINES == tuple(sg.LINES) and names.LINE_WAVE == tuple(sg._core.line_waves)
    assert names.FATAL == sg._core.fatal_flags
    for name, bit, _ in sg.FLAGS:
        assert getattr(names, name, bit) == bit
    # The derived tuples, against the numbers of before there was a table.
    assert names.INDEPENDENT_LINES == (0, 1, 2, 4, 6, 7, 8, 9) and names.SII_PAIR == (6, 7)
    assert names.DOUBLETS == ((3, 4, 3.161), (5, 7, 2.978)) and names.FLUX_RATIOS == {3: 2.993, 5: 3.049}
    assert names.BAND_EDGES == tuple(3400.0 + 300.0 * i for i in range(13))
    assert names.SIDE_BANDS[0] == (3685.0, 3711.0, 3745.0, 3771.0) and len(names.SIDE_BANDS) == 10
    assert names.LEADING_LINES == ("OII_DOUBLET", "HGAMMA", "HBETA", "OIII_5007", "HALPHA", "SII_6716")
    assert names.COMPONENTS[1] == ("OII_3729", 0, 3729.86, "O_II_3729") and len(names.COMPONENTS) == 11
    assert names.COMPONENTS[-1] == ("SII_6731", 9, 6732.674, "S_II_6731")
    assert names.ALL_LINES[:10] == names.LINES and {"NEIII_3869", "HDELTA", "HEI_5876", "OI_6300"} <= set(
        names.ALL_LINES[10:]
    )


@pytest.mark.parametrize("kind", ["joint", "k24", "mlp"])
@pytest.mark.parametrize("precision", [64, 32])
def test_values_and_flags_are_those_of_cpp(models, galaxies, kind, precision):
    flux, z, ids, ivar = galaxies
    weights = sgj.load(models[kind], dtype=f"float{precision}")
    p = predict(weights, flux, z, band_flux_ivar=ivar, targetid=ids)
    reference = sg.Model.load(models[kind]).predict(flux, z, band_flux_ivar=ivar, targetid=ids, float64=precision == 64)
    np.testing.assert_array_equal(p.flags, reference.flags)
    wanted = (
        names.BAND_MISSING
        | names.NEGATIVE_BAND
        | names.NONFINITE
        | names.NO_LUMINOSITY
        | names.OUT_OF_DOMAIN
        | names.Z_RANGE
        | names.NO_ANSWER
    )
    assert np.bitwise_or.reduce(reference.flags) == wanted
    assert p.ew.dtype == weights.dtype
    column = 0 if precision == 64 else 1
    assert distance(p.ew, reference.ew) < TOLERANCE["ew"][column]
    assert (p.p16 is None) == (reference.p16 is None)
    if p.p16 is not None:
        assert max(distance(p.p16, reference.p16), distance(p.p84, reference.p84)) < TOLERANCE["p16, p84"][column]


@pytest.mark.parametrize("policy", ["nan", "clip", "prior"])
def test_what_galaxies_outside_get(models, galaxies, policy):
    flux, z, _ids, _ = galaxies
    rows = np.flatnonzero(predict(sgj.load(), flux, z).flags & names.OUT_OF_DOMAIN)[:40]
    p = predict(sgj.load(), flux[rows], z[rows], out_of_domain=policy)
    reference = sg.Model.shipped().predict(flux[rows], z[rows], out_of_domain=policy, float64=True)
    np.testing.assert_array_equal(p.flags, reference.flags)
    assert np.isnan(p.ew).all() == (policy == "nan")
    if policy != "nan":
        assert max(distance(p.ew, reference.ew), distance(p.p84, reference.p84)) < 1e-8


@pytest.mark.parametrize("policy", ["warn", "clip"])
def test_foreign_light_is_outside(policy):
    """Power laws, black bodies, and both without some bands: what the forms of the domain tell from galaxies."""
    wave = 3550 + 300 * np.arange(12.0)
    flux = [(wave / 5000) ** slope for slope in (-2.2, -1.5, -0.8)]
    flux += [wave**-5 / np.expm1(1.438777e8 / (wave * t)) * 1e20 for t in (4500, 7000, 15000)]
    flux = np.vstack([flux, flux, flux])
    flux[6:12, 0] = np.nan
    flux[12:, 10:] = np.nan
    z = np.full(len(flux), 0.1)
    p = predict(sgj.load(), flux, z, out_of_domain=policy)
    reference = sg.Model.shipped().predict(flux, z, out_of_domain=policy, float64=True)
    np.testing.assert_array_equal(p.flags, reference.flags)
    assert (reference.flags & names.OUT_OF_DOMAIN).all() and (reference.domain > 0.5).all()
    for ours, theirs in ((p.ew, reference.ew), (p.p16, reference.p16), (p.p84, reference.p84)):
        assert distance(ours, theirs) < 1e-8


def test_total_light_is_answered_from_colours(galaxies):
    flux, z, _ids, _ = galaxies
    for conventions in ({"APERTURE": "total"}, {"FLUXSCAL": "relative"}, {"APERTURE": "fibre", "MWCORR": "F"}):
        p = sgj.predict(sgj.load(), flux[:40], z[:40], conventions=conventions)
        reference = sg.Model.shipped().predict(flux[:40], z[:40], conventions=conventions, float64=True)
        np.testing.assert_array_equal(p.flags, reference.flags)
        assert distance(p.ew, reference.ew) < TOLERANCE["ew"][0]


@pytest.mark.parametrize("mwcorr", ["T", "F"])
def test_galactic_dust_is_converted_by_ebv(galaxies, mwcorr):
    flux, z = (column[:40] for column in galaxies[:2])
    ebv = np.linspace(0, 0.4, 40)
    ebv[[3, 7, 11]] = np.nan, -1, 99  # unknown
    said = dict(ebv=ebv, conventions={"MWCORR": mwcorr})
    reference = sg.Model.shipped().predict(flux, z, float64=True, **said)
    plain = sg.Model.shipped().predict(flux, z, float64=True)
    assert np.array_equal(reference.ew, plain.ew, equal_nan=True) == (mwcorr == sg.Model.shipped().metadata["mwcorr"])
    p = sgj.predict(sgj.load(), flux, z, **said)
    np.testing.assert_array_equal(p.flags, reference.flags)
    assert distance(p.ew, reference.ew) < TOLERANCE["ew"][0]
    halpha, two = sg.LINES.index("HALPHA"), dict(ebv=ebv[:2], conventions={"MWCORR": mwcorr})
    slopes = jax.grad(lambda x: sgj.predict(sgj.load(), x, z[:2], **two).ew[:, halpha].sum())(flux[:2])
    jacobian = sg.Model.shipped().jacobian(flux[:2], z[:2], **two)
    np.testing.assert_allclose(slopes, jacobian[:, halpha], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("precision", [64, 32])
def test_draws_and_noise_have_the_bits_of_cpp(galaxies, precision):
    flux, z, ids, _ = galaxies
    column = 0 if precision == 64 else 1
    model = sg.Model.shipped()
    with jax.enable_x64(precision == 64):
        weights = sgj.load()
        assert weights.dtype == f"float{precision}"
        d = np.asarray(sample(weights, flux, z, sgj.split_ids(ids), draws=16, seed=2**40 + 7))
        reference = model.sample(flux, z, ids, draws=16, seed=2**40 + 7)
        assert d.shape == (320, 10, 16)
        # A choice of component hangs on the last bit of a weight once in 10^6 draws.
        off = np.abs(d - reference) > TOLERANCE["draws"][column] * (np.abs(reference) + 0.01)
        np.testing.assert_array_equal(np.isnan(d), np.isnan(reference))
        assert off.any(axis=1).sum() <= 1 and np.nanmedian(np.abs(d / reference - 1)[reference > 0.01]) < 2e-6
        # Rows without ids are numbered.
        np.testing.assert_allclose(
            sample(weights, flux[:8], z[:8], draws=2, seed=3), model.sample(flux[:8], z[:8], draws=2, seed=3), rtol=1e-3
        )
        # The noisy realisation of a joint model is one draw with noise.
        p = model.predict(flux, z, targetid=ids, draws=1, noise=True, seed=4)
        ivar = np.where(np.arange(10) % 3 == 0, 0.0, 4.0) * np.ones((320, 1))
        own = model.predict(flux, z, targetid=ids, draws=1, noise=True, seed=4, ew_ivar=ivar)
        noise = jax.jit(sgj.add_noise, static_argnames="seed")
        words = sgj.split_ids(ids)
        assert distance(noise(weights, p.draws[..., 0], flux, z, words, seed=4), p.noisy) < TOLERANCE["noisy"][column]
        assert (
            distance(noise(weights, p.draws[..., 0], flux, z, words, seed=4, ew_ivar=ivar), own.noisy)
            < TOLERANCE["noisy"][column]
        )


@pytest.fixture(scope="module")
def few(galaxies):
    """Rows that have answers, complete and incomplete."""
    flux, z, _, _ = galaxies
    p = sg.Model.shipped().predict(flux, z)
    good = np.flatnonzero((p.flags & names.FATAL) == 0)
    incomplete = good[(p.flags[good] & (names.BAND_MISSING | names.NO_LUMINOSITY)) != 0][:6]
    complete = good[(p.flags[good] & (names.BAND_MISSING | names.NO_LUMINOSITY)) == 0][:6]
    rows = np.concatenate([complete, incomplete])
    return flux[rows], z[rows]


@pytest.mark.parametrize("kind", ["joint", "k24", "mlp"])
def test_first_derivatives_are_those_of_cpp(models, few, kind):
    flux, z = few if kind == "joint" else (few[0][:6], few[1][:6])
    weights, model = sgj.load(models[kind]), sg.Model.load(models[kind])
    one = jax.jit(jax.vmap(jax.jacfwd(lambda f, zz: sgj.predict(weights, f, zz).ew), (0, 0)))
    jacobian, reference = one(flux, z), model.jacobian(flux, z)
    scale = np.abs(reference).max(axis=(1, 2), keepdims=True)
    assert np.max(np.abs(jacobian - reference) / scale) < TOLERANCE["dEW/dF"][0]
    assert np.isfinite(jacobian).all() and (np.asarray(jacobian)[np.isnan(flux)[:, None, :].repeat(10, 1)] == 0).all()


def test_second_derivatives_are_those_of_cpps_first(few):
    flux, z = (a[[0, 8]] for a in few)
    weights, model = sgj.load(), sg.Model.shipped()
    hessian = jax.jit(jax.vmap(jax.jacfwd(jax.jacrev(lambda f, zz: sgj.predict(weights, f, zz).ew)), (0, 0)))(flux, z)
    for b in range(12):
        if not np.isfinite(flux[:, b]).all():
            continue
        step = np.zeros_like(flux)
        step[:, b] = 1e-4 * flux[:, b]
        slopes = (model.jacobian(flux + step, z) - model.jacobian(flux - step, z)) / (2 * step[:, b, None, None])
        scale = np.abs(hessian[..., b]).max(axis=(1, 2), keepdims=True)
        assert np.max(np.abs(hessian[..., b] - slopes) / scale) < TOLERANCE["d2EW/dF2"][0]
    assert np.abs(hessian - np.swapaxes(hessian, -1, -2)).max() <= 1e-9 * np.abs(hessian).max()


def test_check_grads_of_values_quantiles_and_draws(few):
    flux, z = few[0][0], few[1][0]
    weights = sgj.load()

    def answers(log_flux, zz):
        p = sgj.predict(weights, jnp.exp(log_flux), zz)
        return jnp.arcsinh(p.ew), jnp.arcsinh(p.p84)

    check_grads(jax.jit(answers), (np.log(flux), z), order=1, modes=("fwd", "rev"), atol=1e-6, rtol=1e-6, eps=1e-5)
    draws = jax.jit(lambda f: jnp.arcsinh(sgj.sample(weights, jnp.exp(f), z, np.array(7), draws=3, seed=2)))
    check_grads(draws, (np.log(flux),), order=1, modes=("fwd", "rev"), atol=1e-6, rtol=1e-6, eps=1e-6)


def test_gradients_with_respect_to_the_weights(few):
    flux, z = few[0][:4], few[1][:4]
    weights = sgj.load()
    d_weights = jax.jit(jax.grad(lambda w: jnp.arcsinh(sgj.predict(w, flux, z).ew).sum()))(weights)
    leaves = [np.asarray(a) for a in jax.tree_util.tree_leaves(d_weights.full)]
    assert all(np.isfinite(a).all() for a in leaves) and sum(np.any(a != 0) for a in leaves) > 8


def test_a_bad_row_does_not_spoil_gradients(galaxies):
    flux, z, _, _ = galaxies
    gradient = jax.jit(jax.grad(lambda f: jnp.nansum(sgj.predict(sgj.load(), f, z[:64]).ew)))(flux[:64])
    assert np.isfinite(gradient).all() and np.any(gradient != 0)


def test_a_gradient_needs_little_more_memory_than_its_value(galaxies):
    flux, z = (jnp.asarray(a[:256], jnp.float32) for a in galaxies[:2])
    weights = sgj.load(dtype="float32")

    def value(w, f):
        return jnp.nansum(sgj.predict(w, f, z).ew)

    plain, gradient = (
        jax.jit(run).lower(weights, flux).compile().memory_analysis().temp_size_in_bytes
        for run in (value, jax.grad(value, (0, 1)))
    )
    assert gradient < 3 * plain  # the layers of every network kept: 20 times


def products(jaxpr):
    """The matrix products of a program, those of its loops and branches among them."""
    for step in jaxpr.eqns:
        if step.primitive.name == "dot_general":
            yield step
        for inner in jax.tree_util.tree_leaves(
            list(step.params.values()), is_leaf=lambda a: hasattr(a, "eqns") or hasattr(a, "jaxpr")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from products(inner)


PRODUCTS = {
    "values": lambda w, f, z: sgj.predict(w, f, z),
    "moved into the domain": lambda w, f, z: sgj.predict(w, f, z, out_of_domain="clip"),
    "draws": lambda w, f, z: sgj.sample(w, f, z, draws=2),
    "density": lambda w, f, z: sgj.log_density(sgj.distribution(w, f, z), f[:, :10]),
    "bands": lambda w, f, z: sgj.bands(np.linspace(3000.0, 8000.0, 50), f.repeat(5, 1)[:, :50], z),
    "line luminosities": lambda w, f, z: sgj.line_luminosities(
        np.linspace(3000.0, 8000.0, 50), f.repeat(5, 1)[:, :50], f[:, :10]
    ),
}


@pytest.mark.parametrize("what", PRODUCTS)
def test_products_ask_for_every_digit(what):
    """GPUs and TPUs round the factors of float32 products to 10 or 7 bits where nothing else is asked for."""

    def total(f):
        numbers = jax.tree_util.tree_leaves(PRODUCTS[what](sgj.load(dtype="float32"), f, jnp.full(4, 0.1, jnp.float32)))
        return sum(jnp.nansum(a) for a in numbers if jnp.issubdtype(a.dtype, jnp.floating))

    for program in (total, jax.grad(total), jax.jacfwd(jax.grad(total))):
        found = list(products(jax.make_jaxpr(program)(jnp.ones((4, 12), jnp.float32)).jaxpr))
        assert found and all(step.params["precision"] == (jax.lax.Precision.HIGHEST,) * 2 for step in found)


def test_batches_of_any_shape_and_vmap_agree(galaxies):
    flux, z, _ids, _ = galaxies
    weights = sgj.load()
    whole = predict(weights, flux[:60], z[:60])
    folded = predict(weights, flux[:60].reshape(3, 20, 12), z[:60].reshape(3, 20))
    mapped = jax.jit(jax.vmap(lambda f, zz: sgj.predict(weights, f, zz)))(flux[:60], z[:60])
    for other in (folded.ew.reshape(60, 10), mapped.ew):
        np.testing.assert_allclose(other, whole.ew, rtol=1e-11)
    np.testing.assert_array_equal(mapped.flags, whole.flags)


def test_nothing_branches_on_values(galaxies):
    flux, z, _, _ = galaxies
    count = 0

    def counted(w, f, zz):
        nonlocal count
        count += 1
        return sgj.predict(w, f, zz).ew

    run = jax.jit(counted)
    for rows in (slice(0, 50), slice(50, 100), slice(100, 150)):
        run(sgj.load(), flux[rows], z[rows])
    assert count == 1


def test_the_distribution_is_a_mixture(few):
    from scipy import stats

    flux, z = few
    weights = sgj.load()
    d = jax.jit(sgj.distribution)(weights, flux, z)
    for p in (0.025, 0.5):
        ew = np.asarray(sgj.quantile(d, p))[:, names.INDEPENDENT_LINES]
        t = np.arcsinh(ew)[:, None, :]
        cdf = (np.asarray(d.weight)[..., None] * stats.norm.cdf((t - d.mean) / d.sd)).sum(1)
        np.testing.assert_allclose(cdf[ew > 0], p, atol=1e-10)
    np.testing.assert_allclose(sgj.quantile(d, 0.5), sgj.predict(weights, flux, z).ew, rtol=1e-9, atol=1e-12)
    ew = np.asarray(sgj.predict(weights, flux, z).ew)
    density = sgj.log_density(d, ew)
    t = np.arcsinh(ew[:, names.INDEPENDENT_LINES])
    for i in range(len(flux)):
        parts = []
        for c in range(d.weight.shape[1]):
            covariance = np.diag(d.sd[i, c]) @ d.factor[i, c] @ d.factor[i, c].T @ np.diag(d.sd[i, c])
            parts.append(np.log(d.weight[i, c]) + stats.multivariate_normal.logpdf(t[i], d.mean[i, c], covariance))
        np.testing.assert_allclose(density[i], np.logaddexp.reduce(parts), rtol=1e-10)


def test_random_words_and_normals():
    from jax.extend.random import threefry_2x32
    from scipy import stats

    counter = np.arange(10, dtype=np.uint32)
    key = np.array([3, 0xFFFFFFFF], np.uint32)
    mine = sgr.threefry((jnp.uint32(key[0]), jnp.uint32(key[1])), (jnp.asarray(counter[:5]), jnp.asarray(counter[5:])))
    np.testing.assert_array_equal(np.concatenate(mine), threefry_2x32(jnp.asarray(key), jnp.asarray(counter)))
    word = np.array([0, 1, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1, 322122547, 322122548, 12345, 3221225472], np.uint32)
    p = ((word & 0x7FFFFFFF) + 0.5) / 2**32
    reference = np.where(word >> 31, -1, 1) * stats.norm.ppf(p)
    np.testing.assert_allclose(sgr.normal(jnp.asarray(word), jnp.float64), reference, rtol=1e-14, atol=1e-18)
    np.testing.assert_allclose(sgr.normal(jnp.asarray(word), jnp.float32), reference, rtol=2e-6)
    assert sgj.split_ids(np.array([-1, 2**40 + 5])).tolist() == [[2**32 - 1, 2**32 - 1], [256, 5]]


WRONG = [
    (lambda w: sgj.predict(w, np.ones((3, 11)), np.ones(3)), ValueError, "expected (..., 12)"),
    (lambda w: sgj.predict(w, np.ones((3, 12)), np.ones(4)), ValueError, "z does not fit"),
    (
        lambda w: sgj.predict(w, np.ones((3, 12)), np.ones(3), band_flux_ivar=np.ones((2, 12))),
        ValueError,
        "band_flux_ivar does not fit",
    ),
    (lambda w: sgj.predict(w, np.ones((3, 12), complex)), ValueError, "real numbers"),
    (lambda w: sgj.predict(w, [["a"] * 12]), ValueError, "real numbers"),
    (lambda w: sgj.predict(w, np.ones((3, 12)), ebv=np.ones(2)), ValueError, "ebv does not fit"),
    (lambda w: sgj.predict(w, np.ones((3, 12)), conventions={"VACUUM": "F"}), ValueError, "air wavelengths"),
    (lambda w: sgj.predict(w, np.ones((3, 12)), conventions={"APERTURE": "slit"}), ValueError, "fibre, total"),
    (lambda w: sgj.predict(w, np.ones((3, 12)), conventions={"DUST": "F"}), ValueError, "unknown convention"),
    (lambda w: sgj.predict(w, np.ones((3, 12)), out_of_domain="drop"), ValueError, "warn, nan, clip or prior"),
    (lambda w: sgj.sample(w, np.ones((3, 12)), np.ones(3), np.ones(3), draws=1), ValueError, "int64"),
    (lambda w: sgj.sample(w, np.ones((3, 12)), np.ones(3), np.ones(4, int), draws=1), ValueError, "does not fit"),
    (lambda w: sgj.sample(w, np.ones((3, 12)), np.ones(3), jnp.ones(3, jnp.int32), draws=1), ValueError, "split_ids"),
    (lambda w: sgj.sample(w, np.ones((3, 12)), np.ones(3), draws=1, seed=-1), ValueError, "2^64"),
    (lambda w: sgj.load(dtype="float16"), ValueError, "float32 or float64"),
    (lambda w: sgj.load("/nowhere"), OSError, "no such file"),
    (lambda w: sgj.bands(np.arange(5.0)[::-1], np.ones(5), 0.1), ValueError, "increasing"),
    (lambda w: sgj.bands(np.arange(3000.0, 8000.0), np.ones(5), 0.1), ValueError, "does not fit wave"),
]


@pytest.mark.parametrize("call,kind,says", WRONG, ids=[w[2] for w in WRONG])
def test_wrong_calls_are_refused(call, kind, says):
    with pytest.raises(kind, match=re.escape(says)):
        call(sgj.load())


def test_odd_arrays_are_taken(galaxies):
    flux, z, _, _ = galaxies
    reference = predict(sgj.load(), flux[10:16], z[10:16]).ew
    for odd in (
        flux[10:16].astype(">f8"),
        np.asfortranarray(flux[10:16]),
        flux[10:16].tolist(),
        np.ma.masked_invalid(flux[10:16]),
    ):
        np.testing.assert_allclose(sgj.predict(sgj.load(), odd, z[10:16].astype(">f8")).ew, reference, rtol=1e-10)
    empty = sgj.predict(sgj.load(), np.zeros((0, 12)), np.zeros(0))
    assert empty.ew.shape == (0, 10) and empty.flags.shape == (0,)


def test_files_that_are_no_networks_are_refused(starglow, mock, models, tmp_path):
    from safetensors.numpy import load_file, save_file

    from starglow.jax.hashes import content_hash

    population = tmp_path / "p.safetensors"
    assert starglow("train", mock, "--preset", "population", "-o", population).returncode == 0
    whole = models["mlp"].read_bytes()
    (tmp_path / "cut").write_bytes(whole[:1000])
    (tmp_path / "text").write_text("hello" * 100)
    bad = {population: "kind 'population'", tmp_path / "cut": "safetensors", tmp_path / "text": "safetensors"}
    (tmp_path / "hash").write_bytes(whole.replace(b'"full.activation":"silu"', b'"full.activation":"selu"'))
    bad[tmp_path / "hash"] = "layout_hash"
    tensors = load_file(models["mlp"])
    from safetensors import safe_open

    with safe_open(models["mlp"], framework="numpy") as file:
        meta = file.metadata()
    tensors["full.x_mean"] = tensors["full.x_mean"] * np.nan
    meta["sha256"] = content_hash(tensors, meta)
    save_file(tensors, tmp_path / "nan", meta)
    bad[tmp_path / "nan"] = "not finite"
    for path, says in bad.items():
        with pytest.raises(ValueError, match=says):
            sgj.load(path)


def test_a_point_model_has_no_distribution(models):
    with pytest.raises(ValueError, match="no distribution"):
        sgj.sample(sgj.load(models["k24"]), np.ones((1, 12)), np.ones(1), draws=1)


def test_published_weights(shared, tmp_path, starglow, galaxies):
    folder = shared / "k24_weights"
    run = starglow(
        "import-k24",
        folder / "params_of_model_with_luminosity.npy",
        "--without-luminosity",
        folder / "params_of_model_without_luminosity.npy",
        "-o",
        tmp_path / "k.safetensors",
    )
    assert run.returncode == 0, run.stderr
    flux, z, _, _ = galaxies
    p = predict(sgj.load(tmp_path / "k.safetensors"), flux, z)
    reference = sg.Model.load(tmp_path / "k.safetensors").predict(flux, z, float64=True)
    np.testing.assert_array_equal(p.flags, reference.flags)
    assert distance(p.ew, reference.ew) < 1e-8
