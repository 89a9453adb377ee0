import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE = next(filter(None, map(shutil.which, (ROOT / ".venv/bin/node", "node"))), None)  # the pinned one first


@pytest.fixture(scope="session")
def binary():
    path = Path(os.environ.get("STARGLOW_BINARY", ROOT / "build/release/starglow"))
    assert path.exists(), f"{path} is not built"
    return path


@pytest.fixture(scope="session")
def starglow(binary):
    """Runs the program; returns the finished process."""

    def run(*arguments, cwd=None, env=None, **options):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STARGLOW_")} | (env or {})
        return subprocess.run(
            [str(binary), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env=environment,
            timeout=300,
            **options,
        )

    return run


@pytest.fixture(scope="session")
def shared():
    path = Path(os.environ.get("STARGLOW_SHARED", ROOT / ".." / "shared")) / "data"
    if not path.exists():
        pytest.skip("no shared data here")
    return path.resolve()


def forget_checksum(table):
    """astropy carries the old cards along; after a change they are wrong."""
    for key in ("CHECKSUM", "DATASUM"):
        table.meta.pop(key, None)
    table.meta["EXTNAME"] = "GALAXIES"


@pytest.fixture(scope="session")
def mock(starglow, tmp_path_factory):
    """1000 mock galaxies with lines and their errors: a table that everything can be tried on."""
    import numpy as np
    from astropy.table import Table

    folder = tmp_path_factory.mktemp("mock")
    assert starglow("mock", "-n", 1000, "-o", folder / "m.fits").returncode == 0
    assert starglow("predict", folder / "m.fits", "--noise", "-o", folder / "l.fits").returncode == 0
    table, lines = Table.read(folder / "m.fits", hdu="GALAXIES"), Table.read(folder / "l.fits", hdu="GALAXIES")
    for name in list(lines.colnames):
        if name.endswith("_EW"):
            table[name] = np.abs(lines[name + "_NOISY"])
            table[name].unit = "Angstrom"
            table[name + "_IVAR"] = np.full(len(table), 1.0, "f4")
    forget_checksum(table)
    table.write(folder / "table.fits")
    return folder / "table.fits"
