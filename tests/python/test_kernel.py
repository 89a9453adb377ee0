"""The kernel inside JAX: values of NumPy's call, derivatives of the kernel, one call for a batch."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
from jax.test_util import check_grads

import starglow as sg

sgk = pytest.importorskip("starglow.jax.kernel")


@pytest.fixture(scope="module")
def model():
    return sg.Model.shipped()


@pytest.fixture(scope="module")
def galaxies():
    return sg.mock(600, seed=5)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_values_are_numpys(model, galaxies, dtype):
    f, z = galaxies.band_flux.astype(dtype), galaxies.z.astype(dtype)
    f[3, 2], f[4, :8], z[5] = np.nan, -1, np.nan
    want = model.predict(f, z, targetid=galaxies.targetid, float64=dtype == "f8")
    got = jax.jit(lambda f, z: sgk.predict(model, f, z, targetid=galaxies.targetid))(f, z)
    for name in ("ew", "p16", "p84", "flags"):
        value = getattr(got, name)
        assert value.dtype == (np.int32 if name == "flags" else np.dtype(dtype))
        np.testing.assert_array_equal(value, getattr(want, name).astype(value.dtype), err_msg=name)
    ivar = np.ones_like(f)
    ivar[7, 1] = 0
    np.testing.assert_array_equal(
        sgk.predict(model, f, z, band_flux_ivar=ivar).ew,
        model.predict(f, z, band_flux_ivar=ivar, float64=dtype == "f8").ew.astype(dtype),
    )
    total = dict(conventions={"APERTURE": "total"}, out_of_domain="clip")
    np.testing.assert_array_equal(
        sgk.predict(model, f, z, **total).ew, model.predict(f, z, float64=dtype == "f8", **total).ew.astype(dtype)
    )


def test_galactic_dust_is_converted_by_ebv(model, galaxies):
    f, z = galaxies.band_flux[:40], galaxies.z[:40]
    other = "T" if model.metadata["mwcorr"] == "F" else "F"
    said = dict(ebv=np.linspace(0, 0.4, 40), conventions={"MWCORR": other})
    want = model.predict(f, z, float64=True, **said)
    got = sgk.predict(model, f, z, **said)
    np.testing.assert_allclose(got.ew, want.ew, rtol=1e-9)
    assert np.abs(got.ew - model.predict(f, z, float64=True).ew).max() > 0.1
    draws = sgk.sample(model, f, z, galaxies.targetid[:40], draws=2, **said)
    np.testing.assert_allclose(draws, model.sample(f, z, galaxies.targetid[:40], draws=2, **said), rtol=1e-4, atol=1e-4)


def test_vmap_is_one_call(model, galaxies):
    f, z = jnp.asarray(galaxies.band_flux).reshape(20, 30, 12), jnp.asarray(galaxies.z).reshape(20, 30)
    whole = sgk.predict(model, f, z)
    for mapped in (
        jax.vmap(lambda a, b: sgk.predict(model, a, b))(f, z),
        jax.vmap(jax.vmap(lambda a, b: sgk.predict(model, a, b)))(f, z),
        jax.vmap(lambda a, b: sgk.predict(model, a, b), in_axes=(1, 1), out_axes=1)(f, z),
    ):
        np.testing.assert_array_equal(mapped.ew, whole.ew)
    fixed = jax.vmap(lambda a: sgk.predict(model, a, z[0, 0]))(f[0])
    np.testing.assert_array_equal(fixed.ew, sgk.predict(model, f[0], jnp.full(30, z[0, 0])).ew)
    text = jax.jit(jax.vmap(jax.vmap(lambda a, b: sgk.predict(model, a, b)))).lower(f, z).as_text()
    assert text.count("custom_call @starglow_predict") == 1 and "while" not in text
    assert sgk.predict(model, jnp.zeros((0, 12)), jnp.zeros(0)).ew.shape == (0, 10)


def test_derivatives_are_the_kernels(model, galaxies):
    f, z = jnp.asarray(galaxies.band_flux[:8]), jnp.asarray(galaxies.z[:8])

    def answers(f, z):
        p = sgk.predict(model, f, z)
        return p.ew, p.p16, p.p84

    check_grads(answers, (f, z), order=1, modes=("fwd", "rev"), rtol=1e-5, atol=1e-5, eps=1e-6)
    one = jax.vmap(jax.jacrev(lambda f, z: sgk.predict(model, f, z).ew, argnums=(0, 1)))(f, z)
    np.testing.assert_allclose(one[0], model.jacobian(galaxies.band_flux[:8], galaxies.z[:8]), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        jax.vmap(jax.jacfwd(lambda f, z: sgk.predict(model, f, z).ew))(f, z), one[0], rtol=1e-12, atol=1e-14
    )
    step = 1e-6
    numeric = (sgk.predict(model, f, z + step).ew - sgk.predict(model, f, z - step).ew) / (2 * step)
    np.testing.assert_allclose(one[1], numeric, rtol=1e-6, atol=1e-6)
    gradient = jax.jit(jax.grad(lambda f, z: (sgk.predict(model, f, z).ew ** 2).sum()))(f, z)
    np.testing.assert_allclose(
        gradient,
        model.vjp(galaxies.band_flux[:8], galaxies.z[:8], d_ew=2 * np.asarray(sgk.predict(model, f, z).ew)),
        rtol=1e-10,
    )
    single = jax.grad(lambda f: sgk.predict(model, f, z.astype("f4")).ew.sum())(f.astype("f4"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, jax.grad(lambda f: sgk.predict(model, f, z).ew.sum())(f), rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("dtype,rtol", [("f4", 2e-4), ("f8", 1e-9)])
def test_kernel_and_twin_agree(galaxies, dtype, rtol):
    """Values, and derivatives by everything, also where bands or the redshift lack."""
    import starglow.jax as sgj

    weights = sgj.load(dtype=dtype)
    f, z = galaxies.band_flux[:60].astype(dtype), galaxies.z[:60].astype(dtype)
    f[3, 2], f[4, :8], z[5] = np.nan, -1, np.nan
    for one, other in zip(sgk.predict(weights, f, z), sgj.predict(weights, f, z)):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)

    def total(call):
        return jax.grad(
            lambda f, z: sum(jnp.where(jnp.isnan(a), 0, a).sum() for a in call(weights, f, z)[:3]), argnums=(0, 1)
        )

    for one, other in zip(total(sgk.predict)(f, z), total(sgj.predict)(f, z)):
        good = ~np.isnan(other)  # a band that is NaN has no derivative there
        np.testing.assert_allclose(
            np.asarray(one)[good],
            np.asarray(other)[good],
            rtol=10 * rtol,
            atol=10 * rtol * float(np.nanmax(np.abs(other))),
        )


def test_a_bad_row_does_not_spoil_a_gradient(model, galaxies):
    f = galaxies.band_flux[:3].copy()
    f[1, :8] = np.nan
    g = jax.grad(lambda f: jnp.nansum(sgk.predict(model, f, galaxies.z[:3]).ew))(jnp.asarray(f))
    assert np.isfinite(g).all() and (g[1] == 0).all() and (g[0] != 0).any()


def test_draws_are_the_models(model, galaxies):
    ids = galaxies.targetid[:50] + 2**60
    f, z = galaxies.band_flux[:50], galaxies.z[:50]
    want = model.sample(f.astype("f4"), z.astype("f4"), ids, draws=6, seed=4)
    np.testing.assert_array_equal(sgk.sample(model, f.astype("f4"), z.astype("f4"), ids, draws=6, seed=4), want)
    words = np.stack([ids >> 32, ids & 0xFFFFFFFF], axis=-1).astype(np.uint32)
    mapped = jax.jit(jax.vmap(lambda f, z, w: sgk.sample(model, f, z, w, draws=6, seed=4)))(
        f.astype("f4"), z.astype("f4"), words
    )
    np.testing.assert_array_equal(mapped, want)


def test_point_models_and_files(galaxies, tmp_path, starglow, mock):
    assert (
        starglow(
            "train",
            mock,
            "-o",
            tmp_path / "p.safetensors",
            "--preset",
            "point",
            "epochs=1",
            "members=1",
            "sibling=false",
        ).returncode
        == 0
    )
    point = sg.Model.load(tmp_path / "p.safetensors")
    got = sgk.predict(tmp_path / "p.safetensors", galaxies.band_flux, galaxies.z)
    assert got.p16 is None
    np.testing.assert_array_equal(got.ew, point.predict(galaxies.band_flux, galaxies.z, float64=True).ew)
    slopes = jax.vmap(jax.jacrev(lambda f, z: sgk.predict(point, f, z).ew))(
        jnp.asarray(galaxies.band_flux[:4]), jnp.asarray(galaxies.z[:4])
    )
    np.testing.assert_allclose(slopes, point.jacobian(galaxies.band_flux[:4], galaxies.z[:4]), rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match="this model kind"):
        sgk.sample(point, galaxies.band_flux, galaxies.z, draws=2)


def test_what_the_kernel_does_not_do_it_says(model, galaxies):
    f = jnp.asarray(galaxies.band_flux[:2])
    with pytest.raises(ValueError, match="'warn' alone"):
        jax.grad(lambda f: sgk.predict(model, f, galaxies.z[:2], out_of_domain="clip").ew.sum())(f)
    import starglow.jax as sgj

    weights = sgj.load()
    np.testing.assert_array_equal(
        sgj.kernel.predict(weights, f, galaxies.z[:2]).ew, sgk.predict(model, f, galaxies.z[:2]).ew
    )
    jax.jit(jax.grad(lambda w, f: sgk.predict(w, f, galaxies.z[:2]).ew.sum(), argnums=1))(weights, f)
    with pytest.raises(ValueError, match="with respect to the weights"):
        jax.grad(lambda w: sgk.predict(w, f, galaxies.z[:2]).ew.sum())(weights)
    call = jax.ffi.ffi_call(
        "starglow_predict_f64", [jax.ShapeDtypeStruct((2, 10), "f8")] * 3 + [jax.ShapeDtypeStruct((2,), "i4")]
    )
    with pytest.raises(Exception, match="not loaded here.*Load it before"):
        jax.block_until_ready(
            call(
                f,
                f,
                jnp.ones(2),
                model="0" * 64,
                conventions="",
                policy=np.int64(0),
                threads=np.int64(1),
                has_ids=True,
                has_ivar=False,
            )
        )
