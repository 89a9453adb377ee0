"""Models that predict the ten lines of galaxies from their stellar continuum."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core
from ._arrays import MOST_DRAWS, MOST_THREADS, real, whole
from ._inputs import galaxies_of, given_lines
from .errors import reading
from .galaxies import Galaxies
from .prediction import Prediction


class Model:
    """A trained model. It cannot be changed and can be shared between threads.

    Make one with `Model.shipped`, `Model.load`, `starglow.train` or `starglow.import_k24`.
    """

    __slots__ = ("__weakref__", "_core")

    def __init__(self, core: _core.Model) -> None:
        if not isinstance(core, _core.Model):
            raise TypeError("Model.shipped() and Model.load(path) make models")
        self._core = core

    @staticmethod
    def shipped(version: str = "") -> Model:
        """The model in the package (models/starglow.md describes it), or that of an earlier version of starglow.

        Parameters
        ----------
        version : str
            "0.1" for the model of version 0.1, which is ``--model joint-0.1`` of the command line.

        Raises
        ------
        InputError
            There is no model of that version.

        >>> import starglow as sg
        >>> sg.Model.shipped("0.1").hash == sg.Model.shipped().hash
        False
        """
        return Model(_core.Model.shipped(version))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Model:
        """Reads a model from a safetensors file (docs/model-format.md).

        Raises
        ------
        FileError
            No such file, or it cannot be read.
        InputError
            The file is damaged or contains something else than a model.

        Examples
        --------
        >>> import os, tempfile, starglow as sg
        >>> path = os.path.join(tempfile.mkdtemp(), "m.safetensors")
        >>> sg.Model.shipped().save(path)
        >>> sg.Model.load(path).hash == sg.Model.shipped().hash
        True
        """
        with reading(path):
            return Model(_core.Model.load(os.fspath(path)))

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Writes a safetensors file. It appears only when complete; equal models give equal files.

        Raises
        ------
        InputError
            The file exists and `overwrite` is False.
        FileError
            It cannot be written; an existing file stays unchanged.

        Examples
        --------
        >>> import os, tempfile, starglow as sg
        >>> sg.Model.shipped().save(os.path.join(tempfile.mkdtemp(), "m.safetensors"))
        """
        self._core.save(os.fspath(path), overwrite)

    @property
    def hash(self) -> str:
        """SHA-256 of networks, scalers and metadata; it identifies the model in the provenance of outputs."""
        return self._core.hash

    @property
    def kind(self) -> str:
        """ "joint", "mlp", "k24", "knn" or "llr"."""
        return self._core.kind

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines that it predicts, in the order of its arrays: the ten, or a choice of its own."""
        return self._core.lines

    @property
    def n_params(self) -> int:
        """Number of parameters."""
        return self._core.n_params

    @property
    def has_distribution(self) -> bool:
        """Whether the model gives quantiles and draws (kind "joint"), not only single predictions."""
        return self._core.has_distribution

    @property
    def input_columns(self) -> tuple[str, ...]:
        """Columns of a table that the model uses beside bands and redshift, as D4000; mostly none."""
        return tuple(self._core.input_columns)

    @property
    def metadata(self) -> dict[str, str]:
        """All other metadata of the model file: conventions, training, learning curve."""
        return self._core.metadata

    def __repr__(self) -> str:
        return f"<starglow.Model {self.kind}, {self.n_params} parameters, {self.hash[:12]}>"

    def __reduce__(self) -> Any:
        return _unpickle, (_packed(self), self.hash)

    def notes(self, galaxies: Galaxies) -> list[str]:
        """Notes, in words, on the conventions of a table that differ from those of this model.

        Raises
        ------
        InputError
            They are incompatible.

        Examples
        --------
        >>> import starglow as sg
        >>> g = sg.Galaxies(band_flux=[[3.0] * 12], z=[0.1], conventions={"APERTURE": "total"})
        >>> "APERTURE" in " ".join(sg.Model.shipped().notes(g))
        True
        """
        return self._core.notes(galaxies.conventions, galaxies.ebv is not None)

    def predict(
        self,
        band_flux: Any,
        z: Any = None,
        *,
        band_flux_ivar: Any = None,
        targetid: Any = None,
        survey: Any = None,
        program: Any = None,
        ew_ivar: Any = None,
        z_err: Any = None,
        ebv: Any = None,
        given: Any = None,
        selected: str | None = None,
        conventions: dict[str, str] | None = None,
        draws: int = 0,
        noise: bool = False,
        fluxes: bool = False,
        seed: int = 1,
        out_of_domain: str = "warn",
        float64: bool = False,
        first_row: int = 0,
        threads: int = 0,
        names: Mapping[str, str] | None = None,
    ) -> Prediction:
        """Predicts lines, with exactly the numbers of `starglow predict`, for any number of threads.

        Arrays (float32 or float64, any strides) are not copied, and the GIL is released.

        Parameters
        ----------
        band_flux : (n, 12) array, or a table: Galaxies, or what `starglow.galaxies` takes
            Mean F_lambda in 1e-17 erg s^-1 cm^-2 A^-1 as observed, in the twelve rest-frame bands; NaN = missing.
            A table (astropy, pandas, polars, pyarrow, dictionary, path) provides the other columns too; only a table
            has the columns that some models use beside the bands (D4000).
        z : (n,) array or number
            Redshift. If absent or NaN, the networks without luminosity are used, flag NO_LUMINOSITY.
        band_flux_ivar : (n, 12) array
            0 means that the band is missing.
        targetid, survey, program
            Ids; the random numbers of `draws` and `noise` depend on them.
        ew_ivar : (n, 10) array
            Measurement errors for `noise`; without them, the model's noise law is used.
        z_err : (n,) array
            One standard deviation of z: where it is above 0.0003 (1 + z) the lines are averaged over z - z_err and
            z + z_err, and their intervals widen.
        ebv : (n,) array
            E(B-V) of the Milky Way, mag; used to convert the bands if MWCORR differs from the model's.
        given : dict, or names
            Measured lines to use: ``{"HALPHA": (ew, ivar)}``, arrays (n,) or numbers, in A and A^-2. All lines are
            then predicted given these, flag CONDITIONED. An ivar that is 0 or not finite means no measurement for that
            galaxy. OIII_4959 and NII_6548 are converted to their strong partners, and ignored if the partner is given
            too. Names alone (``["HALPHA"]``) use the columns `ew` and `ew_ivar` of a table.
        selected : str
            Predict for galaxies whose measured lines pass this cut, ``"HBETA,OIII_5007,HALPHA,NII_6584 > 0"`` or
            ``"SNR(HALPHA) > 3"``. Measurement errors come from `ew_ivar`, or else from the model's noise law.
        conventions : dict
            What the numbers mean (docs/tables.md), e.g. {"APERTURE": "total"}.
        draws : int
            Number of joint draws per galaxy (kind "joint").
        noise : bool
            Also return one draw with measurement noise.
        fluxes : bool
            Also return observed line fluxes with quantiles: EW (1 + z) times the continuum of the bands, in
            1e-17 erg s^-1 cm^-2. NaN without a redshift, or where one of three bands near the line is missing.
        seed : int
            Seed of draws and noise.
        out_of_domain : {"warn", "nan", "clip", "prior"}
            What to return for galaxies unlike the training galaxies (docs/flags.md, OUT_OF_DOMAIN).
        float64 : bool
            Compute the networks in double precision, at half the speed.
        first_row : int
            Number of the first row in its table; it replaces missing TARGETIDs.
        threads : int
            0 means all processors.
        names : dict
            For a table with other column names: {"Z": "redshift"}.

        Returns
        -------
        Prediction

        Raises
        ------
        InputError
            Wrong shapes, types or units; incompatible conventions; draws from a model without distributions. Missing
            or bad values are no error: they give NaN and a flag.

        References
        ----------
        Khederlarian et al. 2024, MNRAS 531, 1454.

        Examples
        --------
        >>> import starglow as sg
        >>> table = {"Z": [0.1], "TARGETID": [7]} | {f"BAND_FLUX_{b}": [3.0 + 0.1 * b] for b in range(12)}
        >>> sg.Model.shipped().predict(table)
        <starglow.Prediction: 10 lines of 1 galaxy: EW, P16, P84>
        """
        more = dict(
            band_flux_ivar=band_flux_ivar,
            targetid=targetid,
            survey=survey,
            program=program,
            ew_ivar=ew_ivar,
            z_err=z_err,
            ebv=ebv,
            conventions=conventions,
        )
        g = galaxies_of(band_flux, z, more, names)
        out = self._core.predict(
            g._columns(),
            whole("draws", draws, MOST_DRAWS),
            bool(noise),
            whole("seed", seed),
            out_of_domain,
            bool(float64),
            whole("first_row", first_row),
            whole("threads", threads, MOST_THREADS),
            given_lines(given, g, self.lines),
            selected,
            bool(fluxes),
        )
        return Prediction(
            out["ew"],
            out.get("p16"),
            out.get("p84"),
            out["flags"],
            out.get("draws"),
            out.get("noisy"),
            lines=self.lines,
            index=g.index,
            p_lineless=out.get("p_lineless"),
            domain=out.get("domain"),
            flux=out.get("flux"),
            flux_p16=out.get("flux_p16"),
            flux_p84=out.get("flux_p84"),
        )

    def sample(
        self,
        band_flux: Any,
        z: Any = None,
        targetid: Any = None,
        *,
        draws: int,
        seed: int = 1,
        band_flux_ivar: Any = None,
        survey: Any = None,
        program: Any = None,
        z_err: Any = None,
        ebv: Any = None,
        conventions: dict[str, str] | None = None,
        first_row: int = 0,
        threads: int = 0,
        names: Mapping[str, str] | None = None,
    ) -> np.ndarray:
        """Joint draws of the intrinsic EWs, A: (n, 10, draws) float32. Arguments and errors as in `predict`.

        A draw depends only on (seed, TARGETID, draw): it is the same in any order, chunk, thread or machine.

        Examples
        --------
        >>> import starglow as sg
        >>> g = sg.mock(4)
        >>> sg.Model.shipped().sample(g.band_flux, g.z, g.targetid, draws=8, seed=1).shape
        (4, 10, 8)
        """
        more = dict(
            band_flux_ivar=band_flux_ivar,
            targetid=targetid,
            survey=survey,
            program=program,
            z_err=z_err,
            ebv=ebv,
            conventions=conventions,
        )
        return self._core.sample(
            galaxies_of(band_flux, z, more, names)._columns(),
            whole("draws", draws, MOST_DRAWS),
            whole("seed", seed),
            whole("first_row", first_row),
            whole("threads", threads, MOST_THREADS),
        )

    def jacobian(
        self,
        band_flux: Any,
        z: Any = None,
        *,
        band_flux_ivar: Any = None,
        ebv: Any = None,
        conventions: dict[str, str] | None = None,
        threads: int = 0,
        names: Mapping[str, str] | None = None,
    ) -> np.ndarray:
        """Derivatives dEW/dF at fixed z: (n, 10, 12) float64, A per 1e-17 erg s^-1 cm^-2 A^-1, in double precision.

        For kind "joint" these are derivatives of the median. NaN if there is no prediction, 0 for a missing band.

        Raises
        ------
        InputError
            As `predict`; also for kinds "knn" and "llr", which are not differentiable.

        Examples
        --------
        >>> import starglow as sg
        >>> g = sg.mock(4)
        >>> sg.Model.shipped().jacobian(g.band_flux, g.z).shape
        (4, 10, 12)
        """
        return self._core.jacobian(
            galaxies_of(
                band_flux, z, dict(band_flux_ivar=band_flux_ivar, ebv=ebv, conventions=conventions), names
            )._columns(),
            whole("threads", threads, MOST_THREADS),
        )

    def jvp(
        self,
        band_flux: Any,
        z: Any = None,
        *,
        d_flux: Any,
        band_flux_ivar: Any = None,
        ebv: Any = None,
        conventions: dict[str, str] | None = None,
        threads: int = 0,
        names: Mapping[str, str] | None = None,
    ) -> np.ndarray:
        """Change of the ten EWs (n, 10) for a small change `d_flux` (n, 12) of the band fluxes; as `jacobian`.

        >>> import starglow as sg
        >>> g = sg.mock(4)
        >>> sg.Model.shipped().jvp(g.band_flux, g.z, d_flux=0.01 * g.band_flux).shape
        (4, 10)
        """
        return self._along(band_flux, z, "d_flux", d_flux, True, band_flux_ivar, ebv, conventions, threads, names)

    def vjp(
        self,
        band_flux: Any,
        z: Any = None,
        *,
        d_ew: Any,
        band_flux_ivar: Any = None,
        ebv: Any = None,
        conventions: dict[str, str] | None = None,
        threads: int = 0,
        names: Mapping[str, str] | None = None,
    ) -> np.ndarray:
        """Gradient (n, 12) of sum(d_ew * ew), `d_ew` (n, 10), with respect to the band fluxes; as `jacobian`.

        >>> import numpy as np, starglow as sg
        >>> g = sg.mock(4)
        >>> sg.Model.shipped().vjp(g.band_flux, g.z, d_ew=np.ones((4, 10))).shape
        (4, 12)
        """
        return self._along(band_flux, z, "d_ew", d_ew, False, band_flux_ivar, ebv, conventions, threads, names)

    def _along(
        self,
        band_flux: Any,
        z: Any,
        name: str,
        d: Any,
        forward: bool,
        ivar: Any,
        ebv: Any,
        conventions: Any,
        threads: int,
        names: Mapping[str, str] | None,
    ) -> np.ndarray:
        g = galaxies_of(band_flux, z, dict(band_flux_ivar=ivar, ebv=ebv, conventions=conventions), names)
        return self._core.along(g._columns(), real(name, d), forward, whole("threads", threads, MOST_THREADS))


def _packed(model: Model) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.safetensors")
        model.save(path)
        with open(path, "rb") as f:
            return f.read()


_kept: dict[str, Model] = {}


def _unpickle(data: bytes, name: str) -> Model:
    """Makes a model only once in a worker process that receives it often."""
    if name not in _kept:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "m.safetensors")
            with open(path, "wb") as f:
                f.write(data)
            _kept[name] = Model.load(path)
    return _kept[name]


def import_k24(
    with_luminosity: str | os.PathLike[str] | None = None, without_luminosity: str | os.PathLike[str] | None = None
) -> Model:
    """The published weights of Khederlarian et al. 2024 as a model of kind "k24"; the pickles are not executed.

    Raises
    ------
    InputError
        The content is damaged or unknown, or the two files were exchanged.
    FileError
        A file cannot be read.

    Examples
    --------
    >>> import starglow as sg
    >>> model = sg.import_k24("params_of_model_with_luminosity.npy")  # doctest: +SKIP
    >>> model.kind  # doctest: +SKIP
    'k24'
    """
    paths = (with_luminosity, without_luminosity)
    with reading(*paths):
        return Model(_core.import_k24(*(None if p is None else os.fspath(p) for p in paths)))
