"""Models: the ten lines of galaxies from the light of their stars."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._arrays import MOST_DRAWS, MOST_THREADS, real, whole
from ._columns import is_table
from .errors import error, reading
from .galaxies import LINES, Galaxies

#: suffix of a column of predicted lines -> attribute of a Prediction
PREDICTED = {"_EW": "ew", "_EW_P16": "p16", "_EW_P84": "p84", "_EW_DRAW": "draws", "_EW_NOISY": "noisy"}


@dataclass(frozen=True, repr=False, eq=False)
class Prediction:
    """The lines of n galaxies. EWs in A, rest frame, positive in emission; NaN where a fatal flag is set.

    Attributes
    ----------
    ew : (n, 10) float64
        Median of the intrinsic distribution; of a point model, the point.
    p16, p84 : (n, 10) float64 or None
        Its 15.9 % and 84.1 % quantiles; None for a point model.
    flags : (n,) int32
        Bits of docs/flags.md.
    draws : (n, 10, draws) float32 or None
        Joint intrinsic draws: draw k of all lines belongs together.
    noisy : (n, 10) float64 or None
        One realisation with measurement noise.
    lines : tuple of str
        Names of the ten lines.
    index : any
        That of the DataFrame that was predicted: `to_pandas` gives it back.
    p_lineless : (n,) float64 or None
        Probability that there is no Halpha to speak of (P_LINELESS of docs/tables.md); None for a point model.
    domain : (n,) float64 or None
        0: as the training galaxies; 0.5: at the limit of OUT_OF_DOMAIN; 1: outside all of them.

    Examples
    --------
    >>> import starglow as sg
    >>> p = sg.Model.shipped().predict(sg.mock(4))
    >>> p["HALPHA"].shape, p["HALPHA_EW_P84"].shape, p[p.flags == 0].ew.shape
    ((4,), (4,), (4, 10))
    """

    ew: np.ndarray
    p16: np.ndarray | None
    p84: np.ndarray | None
    flags: np.ndarray
    draws: np.ndarray | None = None
    noisy: np.ndarray | None = None
    lines: tuple[str, ...] = LINES
    index: Any = None
    p_lineless: np.ndarray | None = None
    domain: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ew)

    def __getitem__(self, which: Any) -> Any:
        """One column - ``p["HALPHA"]``, the EWs of a line, or a name of docs/tables.md as "HALPHA_EW_P84", "FLAGS" -,
        or the prediction of some rows, by slice, mask or index array."""
        if isinstance(which, str):
            return self._column(which)
        rows = np.arange(len(self))[which]
        if rows.ndim == 0:
            rows = rows[None]

        def of(name: str) -> Any:
            value = getattr(self, name)
            return None if value is None else value[rows]

        return Prediction(
            of("ew"),
            of("p16"),
            of("p84"),
            of("flags"),
            of("draws"),
            of("noisy"),
            lines=self.lines,
            index=of("index"),
            p_lineless=of("p_lineless"),
            domain=of("domain"),
        )

    def _column(self, name: str) -> np.ndarray:
        wanted = name.upper()
        if wanted == "FLAGS":
            return self.flags
        if wanted == "P_LINELESS" and self.p_lineless is not None:
            return self.p_lineless
        if wanted == "DOMAIN" and self.domain is not None:
            return self.domain
        for suffix, attribute in (("", "ew"), *PREDICTED.items()):
            line = wanted.removesuffix(suffix)
            values = getattr(self, attribute)
            if wanted.endswith(suffix) and line in self.lines and values is not None:
                return values[:, self.lines.index(line)]
        there = [s for s, attribute in PREDICTED.items() if getattr(self, attribute) is not None]
        raise KeyError(f"no column {name}; lines {', '.join(self.lines)}, alone or with {', '.join(there)}; FLAGS")

    def __iter__(self) -> Iterator[Prediction]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        n, more = len(self), "" if self.p16 is None else ", P16, P84"
        more += "" if self.draws is None else f", {self.draws.shape[-1]} draws"
        more += "" if self.noisy is None else ", noisy"
        lost = int(np.count_nonzero(self.flags & _core.fatal_flags))
        return (
            f"<starglow.Prediction: {len(self.lines)} lines of {n} {'galaxy' if n == 1 else 'galaxies'}: EW{more}"
            + (f"; {lost} without an answer" if lost else "")
            + ">"
        )

    def _repr_html_(self) -> str:
        from .tables import columns, html

        return html(repr(self)[1:-1], [c for c in columns(None, self) if c[1].ndim == 1], len(self))


def _galaxies(first: Any, z: Any, more: dict[str, Any], names: Mapping[str, str] | None = None) -> Galaxies:
    """The galaxies of a call: arrays, a Galaxies, or anything that a Galaxies can be made from."""
    if isinstance(first, (Galaxies, str, os.PathLike)) or is_table(first):
        beside = [k for k, v in (("z", z), *more.items()) if v is not None and k != "conventions"]
        if beside or (isinstance(first, Galaxies) and more.get("conventions") is not None):
            raise TypeError(
                f"a table holds its columns: give no others beside it ({', '.join(beside) or 'conventions'})"
            )
        from .tables import galaxies

        return first if isinstance(first, Galaxies) else galaxies(first, more.get("conventions"), names=names)
    if first is None:
        raise error("input", "BAND_FLUX is absent", "None", "12 band fluxes a galaxy")
    return Galaxies(band_flux=first, z=z, **more)


def _given(given: Any, galaxies: Galaxies) -> tuple[np.ndarray, np.ndarray] | None:
    """Given lines as two (n, 10) arrays, EW and ivar; lines that are not given have ivar 0."""
    if given is None:
        return None
    n = len(galaxies.band_flux)
    ew, ivar = np.zeros((n, len(LINES))), np.zeros((n, len(LINES)))
    names = [given] if isinstance(given, str) else list(given)
    if not names:
        raise error("usage", "no line is given", "", "one or more of " + ", ".join(LINES))
    for name in names:
        if name not in LINES:
            raise error("usage", "unknown line", f"'{name}'", ", ".join(LINES))
        line = LINES.index(name)
        if isinstance(given, Mapping):
            if not isinstance(given[name], (tuple, list)) or len(given[name]) != 2:
                raise error("usage", f"given[{name!r}] is no pair", type(given[name]).__name__, "(ew, ivar)")
            values, weights = (real(f"given {name}", part) for part in given[name])
        elif galaxies.ew is None or galaxies.ew_ivar is None:
            raise error("input", "lines are given, and the galaxies do not have them", "no ew and ew_ivar", "both")
        else:
            values, weights = galaxies.ew[:, line], galaxies.ew_ivar[:, line]
        for what, part, into in (("EW", values, ew), ("ivar", weights, ivar)):
            if part.shape not in ((), (n,)):
                raise error("input", f"{what} of given {name} does not fit", f"shape {part.shape}", f"({n},)")
            into[:, line] = part
    return ew, ivar


class Model:
    """A trained model: immutable, safe to share between threads.

    Make one with `Model.shipped`, `Model.load`, `starglow.train` or `starglow.import_k24`.
    """

    __slots__ = ("__weakref__", "_core")

    def __init__(self, core: _core.Model) -> None:
        if not isinstance(core, _core.Model):
            raise TypeError("Model.shipped() and Model.load(path) make models")
        self._core = core

    @staticmethod
    def shipped(version: str = "") -> Model:
        """The model inside the package (models/starglow.md is its card), or that of an earlier version of starglow.

        Parameters
        ----------
        version : str
            "0.1": the model of version 0.1, as ``--model joint-0.1`` of the command line.

        Raises
        ------
        InputError
            No model of that version is kept.

        >>> import starglow as sg
        >>> sg.Model.shipped("0.1").hash == sg.Model.shipped().hash
        False
        """
        return Model(_core.Model.shipped(version))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Model:
        """A model of a safetensors file (docs/model-format.md).

        Raises
        ------
        FileError
            No such file, or it cannot be read.
        InputError
            The file is broken or holds something else than a model.
        """
        with reading(path):
            return Model(_core.Model.load(os.fspath(path)))

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Writes a safetensors file, whole or not at all; equal models give equal bytes.

        Raises
        ------
        InputError
            The file exists and `overwrite` is False.
        FileError
            It cannot be written; an old file is intact.
        """
        self._core.save(os.fspath(path), overwrite)

    @property
    def hash(self) -> str:
        """SHA-256 of networks, scalers and metadata, the model's name in every provenance."""
        return self._core.hash

    @property
    def kind(self) -> str:
        """ "joint", "mlp", "k24", "knn" or "llr"."""
        return self._core.kind

    @property
    def n_params(self) -> int:
        """Numbers that the model holds."""
        return self._core.n_params

    @property
    def has_distribution(self) -> bool:
        """Whether it gives quantiles and draws (kind "joint"), not points alone."""
        return self._core.has_distribution

    @property
    def metadata(self) -> dict[str, str]:
        """Everything else of the model file - conventions, training, learning curve."""
        return self._core.metadata

    def __repr__(self) -> str:
        return f"<starglow.Model {self.kind}, {self.n_params} parameters, {self.hash[:12]}>"

    def __reduce__(self) -> Any:
        return _unpickle, (_packed(self), self.hash)

    def notes(self, galaxies: Galaxies) -> list[str]:
        """What the conventions of a table mean for this model, in words.

        Raises
        ------
        InputError
            They clash in a way that cannot be repaired.
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
        ebv: Any = None,
        given: Any = None,
        selected: str | None = None,
        conventions: dict[str, str] | None = None,
        draws: int = 0,
        noise: bool = False,
        seed: int = 1,
        out_of_domain: str = "warn",
        float64: bool = False,
        first_row: int = 0,
        threads: int = 0,
        names: Mapping[str, str] | None = None,
    ) -> Prediction:
        """Lines of galaxies; bit-equal to `starglow predict`, for any number of threads.

        The arrays are read where they lie (float32 or float64, any strides) and the GIL is released.

        Parameters
        ----------
        band_flux : (n, 12) array, or a table: Galaxies, or what `starglow.galaxies` takes
            Mean F_lambda in 1e-17 erg s^-1 cm^-2 A^-1 as observed, in the twelve rest-frame bands; NaN = missing.
            A table (astropy, pandas, polars, pyarrow, dictionary, path) holds the other columns too.
        z : (n,) array or number
            Redshift; absent or NaN: the networks without luminosity answer, flag NO_LUMINOSITY.
        band_flux_ivar : (n, 12) array
            0 = band missing.
        targetid, survey, program
            Key the random numbers of `draws` and `noise`.
        ew_ivar : (n, 10) array
            Measurement errors that `noise` uses; without them the model's noise law.
        ebv : (n,) array
            E(B-V) of the Milky Way, mag: converts bands whose MWCORR is not the model's.
        given : dict, or names
            Lines that are known: ``{"HALPHA": (ew, ivar)}``, arrays (n,) or numbers, A and A^-2; the others, and these,
            are answered given them, flag CONDITIONED. ivar 0 or not finite: the line says nothing for that galaxy. A
            weak member of a doublet (OIII_4959, NII_6548) counts through its strong partner, and not at all where that
            is given too. Names (``["HALPHA"]``) take the columns `ew` and `ew_ivar` of a table.
        selected : str
            Answers for galaxies whose measured lines pass a cut, ``"HBETA,OIII_5007,HALPHA,NII_6584 > 0"`` or
            ``"SNR(HALPHA) > 3"``; errors of measurement from `ew_ivar`, else from the model's noise law.
        conventions : dict
            What the numbers mean, e.g. {"APERTURE": "total"}.
        draws : int
            Joint draws a galaxy (kind "joint").
        noise : bool
            Also one realisation with measurement noise.
        seed : int
            Of draws and noise.
        out_of_domain : {"warn", "nan", "clip", "prior"}
            Answer for galaxies unlike those of the training.
        float64 : bool
            Run the networks in double precision, half as fast.
        first_row : int
            Number of the first row in its table: the id of rows without TARGETID.
        threads : int
            0: all processors of this process.
        names : dict
            Of a table whose columns have other names: {"Z": "redshift"}.

        Returns
        -------
        Prediction

        Raises
        ------
        InputError
            Wrong shapes, types or units; conventions that clash; draws of a point model. Missing or wrong values are
            no error: NaN out, and a flag.

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
            ebv=ebv,
            conventions=conventions,
        )
        g = _galaxies(band_flux, z, more, names)
        out = self._core.predict(
            g._columns(),
            whole("draws", draws, MOST_DRAWS),
            bool(noise),
            whole("seed", seed),
            out_of_domain,
            bool(float64),
            whole("first_row", first_row),
            whole("threads", threads, MOST_THREADS),
            _given(given, g),
            selected,
        )
        return Prediction(
            out["ew"],
            out.get("p16"),
            out.get("p84"),
            out["flags"],
            out.get("draws"),
            out.get("noisy"),
            index=g.index,
            p_lineless=out.get("p_lineless"),
            domain=out.get("domain"),
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
        ebv: Any = None,
        conventions: dict[str, str] | None = None,
        first_row: int = 0,
        threads: int = 0,
        names: Mapping[str, str] | None = None,
    ) -> np.ndarray:
        """Joint draws of the intrinsic EWs, A: (n, 10, draws) float32. Arguments and errors as in `predict`.

        A draw depends on (seed, TARGETID, draw) alone: equal for any order, chunk, thread or machine.
        """
        more = dict(
            band_flux_ivar=band_flux_ivar,
            targetid=targetid,
            survey=survey,
            program=program,
            ebv=ebv,
            conventions=conventions,
        )
        return self._core.sample(
            _galaxies(band_flux, z, more, names)._columns(),
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
    ) -> np.ndarray:
        """dEW/dF at fixed z: (n, 10, 12) float64, A per 1e-17 erg s^-1 cm^-2 A^-1, by the kernel's reverse pass in
        double precision. For kind "joint": of the median. NaN where there is no answer, 0 for a missing band.

        Raises
        ------
        InputError
            As `predict`; kinds "knn" and "llr", whose answers jump.
        """
        return self._core.jacobian(
            _galaxies(band_flux, z, dict(band_flux_ivar=band_flux_ivar, ebv=ebv, conventions=conventions))._columns(),
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
    ) -> np.ndarray:
        """Change of the ten EWs (n, 10) along a change `d_flux` (n, 12) of the band fluxes; as `jacobian`."""
        return self._along(band_flux, z, "d_flux", d_flux, True, band_flux_ivar, ebv, conventions, threads)

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
    ) -> np.ndarray:
        """Gradient (n, 12) of sum(d_ew * ew), `d_ew` (n, 10), with respect to the band fluxes; as `jacobian`."""
        return self._along(band_flux, z, "d_ew", d_ew, False, band_flux_ivar, ebv, conventions, threads)

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
    ) -> np.ndarray:
        g = _galaxies(band_flux, z, dict(band_flux_ivar=ivar, ebv=ebv, conventions=conventions))
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
    """Workers that are sent a model often make it once."""
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
    """The published weights of Khederlarian et al. 2024 as a model of kind "k24"; nothing in the pickles is executed.

    Raises
    ------
    InputError
        Broken or foreign content, or the two files exchanged.
    FileError
        A file cannot be read.
    """
    paths = (with_luminosity, without_luminosity)
    with reading(*paths):
        return Model(_core.import_k24(*(None if p is None else os.fspath(p) for p in paths)))
