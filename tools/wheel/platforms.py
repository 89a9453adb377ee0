"""The platforms of the wheels: how the cross compiler (the package ziglang) is called for each, what HDF5 must know.

HDF5's own configuration runs programs on the platform that it is for. Here it is written from what is the same on all
of these platforms (64-bit, little-endian, POSIX) and the few things that are not; its table of number types is made by
its own program H5detect, run here with the `long double` of the platform.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Platform:
    name: str
    zig: str  # -target
    system: str  # CMake's names
    processor: str
    tag: str  # of the wheel
    soabi: str  # in the name of an extension module of CPython 3.11
    long_double: int  # bits of its format: 64, 80 or 128

    @property
    def mac(self):
        return self.system == "Darwin"


PLATFORMS = {
    p.name: p
    for p in (
        Platform(
            *("linux-x86_64", "x86_64-linux-gnu.2.28", "Linux", "x86_64", "manylinux_2_28_x86_64"),
            *("cpython-311-x86_64-linux-gnu", 80),
        ),
        Platform(
            *("linux-aarch64", "aarch64-linux-gnu.2.28", "Linux", "aarch64", "manylinux_2_28_aarch64"),
            *("cpython-311-aarch64-linux-gnu", 128),
        ),
        Platform(
            *("macos-arm64", "aarch64-macos.12.0", "Darwin", "arm64", "macosx_12_0_arm64"),
            *("cpython-311-darwin", 64),
        ),
        Platform(
            *("macos-x86_64", "x86_64-macos.12.0", "Darwin", "x86_64", "macosx_12_0_x86_64"),
            *("cpython-311-darwin", 80),
        ),
    )
}

# What HDF5's configuration says on each of them (names of H5config.h.in).
HEADERS = "ARPA_INET DIRENT DLFCN INTTYPES NETDB NETINET_IN PTHREAD PWD SETJMP STDBOOL STDDEF STDINT STDLIB STRINGS"
HEADERS += " STRING SYS_FILE SYS_IOCTL SYS_RESOURCE SYS_SOCKET SYS_STAT SYS_TIME SYS_TYPES UNISTD ZLIB"
FUNCTIONS = (
    "ALARM ASPRINTF ATTRIBUTE C99_DESIGNATED_INITIALIZER C99_FUNC CLOCK_GETTIME DIFFTIME FCNTL FLOCK FORK FREXPF"
)
FUNCTIONS += " FREXPL FUNCTION GETHOSTNAME GETPWUID GETRUSAGE GETTIMEOFDAY INLINE IOCTL LIBM LIBPTHREAD LIBZ LLROUND"
FUNCTIONS += (
    " LLROUNDF LONGJMP LROUND LROUNDF LSTAT PREADWRITE RANDOM RAND_R ROUND ROUNDF SETJMP SIGLONGJMP SIGNAL SIGPROCMASK"
)
FUNCTIONS += (
    " SNPRINTF SRANDOM STAT_ST_BLOCKS STRDUP STRTOLL STRTOULL SYMLINK SYSTEM THREADSAFE TIMEZONE TMPFILE TM_GMTOFF"
)
FUNCTIONS += " VASPRINTF VSNPRINTF WAITPID FILTER_DEFLATE"
FACTS = "DEV_T_IS_SCALAR STDC_HEADERS SYSTEM_SCOPE_THREADS TIME_WITH_SYS_TIME WANT_DATA_ACCURACY WANT_DCONV_EXCEPTION"
FACTS += (
    " LDOUBLE_TO_LLONG_ACCURATE LLONG_TO_LDOUBLE_CORRECT USE_FILE_LOCKING IGNORE_DISABLED_FILE_LOCKS USE_18_API_DEFAULT"
)
SIZES = {"BOOL": 1, "CHAR": 1, "SHORT": 2, "INT": 4, "UNSIGNED": 4, "LONG": 8, "LONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8}
SIZES |= dict.fromkeys(("OFF_T", "PTRDIFF_T", "SIZE_T", "SSIZE_T", "TIME_T"), 8)
SIZES |= {"_QUAD": 0, "__INT64": 0, "__FLOAT128": 0}
SIZES |= {f"{u}INT{n}_T": n // 8 for u in ("", "U") for n in (8, 16, 32, 64)}
SIZES |= {f"{u}INT_LEAST{n}_T": n // 8 for u in ("", "U") for n in (8, 16, 32, 64)}


def hdf5_configuration(platform):
    fast = 4 if platform.mac else 8  # int_fast16_t and int_fast32_t of glibc are long
    fast16 = 2 if platform.mac else 8
    sizes = SIZES | {f"{u}INT_FAST{n}_T": s for u in ("", "U") for n, s in ((8, 1), (16, fast16), (32, fast), (64, 8))}
    sizes["LONG_DOUBLE"] = 8 if platform.long_double == 64 else 16
    values = {f"HAVE_{name}_H": 1 for name in HEADERS.split()} | {f"HAVE_{name}": 1 for name in FUNCTIONS.split()}
    values |= {f"SIZEOF_{name}": size for name, size in sizes.items()}
    values |= dict.fromkeys(FACTS.split(), 1)
    values |= {
        "PRINTF_LL_WIDTH": '"ll"',
        "DEFAULT_PLUGINDIR": '""',
        "VERSION": '"1.10.8"',
        "PACKAGE_VERSION": '"1.10.8"',
    }
    values |= {"PACKAGE": '"hdf5"', "PACKAGE_NAME": '"HDF5"', "PACKAGE_STRING": '"HDF5 1.10.8"'}
    lines = [f"#define H5_{name} {value}" for name, value in sorted(values.items())]
    return "\n".join(["#ifndef H5_CONFIG_H_", "#define H5_CONFIG_H_", *lines, "#endif", ""])


def hdf5_known_names(sources):
    """The names that H5config.h.in knows: a misspelt one above is found out."""
    return set(re.findall(r"^#undef (\w+)", (sources / "hdf5/src/H5config.h.in").read_text(), re.M))


def write(path, text):
    """Only what changed, so that nothing is compiled again without a reason."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def hdf5_files(platform, sources, zig, folder, run):
    """H5pubconf.h, H5Tinit.c and H5lib_settings.c for the platform in folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = hdf5_configuration(platform)
    strange = set(re.findall(r"#define H5_(\w+) ", text)) - hdf5_known_names(sources)
    if strange:
        raise SystemExit(f"wheels: HDF5 knows no {', '.join(sorted(strange))}")
    write(folder / "H5pubconf.h", text)
    program, here = folder / "H5detect", folder / "here"  # the program itself runs on this machine
    here.mkdir(exist_ok=True)
    wide = 8 if platform.long_double == 64 else 16
    text = hdf5_configuration(PLATFORMS["linux-x86_64"])
    write(here / "H5pubconf.h", text.replace("LONG_DOUBLE 16", f"LONG_DOUBLE {wide}"))
    run(
        [
            *(zig, "cc", "-target", "x86_64-linux-gnu.2.28", f"-mlong-double-{platform.long_double}", "-w", "-O1"),
            *("-fno-sanitize=all", "-D_GNU_SOURCE", "-I", here, "-I", sources / "hdf5/src"),
            *(sources / "hdf5/src/H5detect.c", "-o", program, "-lm"),
        ]
    )
    made = run([program])
    # Its comment names the day, the user and the machine.
    write(folder / "H5Tinit.c", made[made.index("\n#") :])
    # What h5dump and the like print of their library.
    write(folder / "H5lib_settings.c", 'char H5libhdf5_settings[] = "HDF5 1.10.8, static, for one program\\n";\n')
