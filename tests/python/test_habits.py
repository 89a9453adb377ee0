"""What Python people do with tables, predictions and estimators; every example of a docstring is run."""

import doctest
import importlib
import inspect
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import starglow as sg

QUICK = {"epochs": 2, "members": 1, "sibling": False, "calibration_folds": 0}


@pytest.fixture(scope="module")
def measured():
    g = sg.mock(400, seed=3)
    ew = sg.Model.shipped().predict(g, noise=True).noisy
    return sg.Galaxies(
        g.band_flux, g.z, targetid=g.targetid, ew=ew, ew_ivar=np.full_like(ew, 4), conventions=g.conventions
    )


MODULES = "starglow galaxies model prediction tables training light mock_stars widget parquet estimator".split()


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name == "estimator":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    module = importlib.import_module(name if name == "starglow" else f"starglow.{name}")
    done = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.failed == 0 and done.attempted > 0


def test_every_public_function_has_an_example():
    lacking = []
    for name in sg.__all__:
        thing = getattr(sg, name)
        if isinstance(thing, type) and not issubclass(thing, Exception):
            lacking += [
                f"{name}.{key}"
                for key, value in vars(thing).items()
                if not key.startswith("_")
                and callable(getattr(value, "__func__", value))
                and ">>>" not in (inspect.getdoc(getattr(thing, key)) or "")
            ]
        elif callable(thing) and not isinstance(thing, type) and ">>>" not in (inspect.getdoc(thing) or ""):
            lacking.append(name)
    assert not lacking


def test_lines_by_name_and_rows_by_slice(measured):
    p = sg.Model.shipped().predict(measured, draws=3, noise=True)
    np.testing.assert_array_equal(p["HALPHA"], p.ew[:, 6])
    np.testing.assert_array_equal(p["halpha_ew_p16"], p.p16[:, 6])
    np.testing.assert_array_equal(p["HALPHA_EW_DRAW"], p.draws[:, 6])
    np.testing.assert_array_equal(p["HALPHA_EW_NOISY"], p.noisy[:, 6])
    np.testing.assert_array_equal(p["FLAGS"], p.flags)
    with pytest.raises(KeyError, match="OII_DOUBLET.*_EW_P16"):
        p["OII"]
    for rows in (slice(2, 9, 3), p["HALPHA"] > 10, [5, 1], 7):
        some, which = p[rows], np.atleast_1d(np.arange(len(p))[rows])
        assert len(some) == len(which)
        np.testing.assert_array_equal(some.draws, p.draws[which])
        np.testing.assert_array_equal(some.flags, p.flags[which])
        np.testing.assert_array_equal(measured[rows].targetid, measured.targetid[which])
    assert [len(one) for one in p[:3]] == [1, 1, 1]
    np.testing.assert_array_equal(measured["HALPHA_EW"], measured.ew[:, 6])
    np.testing.assert_array_equal(measured["z"], measured.z)
    with pytest.raises(KeyError, match="TARGETID, Z"):
        measured["SURVEY"]
    point = sg.Model.shipped().predict(measured[:2])
    with pytest.raises(KeyError):
        point["HALPHA_EW_DRAW"]


def test_what_is_shown_is_short(measured):
    p = sg.Model.shipped().predict(measured, draws=3)
    assert repr(p) == "<starglow.Prediction: 10 lines of 400 galaxies: EW, P16, P84, 3 draws>"
    assert repr(measured).startswith(
        "<starglow.Galaxies: 400 rows of TARGETID, Z, BAND_FLUX, {LINE}_EW, {LINE}_EW_IVAR"
    )
    for shown in (p, measured):
        html = shown._repr_html_()
        assert len(repr(shown)) < 200 and len(html) < 8000
        assert "<table>" in html and "395 more rows" in html and "<script" not in html
    odd = sg.Galaxies(measured.band_flux[:1], survey=["<b>"])
    assert "&lt;b&gt;" in odd._repr_html_()


def test_an_index_comes_back(measured):
    pd = pytest.importorskip("pandas")
    frame = sg.to_pandas(measured[:5]).set_index(pd.Index(list("abcde"), name="name"))
    lines = sg.to_pandas(sg.galaxies(frame), sg.Model.shipped().predict(frame))
    assert lines.index.equals(frame.index) and lines.index.name == "name"
    p = sg.Model.shipped().predict(frame)
    assert sg.to_pandas(prediction=p[1:3]).index.tolist() == ["b", "c"]
    assert sg.to_pandas(sg.galaxies(frame)[::-1]).index.tolist() == list("edcba")
    with pytest.raises(sg.InputError, match="differ in length"):
        sg.to_pandas(measured, p)


def test_nulls_survive_a_round_trip(tmp_path):
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    g = sg.mock(4)
    ids = np.ma.array(g.targetid, mask=[0, 1, 0, 0])
    odd = sg.Galaxies(g.band_flux, g.z, targetid=ids, survey=["main", None, "", "sv3"])
    p = sg.Model.shipped().predict(odd)
    frame, arrow, table = sg.to_pandas(odd, p), sg.to_arrow(odd, p), sg.to_astropy(odd, p)
    assert frame["TARGETID"].isna().tolist() == [False, True, False, False] and str(frame["TARGETID"].dtype) == "Int64"
    assert arrow["TARGETID"].null_count == 1 and arrow.schema.field("HALPHA_EW").metadata == {b"unit": b"Angstrom"}
    assert table["TARGETID"].mask.tolist() == [False, True, False, False]
    for back in (sg.galaxies(sg.to_pandas(odd)), sg.galaxies(sg.to_arrow(odd)), sg.galaxies(sg.to_astropy(odd))):
        assert back.without_id.tolist() == [False, True, False, False] and back.survey == ["main", "", "", "sv3"]
        np.testing.assert_array_equal(back.targetid.compressed(), ids.compressed())
    assert isinstance(arrow, pa.Table) and isinstance(frame, pd.DataFrame)


def test_a_parquet_file_is_a_table(measured, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(sg.to_arrow(measured), tmp_path / "with_no_ending")
    got = sg.galaxies(tmp_path / "with_no_ending")
    np.testing.assert_array_equal(got.band_flux, measured.band_flux)
    np.testing.assert_array_equal(got.ew, measured.ew.astype("f4"))
    assert got.conventions == measured.conventions


def test_a_table_is_not_given_twice(measured):
    model = sg.Model.shipped()
    with pytest.raises(TypeError, match="z"):
        model.predict({"BAND_FLUX": measured.band_flux}, measured.z)
    total = model.predict({"BAND_FLUX": measured.band_flux, "Z": measured.z}, conventions={"APERTURE": "total"})
    assert (total.flags & 8).all()
    with pytest.raises(sg.InputError, match="no table of galaxies"):
        sg.galaxies(3.0)
    with pytest.raises(sg.InputError, match="no column of a table of galaxies.*BAND_FLUXES"):
        model.predict({"BAND_FLUX": measured.band_flux}, names={"BAND_FLUXES": "flux"})
    with pytest.raises(sg.InputError, match="no column flux"):
        model.predict({"BAND_FLUX": measured.band_flux}, names={"BAND_FLUX": "flux"})


def test_spectra_of_specutils():
    specutils = pytest.importorskip("specutils", reason="specutils is not installed")
    from astropy import units as u
    from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

    wave = 3600 + 0.8 * np.arange(7781)
    flux = 3 + 0.3 * np.sin(wave / 500)
    error = np.full(7781, 0.2)
    bad = np.zeros(7781, bool)
    bad[4000:4010] = True
    want = sg.measure(wave, flux[None], 0.1234, np.where(bad, 0, 25.0)[None])
    unit = u.Unit("1e-17 erg / (s cm2 AA)")
    kinds = (
        StdDevUncertainty(error * unit),
        VarianceUncertainty((error * unit) ** 2),
        InverseVariance(1 / (error * unit) ** 2),
        StdDevUncertainty((error * unit).to("W / (m2 um)")),
    )
    for given in kinds:
        one = specutils.Spectrum(
            spectral_axis=(wave * u.AA).to("nm"), flux=flux * unit, uncertainty=given, mask=bad, redshift=0.1234
        )
        got = sg.measure(one)
        for key in ("band_flux", "band_flux_ivar", "ew", "ew_ivar"):
            np.testing.assert_allclose(got[key], want[key], rtol=1e-5, atol=1e-6, err_msg=key)
    several = specutils.SpectrumList([one, one])
    np.testing.assert_allclose(
        sg.measure(several, z=[0.1234, 0.1234])["ew"], np.repeat(want["ew"], 2, axis=0), rtol=1e-5, atol=1e-6
    )
    together = specutils.Spectrum(spectral_axis=wave * u.AA, flux=np.stack([flux, 2 * flux]) * unit)
    assert sg.measure(together, z=[0.1, 0.2])["band_flux"].shape == (2, 12)
    with pytest.raises(sg.InputError, match="no redshift"):
        sg.measure(together)
    with pytest.raises(sg.InputError, match="another unit"):
        sg.measure(specutils.Spectrum(spectral_axis=wave * u.AA, flux=flux * u.Jy), z=0.1)


def test_units_of_arrays_are_converted():
    from astropy import units as u

    wave = np.arange(3600.0, 9824.0, 0.8)
    flux = np.full((1, wave.size), 3.0)
    want = sg.measure(wave, flux, 0.1, lines=False)["band_flux"]
    got = sg.measure(
        (wave * u.AA).to("um"), (flux * u.Unit("1e-17 erg / (s cm2 AA)")).to("W / (m2 nm)"), 0.1, lines=False
    )
    np.testing.assert_allclose(got["band_flux"], want, rtol=1e-6)
    with pytest.raises(sg.InputError, match="another unit"):
        sg.measure(wave * u.Hz, flux, 0.1)
    with pytest.raises(sg.InputError, match="another unit"):
        sg.measure(wave, flux, 3e4 * u.km / u.s)
    ew = np.full((1, 10), 20.0)
    painted = sg.paint(wave, flux, 0.1, ew, sigma_v=120)["flux"]
    np.testing.assert_allclose(
        sg.paint(wave, flux, 0.1, ew / 10 * u.nm, sigma_v=1.2e5 * u.m / u.s)["flux"], painted, rtol=1e-6
    )


def test_lines_that_no_model_learns_are_named(measured, tmp_path):
    more = {f"{line}_EW": measured.ew[:, k] for k, line in enumerate(sg.LINES)}
    more |= {f"{line}_EW_IVAR": measured.ew_ivar[:, k] for k, line in enumerate(sg.LINES)}
    table = {"BAND_FLUX": measured.band_flux, "Z": measured.z} | more
    extra = {"HEI_5876_EW": measured.z, "HEI_5876_EW_IVAR": measured.z}
    with pytest.warns(UserWarning, match="HEI_5876_EW"):
        sg.train(table | extra, "point", **QUICK)
    from astropy.table import Table

    Table(table | extra).write(tmp_path / "t.fits")
    with pytest.warns(UserWarning, match="HEI_5876_EW"):
        sg.train(tmp_path / "t.fits", "point", **QUICK)


def test_settings_and_resuming(measured, tmp_path):
    settings = sg.training_settings("point")
    assert settings["epochs"] == 90 or isinstance(settings["epochs"], int)
    assert settings["joint"] is False and isinstance(settings["hidden"], list)
    options = {"epochs": 30, "members": 2, "sibling": False}
    whole = sg.train(measured, "point", **options)
    file = tmp_path / "unfinished"
    seen = []

    def stop(stage, done, epochs, loss):
        seen.append(done)
        if done > epochs / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sg.train(measured, "point", **options, progress=stop, checkpoint=file)
    assert file.exists() and seen
    with pytest.raises(sg.InputError, match="unfinished training is saved"):
        sg.train(measured, "point", **options, checkpoint=file)
    with pytest.raises(sg.InputError, match="members"):
        sg.train(measured, "point", **(options | {"members": 1}), checkpoint=file, resume=True)
    assert sg.train(measured, "point", **options, checkpoint=file, resume=True).hash == whole.hash
    assert not file.exists()


def test_an_estimator_of_scikit_learn(measured):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    import warnings

    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score
    from sklearn.utils.estimator_checks import check_estimator

    X, y = np.column_stack([measured.band_flux, measured.z]), measured.ew
    one = sg.Estimator("point", settings=QUICK | {"epochs": 30}).fit(X, y, ivar=measured.ew_ivar)
    again = clone(one).fit(X, y, ivar=measured.ew_ivar)
    assert again.model_.hash == one.model_.hash and one.score(X, y) > 0.2
    assert one.get_params()["preset"] == "point" and one.set_params(seed=2).seed == 2
    np.testing.assert_array_equal(one.predict(X), one.lines(X).ew)
    scores = cross_val_score(sg.Estimator("point", settings=QUICK), X, y, cv=2)
    assert scores.shape == (2,) and np.isfinite(scores).all()
    # Its own checks. They give data of two or ten columns, or of one target; those that need a fit end in our words
    # about that.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(sg.Estimator("point", settings=QUICK), on_skip=None, on_fail=None)
    passed = {r["check_name"] for r in results if r["status"] == "passed"}
    for r in results:
        if r["status"] == "failed":
            said = f"{r['exception']!r} {r['exception'].__cause__!r} {r['exception'].__context__!r}"
            assert "13: twelve band fluxes" in said or "y has a wrong shape" in said, (r["check_name"], said[:500])
    assert {"check_no_attributes_set_in_init", "check_estimator_cloneable", "check_get_params_invariance"} <= passed
    assert {
        "check_set_params",
        "check_estimators_unfitted",
        "check_do_not_raise_errors_in_init_or_set_params",
    } <= passed
    assert len(passed) >= 15


def test_what_killed_processes_leave_is_swept(measured, tmp_path):
    pytest.importorskip("pyarrow")
    from starglow import parquet

    code = (
        "import os, signal, pathlib, sys\nfrom starglow import parquet\n"
        "parquet.part_of(pathlib.Path(sys.argv[1])).write_text('half')\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "o.parquet")], check=False)
    assert run.returncode == -signal.SIGKILL and len(list(tmp_path.iterdir())) == 1
    mine = parquet.part_of(tmp_path / "mine.parquet")
    mine.write_text("being written")
    other = tmp_path / f".x.parquet.elsewhere.{os.getpid()}.part"
    other.write_text("another machine's")
    import pyarrow.parquet as pq

    pq.write_table(sg.to_arrow(measured[:3]), tmp_path / "in.parquet")
    parquet.predict_file(tmp_path / "in.parquet", tmp_path / "o.parquet")
    assert {p.name for p in tmp_path.iterdir()} == {"in.parquet", "o.parquet", mine.name, other.name}
