"""The likelihood of a training in JAX: equal to C++ in value and gradient; fine-tuning, and what it is saved as."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp

import starglow as sg
import starglow.jax as sgj
from starglow import _core

CUT = "HBETA,OIII_5007,HALPHA,NII_6584 > 0"


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def table(n=120, seed=1, scale=1.0, labelver="MINE"):
    """Mock galaxies with noisy EWs: some without bands, some lines not found, not measured, negative or strong."""
    g, random = sg.mock(n, seed=seed), np.random.default_rng(seed)
    flux = g.band_flux.copy()
    flux[::11, 0] = np.nan
    flux[::13, 9] = np.nan
    ew = sg.Model.shipped().predict(g, draws=1, seed=seed).draws[:, :, 0].astype("f8")
    sigma = scale * random.uniform(0.2, 3.0, ew.shape)
    ew += sigma * random.standard_normal(ew.shape)
    ivar = sigma**-2.0
    ivar[random.random(ew.shape) < 0.1] = 0
    ew[ivar == 0] = np.where(random.random((ivar == 0).sum()) < 0.5, 0, np.nan)
    return sg.Galaxies(
        flux,
        g.z,
        targetid=g.targetid,
        ew=ew.astype("f4"),
        ew_ivar=ivar.astype("f4"),
        conventions={"APERTURE": "fibre", "MWCORR": "T", "LABELVER": labelver},
    )


SETTINGS = {
    "cut": {"selection": CUT, "peaks": "OII_DOUBLET 4", "negative": False},
    "negative": {"error_scale": "HALPHA 2.5, HBETA 1.9", "negative": True, "selection": "SNR(HALPHA) > 3"},
    "plain": {"deconvolve": False, "censor": False},
}


def cpp(path, g, settings):
    model = sg.Model.shipped() if path is None else sg.Model.load(path)
    said = {k: str(v).lower() if isinstance(v, bool) else v for k, v in settings.items()}
    return _core.log_likelihood(model._core, g._columns(), "every-kind", said, 1)


def flat(bank):
    return np.concatenate([np.asarray(a).reshape(len(a), -1) for layer in bank["layers"] for a in layer], axis=1)


def relative(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


@pytest.mark.parametrize("which", SETTINGS)
def test_value_and_gradient_are_those_of_cpp(which):
    g, settings = table(), SETTINGS[which]
    weights = sgj.load()
    labels = sgj.labels(weights, g, **settings)
    theirs = cpp(None, g, settings)
    p = sgj.parameters(weights)
    value = sgj.log_likelihood(weights, labels)
    np.testing.assert_allclose(value, theirs["value"], rtol=1e-10, atol=1e-10)
    gradient = jax.grad(lambda p: sgj.log_likelihood(sgj.with_parameters(weights, p), labels).sum())(p)
    for bank in ("full", "partial"):
        assert np.abs(theirs[f"{bank}.params"]).max() > 0, "both banks answer some rows"
        assert relative(flat(gradient[bank]), theirs[f"{bank}.params"]) < 1e-8
        lower = np.tril(np.ones((8, 8)))
        assert relative(np.asarray(gradient[bank]["factor"]) * lower, theirs[f"{bank}.factor"]) < 1e-8


def test_a_table_is_as_good_as_labels():
    g, weights = table(60), sgj.load()
    value = sgj.log_likelihood(weights, sgj.labels(weights, g, selection=CUT))
    np.testing.assert_array_equal(sgj.log_likelihood(weights, g, selection=CUT), value)
    slope = jax.grad(lambda w: sgj.log_likelihood(w, g, selection=CUT).sum(), allow_int=True)(weights)
    assert np.abs(slope.full.layers[0][0]).max() > 0


def test_gradient_by_differences():
    """Along one direction in the space of the parameters."""
    g, weights = table(40), sgj.load()
    labels = sgj.labels(weights, g, selection=CUT)
    p = sgj.parameters(weights)
    key = jax.random.key(3)
    step = jax.tree_util.tree_map(lambda a: 1e-2 * jax.random.normal(key, a.shape), p)
    along = lambda s: sgj.log_likelihood(
        sgj.with_parameters(weights, jax.tree_util.tree_map(lambda a, d: a + s * d, p, step)), labels
    ).sum()
    h = 1e-4
    assert float(jax.grad(along)(0.0)) == pytest.approx(float(along(h) - along(-h)) / (2 * h), rel=1e-5)


def test_parts_and_joined_tables():
    weights = sgj.load()
    a, b = sgj.labels(weights, table(60), selection=CUT), sgj.labels(weights, table(60, seed=2), negative=True)
    both = sgj.log_likelihood(weights, sgj.join(a, b))
    np.testing.assert_allclose(both[: len(a)], sgj.log_likelihood(weights, a), rtol=1e-12)
    np.testing.assert_allclose(both[len(a) :], sgj.log_likelihood(weights, b), rtol=1e-12)
    part = sgj.log_likelihood(weights, a[jnp.array([3, 1])])
    np.testing.assert_allclose(part, np.asarray(both)[[3, 1]], rtol=1e-12)
    hidden = sgj.log_likelihood(weights, a.hide(z=True))
    assert np.isfinite(hidden).all() and np.abs(hidden - both[: len(a)]).min() > 0


def test_float32_is_near():
    g = table(60)
    exact = sgj.log_likelihood(weights := sgj.load(), sgj.labels(weights, g, selection=CUT))
    with jax.enable_x64(False):
        value = sgj.log_likelihood(weights := sgj.load(), sgj.labels(weights, g, selection=CUT))
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, exact, rtol=2e-3, atol=2e-2)


def test_fine_tuning_finds_what_is_different(tmp_path):
    """Galaxies whose lines are twice as strong: the likelihood rises, the saved file answers as the weights do."""
    optax = pytest.importorskip("optax")
    g = table(300, scale=0.3)
    g = sg.Galaxies(
        g.band_flux, g.z, targetid=g.targetid, ew=2 * g.ew, ew_ivar=g.ew_ivar / 4, conventions=g.conventions
    )
    weights = sgj.load()
    labels = sgj.labels(weights, g, negative=True)
    p = sgj.parameters(weights)
    optimiser = optax.adam(1e-3)
    state = optimiser.init(p)

    @jax.jit
    def step(p, state):
        loss, slope = jax.value_and_grad(lambda p: -sgj.log_likelihood(sgj.with_parameters(weights, p), labels).mean())(
            p
        )
        updates, state = optimiser.update(slope, state)
        return optax.apply_updates(p, updates), state, loss

    losses = []
    for _ in range(25):
        p, state, loss = step(p, state)
        losses.append(float(loss))
    assert losses[-1] < losses[0] - 0.5
    tuned = sgj.with_parameters(weights, p)
    path = tmp_path / "tuned.safetensors"
    sgj.to_model(tuned, tuned="lines twice as strong").save(path)
    model = sg.Model.load(path)
    assert model.metadata["tuned"] == "lines twice as strong" and model.hash != sg.Model.shipped().hash
    good = np.isfinite(g.band_flux).all(1)
    ours = np.asarray(sgj.predict(tuned, g.band_flux, g.z, conventions=g.conventions).ew)[good]
    np.testing.assert_allclose(model.predict(g).ew[good], ours, rtol=2e-4, atol=2e-3)
    np.testing.assert_allclose(sgj.predict(sgj.load(path), g.band_flux, g.z).ew[good], ours, rtol=1e-4, atol=1e-3)
    was = sg.Model.shipped().predict(g).ew
    ha = sg.LINES.index("HALPHA")
    assert np.median(ours[:, ha] / was[good, ha]) > 1.2


def test_two_lines_never_become_one():
    weights = sgj.load()
    p = sgj.parameters(weights)
    factor = np.zeros((3, 8, 8))
    factor[:, :, 0] = 1.0  # all lines are one
    factor[:, 0, 0] = 1.0
    p["full"]["factor"] = jnp.asarray(factor)
    labels = sgj.labels(sgj.load(), table(40))
    value, slope = jax.value_and_grad(lambda p: sgj.log_likelihood(sgj.with_parameters(weights, p), labels).sum())(p)
    assert np.isfinite(value) and all(np.isfinite(a).all() for a in jax.tree_util.tree_leaves(slope))
    saved = sgj.to_model(sgj.with_parameters(weights, p))
    assert saved.predict(sg.mock(5)).ew.shape == (5, 10)


def test_wrong_calls_are_refused(tmp_path):
    weights, g = sgj.load(), table(40)
    labels = sgj.labels(weights, g)
    with pytest.raises(ValueError, match="settings belong to the making of labels"):
        sgj.log_likelihood(weights, labels, selection=CUT)
    with pytest.raises(ValueError, match="unknown training setting"):
        sgj.labels(weights, g, colour="blue")
    with pytest.raises(ValueError, match="training needs the column"):
        sgj.labels(weights, sg.mock(40))
    with pytest.raises(ValueError, match="was changed beside its parameters"):
        sgj.to_model(jax.tree_util.tree_map(lambda a: 0.9 * a, weights))
    import dataclasses

    with pytest.raises(ValueError, match="these weights came from no file"):
        sgj.to_model(dataclasses.replace(weights, source=""))
    point = sg.train(g, "point", epochs=1, members=1, sibling=False)
    point.save(tmp_path / "point.safetensors")
    with pytest.raises(ValueError, match="has no distribution"):
        sgj.labels(sgj.load(tmp_path / "point.safetensors"), g)
