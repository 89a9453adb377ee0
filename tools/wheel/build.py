"""Compiles the static libraries, the program and the module of Python for one platform."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from fetch import fetch
from platforms import PLATFORMS, hdf5_files

HERE = Path(__file__).resolve().parent
WRAPPER = """#!/bin/sh
# The cross compiler. It spells names of processors with underscores, and does not know some options of linkers. -O2
# where nothing else is said: it makes its own libraries for each kind of build, and one is enough.
n=$#
while [ "$n" -gt 0 ]; do
  argument=$1
  shift
  n=$((n - 1))
  case $argument in
    -march=x86-64*) argument=-march=x86_64$(printf %s "${{argument#-march=x86-64}}" | tr - _) ;;
    -Wl,--discard-all) continue ;;
    -Wl,@*darwin-ld-cpython.sym) argument=-Wl,-undefined,dynamic_lookup ;;
  esac
  set -- "$@" "$argument"
done
exec {zig} {tool} -target {target} -O2 -g0 -fno-sanitize=all "$@"
"""


LICENCES = {  # in the folder of what was fetched: whose code is inside a wheel
    "zlib": "sources/zlib/README",
    "bzip2": "sources/bzip2/LICENSE",
    "CFITSIO": "sources/cfitsio/License.txt",
    "HDF5": "sources/hdf5/COPYING",
    "fmt": "packages/usr/share/doc/libfmt-dev/copyright",
    "CLI11": "packages/usr/share/doc/libcli11-dev/copyright",
    "tomlplusplus": "packages/usr/share/doc/libtomlplusplus-dev/copyright",
    "nlohmann-json": "packages/usr/share/doc/nlohmann-json3-dev/copyright",
    "Eigen": "packages/usr/share/doc/libeigen3-dev/copyright",
    "nanoflann": "packages/usr/share/doc/libnanoflann-dev/copyright",
}


class Builder:
    def __init__(self, root, work):
        import ziglang

        self.root, self.work = root, work
        self.zig = Path(ziglang.__file__).parent / "zig"
        self.fetched = work / "fetched"
        fetch(self.fetched)

    def run(self, command, **options):
        """The words of the command only when it fails. The compiler's caches lie in the working folder."""
        cache = {"ZIG_GLOBAL_CACHE_DIR": str(self.work / "cache"), "ZIG_LOCAL_CACHE_DIR": str(self.work / "cache")}
        cache |= {"CCACHE_COMPILERTYPE": "clang", "CCACHE_COMPILERCHECK": "content"}  # where ccache is in use
        run = subprocess.run(
            [str(c) for c in command],
            env=os.environ | cache | options.pop("env", {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        if run.returncode:
            print(run.stdout[-6000:], file=sys.stderr)
            raise SystemExit(f"wheels: {' '.join(str(c) for c in command)[:200]} failed")
        return run.stdout

    def tools(self, platform):
        """cc, c++, ar and ranlib for the platform; also how CMake is told of them."""
        folder = self.work / platform.name / "tools"
        folder.mkdir(parents=True, exist_ok=True)
        texts = {n: WRAPPER.format(zig=self.zig, tool=n, target=platform.zig) for n in ("cc", "c++")}
        texts |= {n: f'#!/bin/sh\nexec {self.zig} {n} "$@"\n' for n in ("ar", "ranlib")}
        for name, text in texts.items():
            path = folder / name
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return [
            *("-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_TOOLCHAIN_FILE={HERE / 'cmake/toolchain.cmake'}"),
            *(f"-DWHEEL_TOOLS={folder}", f"-DWHEEL_SYSTEM={platform.system}"),
            *(f"-DWHEEL_PROCESSOR={platform.processor}", f"-DWHEEL_PREFIX={self.prefix(platform)}"),
        ]

    def prefix(self, platform):
        return self.work / platform.name / "prefix"

    def libraries(self, platform):
        """zlib, bzip2, CFITSIO and HDF5 in the platform's prefix, with the .pc files that CMakeLists.txt asks for."""
        prefix, folder = self.prefix(platform), self.work / platform.name
        if (prefix / "complete").exists():
            return
        options = self.tools(platform)
        hdf5_files(platform, self.fetched / "sources", self.zig, folder / "hdf5", self.run)
        self.run(
            [
                *("cmake", "-S", HERE / "libraries", "-B", folder / "libraries", *options),
                *(f"-DSOURCES={self.fetched / 'sources'}", f"-DGENERATED={folder / 'hdf5'}"),
                *(f"-DCMAKE_INSTALL_PREFIX={prefix}", f"-DCMAKE_C_FLAGS=-ffile-prefix-map={self.work}=."),
            ]
        )
        self.run(["cmake", "--build", folder / "libraries"])
        self.run(["cmake", "--install", folder / "libraries"])
        for name, libraries in (
            ("cfitsio", "-lcfitsio -lbz2 -lz"),
            ("hdf5", "-lhdf5 -lz" + ("" if platform.mac else " -ldl -lm")),
        ):
            pc = prefix / f"lib/pkgconfig/{name}.pc"
            pc.parent.mkdir(exist_ok=True)
            pc.write_text(
                f"Name: {name}\nDescription: {name}\nVersion: 1\nLibs: -L{prefix / 'lib'} {libraries}\n"
                f"Cflags: -I{prefix / 'include'}\n"
            )
        (prefix / "complete").write_text("")

    def compile(self, platform, version):
        """The build folder, with program and module for CPython 3.11 ("3.11") or the stable ABI ("3.12").

        Both are made in one folder: what does not know Python is compiled once.
        """
        self.libraries(platform)
        prefix, build = self.prefix(platform), self.work / platform.name / "starglow"
        headers = "3.11" if version == "3.11" else "3.13"  # those of 3.13 declare the stable ABI of 3.12 too
        strip = ["-Wl,-dead_strip", "-Wl,-x"] if platform.mac else ["-Wl,-s", "-Wl,--gc-sections"]
        includes = self.fetched / ("python-mac" if platform.mac else "python") / headers
        self.run(
            [
                *("cmake", "-S", self.root, "-B", build, *self.tools(platform)),
                *("-DSTARGLOW_BUILD_PYTHON=ON", "-DSTARGLOW_BUILD_CLI=ON", "-DSTARGLOW_BUILD_TESTS=OFF"),
                *("-DSTARGLOW_WERROR=OFF", "-DSTARGLOW_INSTALL=OFF", "-DSTARGLOW_PRECOMPILE=OFF"),
                *(f"-DCMAKE_MODULE_PATH={HERE / 'cmake'}", "-DSKBUILD_SCRIPTS_DIR=scripts", "-DNB_HAS_MTLS_GNU2=OFF"),
                *(f"-DWHEEL_HEADERS={self.fetched / 'headers'}", f"-DSTARGLOW_NANOFLANN={self.fetched / 'headers'}"),
                *(f"-DWHEEL_PYTHON={headers}", f"-DWHEEL_PYTHON_HEADERS={includes}"),
                *(f"-DWHEEL_SOABI={platform.soabi}", f"-DWHEEL_INTERPRETER={sys.executable}"),
                *(f"-DZLIB_LIBRARY={prefix / 'lib/libz.a'}", f"-DZLIB_INCLUDE_DIR={prefix / 'include'}"),
                f"-DCMAKE_CXX_FLAGS=-ffile-prefix-map={self.work}=. -fvisibility=hidden",
                *("-DCMAKE_POSITION_INDEPENDENT_CODE=ON", "-DCMAKE_SKIP_RPATH=ON"),  # of the program too
                f"-DCMAKE_EXE_LINKER_FLAGS={' '.join(strip + ([] if platform.mac else ['-pie']))}",
                f"-DCMAKE_MODULE_LINKER_FLAGS={' '.join(strip)}",
            ],
            env={"PKG_CONFIG_LIBDIR": str(prefix / "lib/pkgconfig"), "PKG_CONFIG_PATH": ""},
        )
        self.run(["cmake", "--build", build, "--target", "starglow_python", "starglow_cli"])
        return build

    def stage(self, platform, version, stub):
        """A folder with what CMakeLists.txt installs for the package: starglow/ and scripts/."""
        build, stage = self.compile(platform, version), self.work / platform.name / f"stage-{version}"
        shutil.copy(stub, build / "python/_core.pyi")
        shutil.rmtree(stage, ignore_errors=True)
        self.run(["cmake", "--install", build, "--component", "python", "--prefix", stage])
        self.holds_the_tree(stage / "scripts/starglow", ("models/*.safetensors", "web/dist/*"))
        (module,) = (stage / "starglow").glob("_core.*.so")
        self.holds_the_tree(module, ("models/*.safetensors",))
        return stage

    def holds_the_tree(self, binary, patterns):
        """The models and the page are inside, byte for byte."""
        content = binary.read_bytes()
        for part in (p for pattern in patterns for p in self.root.glob(pattern)):
            if part.read_bytes() not in content:
                raise SystemExit(f"wheels: {binary} does not hold {part.relative_to(self.root)}")

    def stub(self):
        """_core.pyi, the types of the module: from one that this interpreter can load."""
        version = "3.11" if sys.version_info[:2] == (3, 11) else "3.12"
        build, folder = self.compile(PLATFORMS["linux-x86_64"], version), self.work / "stub"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        end = f".{PLATFORMS['linux-x86_64'].soabi}.so" if version == "3.11" else ".abi3.so"
        shutil.copy(build / f"python/_core{end}", folder / "_core.so")
        self.run(
            [sys.executable, "-m", "nanobind.stubgen", "-m", "_core", "-i", folder, "-o", folder / "_core.pyi"],
            cwd=folder,
        )
        return folder / "_core.pyi"

    def licences(self):
        """(file name, text) of each licence of what is inside a wheel."""
        import ziglang

        packages = Path(ziglang.__file__).parents[1]
        for name in ("LICENSE", "THIRD_PARTY.md"):
            yield name, (self.root / name).read_bytes()
        for whose, path in LICENCES.items():
            yield f"{whose}.txt", (self.fetched / path).read_bytes()
        yield "libc++.txt", (packages / "ziglang/lib/libcxx/LICENSE.TXT").read_bytes()
        (nanobind,) = packages.glob("nanobind-*.dist-info/licenses/LICENSE")
        yield "nanobind.txt", nanobind.read_bytes()
