"""What JAX users do with arrays: keys and traced seeds, devices that share the rows, strict promotion, export."""

import os
import subprocess
import sys

import numpy as np
import pytest

import starglow as sg

jax = pytest.importorskip("jax")
import starglow.jax as sgj

KINDS = ["twin", "kernel"]


def half(kind):
    if kind == "kernel":
        pytest.importorskip("starglow.jax.kernel", reason="built without jaxlib", exc_type=ImportError)
    return sgj if kind == "twin" else sgj.kernel


@pytest.fixture(scope="module")
def weights():
    return sgj.load()


@pytest.fixture(scope="module")
def few():
    return sg.mock(6, seed=4)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_are_numbers_keys_or_traced(kind, weights, few):
    ids = sgj.split_ids(few.targetid)

    def sample(seed):
        return half(kind).sample(weights, few.band_flux, few.z, ids, draws=2, seed=seed)

    want = np.asarray(sample(3))
    for seed in (np.int32(3), jax.numpy.int32(3), jax.random.key(3), jax.random.PRNGKey(3), (3, 0)):
        np.testing.assert_array_equal(sample(seed), want)
    for seed in (3, jax.random.key(3)):
        np.testing.assert_allclose(jax.jit(sample)(seed), want, rtol=1e-4, atol=1e-4)
    keys = jax.random.split(jax.random.key(0), 3)
    each = jax.vmap(sample)(keys)
    assert each.shape == (3, 6, 10, 2)
    for k in range(3):
        np.testing.assert_allclose(each[k], sample(keys[k]), rtol=1e-4, atol=1e-4)
    large = np.asarray(sample(2**40 + 3))
    np.testing.assert_array_equal(sample((3, 2**8)), large)
    for wrong in (keys, jax.numpy.ones(3), 1.5, "3"):
        with pytest.raises(sg.InputError):
            sample(wrong)


DEVICES = """
import numpy as np, jax, starglow as sg, starglow.jax as sgj
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
weights, g = sgj.load(), sg.mock(64, seed=4)
mesh = Mesh(np.array(jax.devices()), ("d",))
rows = NamedSharding(mesh, P("d"))
ids = sgj.split_ids(g.targetid)
flux, z, ids = (jax.device_put(np.asarray(a), rows) for a in (g.band_flux, g.z, ids))
for half in (sgj, sgj.kernel):
    def both(f, r, i, half=half):
        return half.predict(weights, f, r).ew, half.sample(weights, f, r, i, draws=2, seed=3)
    plain = both(*map(np.asarray, (flux, z, ids)))
    for run in (jax.jit(both), jax.jit(jax.shard_map(both, mesh=mesh, in_specs=P("d"), out_specs=P("d")))):
        compiled = run.lower(flux, z, ids).compile()
        for seen, want in zip(compiled(flux, z, ids), plain):
            np.testing.assert_allclose(seen, want, rtol=2e-4, atol=2e-4)
            assert seen.sharding.is_equivalent_to(rows, seen.ndim), (half.__name__, seen.sharding)
        if half is sgj.kernel:
            assert "all-gather" not in compiled.as_text()
slope = jax.jit(jax.grad(lambda f: sgj.kernel.predict(weights, f, z).ew.sum()))(flux)
assert slope.sharding.is_equivalent_to(rows, 2)
wave = np.linspace(3000.0, 8000.0, 300)
paint = lambda f, r: sgj.paint_flux(wave, f[:, :10], r, 200.0 + r)
lines = jax.shard_map(paint, mesh=mesh, in_specs=P("d"), out_specs=P("d"))
np.testing.assert_allclose(lines(flux, z), sgj.paint_flux(wave, flux[:, :10], z, 200.0 + z), rtol=1e-4, atol=1e-6)
print("shared")
"""


def test_devices_share_the_rows():
    """Under jit with sharded inputs and under shard_map, with its own checks on."""
    flags = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    run = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True, env=flags, timeout=600)
    assert run.stdout == "shared\n", run.stderr[-3000:]


@pytest.mark.parametrize("kind", KINDS)
def test_strict_promotion(kind, weights, few):
    flux, z = np.asarray(few.band_flux, "f4"), np.asarray(few.z, "f4")
    want = np.asarray(half(kind).predict(weights, flux, z).ew)
    with jax.numpy_dtype_promotion("strict"):
        jax.clear_caches()
        np.testing.assert_allclose(half(kind).predict(weights, flux, z).ew, want, rtol=1e-4, atol=1e-4)
        half(kind).sample(weights, flux, z, draws=2, seed=3)
        if kind == "twin":
            wave = np.linspace(3000.0, 9000.0, 500)
            sgj.bands(wave, np.ones(500, "f4"), np.float32(0.1))
            sgj.add_noise(weights, want, flux, z, seed=2)
            sgj.paint_flux(wave.astype("f4"), want, z, np.float32(200))


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_is_exported(kind, weights, few):
    flux, z = np.asarray(few.band_flux, "f4"), np.asarray(few.z, "f4")

    def ew(f, r):
        return half(kind).predict(weights, f, r).ew

    allowed = [
        jax.export.DisabledSafetyCheck.custom_call(f"starglow_{n}_{t}") for n in ("predict",) for t in ("f32", "f64")
    ]
    made = jax.export.export(jax.jit(ew), disabled_checks=allowed)(flux, z)
    assert len(made.mlir_module_serialized) > 0
    np.testing.assert_allclose(made.call(flux, z), ew(flux, z), rtol=1e-4, atol=1e-4)


def test_second_derivatives_of_the_kernel_are_refused_in_words(weights, few):
    flux = np.asarray(few.band_flux[0])

    def halpha(f):
        return sgj.kernel.predict(weights, f, 0.1).ew[6]

    assert np.isfinite(jax.grad(halpha)(flux)).all()
    with pytest.raises(sg.InputError, match="no second derivatives.*twin"):
        jax.hessian(halpha)(flux)


@pytest.mark.parametrize("where", [3550.0, 5350.0, 5200.0, 4000.0, 1020.0])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_without_a_number_costs_the_bands_it_is_in(where, value):
    wave = np.arange(1000.0, 9001.0, 2.0)
    sed = 1e-6 * (wave / 5500) ** 0.5
    sed[wave == where] = value
    seen, want = np.asarray(sgj.bands(wave, sed, 0.1), float), sg.bands(wave, sed, 0.1)
    np.testing.assert_array_equal(np.isfinite(seen), np.isfinite(want))
    assert 10 <= np.isfinite(seen).sum() <= 12
    np.testing.assert_allclose(seen[np.isfinite(seen)], want[np.isfinite(want)], rtol=1e-5)
    batch = np.stack([sed, 1e-6 * (wave / 5500) ** 0.5])
    assert np.isfinite(sgj.bands(wave, batch, 0.1)[1]).all()


def test_lines_painted_once_are_those_painted_for_each_galaxy():
    wave = np.geomspace(2900.0, 9000.0, 1500)
    flux = np.random.default_rng(0).uniform(0, 5, (7, 10))
    with jax.experimental.enable_x64() if hasattr(jax.experimental, "enable_x64") else jax.enable_x64(True):
        once = sgj.paint_flux(wave, flux, 0.1, 150.0)
        each = sgj.paint_flux(wave, flux, np.full(7, 0.1), np.full(7, 150.0))
        np.testing.assert_allclose(once, each, rtol=1e-13, atol=1e-15)
        # Narrow lines of many widths, in the pixels that they reach alone, and one that reaches many more; lines beside
        # the grid; the grid as an argument: every galaxy as painted by itself.
        painted = jax.jit(sgj.paint_flux)
        inside = jax.jit(lambda f, z, s: sgj.paint_flux(wave, f, z, s))
        z = np.array([0.0, 0.1, 0.3, 0.36, -0.5, 3.0, 0.2])
        for widest in (240.0, 4000.0):
            sigma = np.linspace(30.0, widest, 7)
            alone = np.stack([sgj.paint_flux(wave, f, float(a), float(b)) for f, a, b in zip(flux, z, sigma)])
            assert (alone[:4] > 0).any(1).all() and (widest > 1000 or not alone[5].any())
            for got in (inside(flux, z, sigma), painted(wave, flux, z, sigma), sgj.paint_flux(wave, flux, z, sigma)):
                # A compiled program may round a centre otherwise: by 1e-16 of it, 1e-12 of the narrowest width.
                np.testing.assert_allclose(got, alone, rtol=2e-11, atol=1e-15)
        slope = jax.jvp(lambda s: inside(flux, z, s), (np.linspace(30.0, 240, 7),), (np.ones(7),))[1]
        step = [np.asarray(inside(flux, z, np.linspace(30.0, 240, 7) + h)) for h in (1e-4, -1e-4)]
        np.testing.assert_allclose(slope, (step[0] - step[1]) / 2e-4, rtol=1e-5, atol=1e-8)


def test_a_line_by_its_name(weights, few):
    p = sgj.predict(weights, few.band_flux, few.z)
    np.testing.assert_array_equal(p["HALPHA"], p.ew[:, 6])
    assert p[0] is p.ew
    with pytest.raises(KeyError, match="HALPHA"):
        p["Ha"]
