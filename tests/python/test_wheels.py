"""Wheels: reproducible archives; and (long) one of linux-x86_64: built, read, used without compiler and libraries."""

import base64
import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools/wheel"))
from pack import pack_wheel
from platforms import PLATFORMS, hdf5_configuration

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no git checkout here: a wheel is made of one")
SYSTEM_LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"}


def stand_in(folder):
    """A builder whose program and module are a few bytes."""
    (folder / "starglow/models").mkdir(parents=True)
    (folder / "scripts").mkdir()
    (folder / "starglow/_core.abi3.so").write_bytes(b"module")
    (folder / "starglow/_core.pyi").write_text("x: int\n")
    (folder / "starglow/models/starglow.safetensors").write_bytes(b"weights")
    (folder / "scripts/starglow").write_bytes(b"program")
    licences = lambda: iter([("LICENSE", b"of starglow"), ("HDF5.txt", b"of HDF5")])
    return SimpleNamespace(root=ROOT, stage=lambda platform, version, stub: folder, licences=licences)


@pytest.mark.parametrize(
    "platform, version, tag",
    [
        ("linux-x86_64", "3.11", "cp311-cp311-manylinux_2_28_x86_64"),
        ("linux-aarch64", "3.12", "cp312-abi3-manylinux_2_28_aarch64"),
        ("macos-arm64", "3.12", "cp312-abi3-macosx_12_0_arm64"),
        ("macos-x86_64", "3.11", "cp311-cp311-macosx_12_0_x86_64"),
    ],
)
def test_an_archive_has_the_same_bytes_twice_and_lists_what_it_holds(tmp_path, platform, version, tag):
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        builder = stand_in(tmp_path / name / "stage")
        made.append(pack_wheel(builder, PLATFORMS[platform], version, None, tmp_path / name))
    assert made[0].read_bytes() == made[1].read_bytes()
    assert made[0].name.endswith(f"-{tag}.whl")
    with zipfile.ZipFile(made[0]) as wheel:
        names = set(wheel.namelist())
        (record,) = (n for n in names if n.endswith("/RECORD"))
        info = record.removesuffix("/RECORD")
        assert f"Tag: {tag}\n" in wheel.read(f"{info}/WHEEL").decode()
        assert "Name: starglow\n" in wheel.read(f"{info}/METADATA").decode()
        program = wheel.getinfo(info.replace(".dist-info", ".data") + "/scripts/starglow")
        assert program.external_attr >> 16 & 0o111 == 0o111
        listed = {row[0]: row[1:] for row in csv.reader(wheel.read(record).decode().splitlines())}
        assert set(listed) == names
        for name in names - {record}:
            digest = base64.urlsafe_b64encode(hashlib.sha256(wheel.read(name)).digest()).rstrip(b"=").decode()
            assert listed[name] == [f"sha256={digest}", str(wheel.getinfo(name).file_size)], name
        assert {f"{info}/licenses/LICENSE", f"{info}/licenses/HDF5.txt", "starglow/py.typed"} <= names


def test_another_time_is_another_archive(tmp_path, monkeypatch):
    builder = stand_in(tmp_path / "stage")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    file = pack_wheel(builder, PLATFORMS["linux-x86_64"], "3.12", None, tmp_path)
    assert {entry.date_time for entry in zipfile.ZipFile(file).infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_hdf5_is_told_the_sizes_of_each_platform():
    """Those of the 64-bit platforms' own documents: long double is double on macOS's arm64, of 16 bytes elsewhere."""
    said = {name: hdf5_configuration(platform) for name, platform in PLATFORMS.items()}
    for name, text in said.items():
        assert re.search(r"#define H5_SIZEOF_LONG 8\n", text), name
        wide = 8 if name == "macos-arm64" else 16
        assert re.search(rf"#define H5_SIZEOF_LONG_DOUBLE {wide}\n", text), name
        fast = 2 if name.startswith("macos") else 8
        assert re.search(rf"#define H5_SIZEOF_INT_FAST16_T {fast}\n", text), name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this platform for CPython 3.11 or the stable ABI, fetched and compiled in build/wheels."""
    if os.uname().machine != "x86_64" or shutil.which("apt-get") is None:
        pytest.skip("tools/wheels needs apt on x86-64")
    version = "3.11" if sys.version_info[:2] == (3, 11) else "3.12"
    into = tmp_path_factory.mktemp("wheel")
    command = [ROOT / "tools/wheels", "--only", "linux-x86_64", "--python", version, "-o", into]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    (made,) = into.glob("*.whl")
    return made


def binaries(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith((".so", "/scripts/starglow")):
                yield archive.extract(name, folder)


@pytest.mark.long
def test_it_asks_for_no_library_but_those_of_glibc_2_28(wheel, tmp_path):
    assert wheel.stat().st_size < 12e6
    for path in binaries(wheel, tmp_path):
        said = subprocess.run(["objdump", "-p", "-T", path], capture_output=True, text=True, check=True).stdout
        needed = set(re.findall(r"NEEDED\s+(\S+)", said))
        assert needed and needed <= SYSTEM_LIBRARIES, path
        versions = [tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_([0-9.]+)", said)]
        assert versions and max(versions) <= (2, 28), path
        assert not re.search(r"GLIBCXX|CXXABI|GCC_", said), path


@pytest.mark.long
def test_it_installs_and_works_where_there_is_no_compiler(wheel, tmp_path, starglow):
    numpy = [p for p in sys.path if p.endswith("site-packages")]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "there"], check=True)
    python = tmp_path / "there/bin/python"
    bare = {"PATH": str(tmp_path / "there/bin"), "HOME": str(tmp_path), "PYTHONNOUSERSITE": "1"}
    pip = [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--disable-pip-version-check", wheel]
    subprocess.run(pip, check=True, env=bare)
    # NumPy as it lies here, so that the test asks no package index
    (site,) = (tmp_path / "there/lib").glob("python3*/site-packages")
    (site / "numpy_of_here.pth").write_text("\n".join(numpy) + "\n")
    run = subprocess.run(
        [python, ROOT / "tools/wheel/try_wheel.py", "--keep", tmp_path], env=bare, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "the kernel inside JAX is there" in run.stdout
    # the same galaxies by the program of this checkout, of another compiler
    from astropy.table import Table

    done = starglow("predict", tmp_path / "mock.fits", "-o", tmp_path / "again.fits", "--overwrite")
    assert done.returncode == 0, done.stderr
    ours, its = (Table.read(tmp_path / name) for name in ("again.fits", "lines.fits"))
    for column in (c for c in ours.colnames if c.endswith("_EW")):
        spread = ours[column].std()
        assert abs(ours[column] - its[column]).max() <= 1e-5 * spread, column
