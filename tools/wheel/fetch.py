"""What a wheel is built from: Debian's sources of the libraries that go into it, and headers.

All come through apt, from the mirror of this machine, by the names and SHA-256 of sources.json. Headers of Python are
taken from Debian too (those of 3.13 for the stable ABI), as their update releases come: they only declare.
"""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

SOURCES = json.loads((Path(__file__).parent / "sources.json").read_text())


def mirror():
    """The Debian mirror that apt is set to; apt's own where this machine is no Debian."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    sites = [s for s in subprocess.run(command, capture_output=True, text=True).stdout.split() if "security" not in s]
    distribution = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())["ID"]
    if distribution == "debian" and sites:
        return max(sites, key=sites.count)
    defaults = Path("/usr/sbin/debootstrap")
    lines = defaults.read_text().splitlines() if defaults.exists() else []
    found = [line for line in lines if line.startswith("DEF_MIRROR=")]
    if not found:
        raise SystemExit("wheels: no mirror of Debian is known here: run this on Debian, or install debootstrap")
    return found[0].split('"')[1]


class Apt:
    """apt with lists of its own, for releases that need not be this machine's."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        site, keys = mirror(), "/usr/share/keyrings/debian-archive-keyring.gpg"
        signed = f"arch=amd64 signed-by={keys}" if Path(keys).exists() else "arch=amd64"
        lines = [f"deb [{signed}] {site} {release} main" for release in ("bookworm", "trixie")]
        lines.append(f"deb-src [{signed}] {site} bookworm main")
        (folder / "sources.list").write_text("\n".join(lines) + "\n")
        self.options = [
            *("-o", f"Dir::Etc::SourceList={folder / 'sources.list'}", "-o", "Dir::Etc::SourceParts=/dev/null"),
            *("-o", f"Dir::State::Lists={folder / 'lists'}", "-o", "Dir::State::status=/dev/null"),
            *("-o", f"Dir::Cache={folder}", "-o", "APT::Architecture=amd64", "-qq"),
        ]
        self.fresh = False

    def get(self, *arguments):
        if not self.fresh:
            subprocess.run(["apt-get", *self.options, "update"], check=True)
            self.fresh = True
        run = subprocess.run(["apt-get", *self.options, *arguments], capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(f"wheels: apt-get {' '.join(arguments)} failed: {run.stderr.strip()}")
        return run.stdout

    def download(self, arguments, wanted, into, sha256=None):
        """One of the files that `arguments` name to apt-get: the one of which wanted(name) is true."""
        for line in self.get("--print-uris", *arguments).splitlines():
            uri, name, _, checksum = line.split()
            if not wanted(name):
                continue
            path = into / name.replace("%3a", "_")
            if not path.exists():
                # apt checks the sum that the release's signed list gives.
                helper = ["/usr/lib/apt/apt-helper", "-oAPT::Sandbox::User=root", "download-file"]
                command = [*helper, uri.strip("'"), f"{path}.part", checksum]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                Path(f"{path}.part").rename(path)
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if sha256 and found != sha256:
                raise SystemExit(
                    f"wheels: {path.name} has SHA-256 {found}; expected {sha256} (tools/wheel/sources.json)"
                )
            return path
        raise SystemExit(f"wheels: apt knows no {' '.join(arguments)}")


def fetch(folder):
    """In folder: sources/NAME, unpacked libraries; headers, those without code; python/VERSION, python-mac/VERSION."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp, ready = folder / "complete.json", json.dumps(SOURCES)
    if stamp.exists() and stamp.read_text() == ready:
        return
    apt, files = Apt(folder / "apt"), folder / "files"
    files.mkdir(exist_ok=True)
    for name, (file, sha256) in SOURCES["source packages"].items():
        archive = apt.download(["source", "--download-only", name], lambda n, f=file: n == f, files, sha256)
        place = folder / "sources" / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        subprocess.run(["tar", "-xf", archive, "-C", place, "--strip-components=1", "--no-same-owner"], check=True)
    for package, sha256 in SOURCES["packages of headers"].items():
        archive = apt.download(["download", f"{package}/bookworm"], lambda n: n.endswith(".deb"), files, sha256)
        unpack(archive, folder / "packages")
    for version, (release, package) in SOURCES["headers of Python"].items():
        archive = apt.download(["download", f"{package}/{release}"], lambda n: n.endswith(".deb"), files)
        unpack(archive, folder / "packages")
        merged = folder / "python" / version
        shutil.rmtree(merged, ignore_errors=True)
        shutil.copytree(folder / f"packages/usr/include/python{version}", merged)
        # pyconfig.h beside Python.h: x86-64 and aarch64 differ in nothing that an extension sees, and macOS only in
        # what would make its own headers withhold what POSIX does not know.
        text = (folder / f"packages/usr/include/x86_64-linux-gnu/python{version}/pyconfig.h").read_text()
        (merged / "pyconfig.h").write_text(text)
        mac = folder / "python-mac" / version
        shutil.rmtree(mac, ignore_errors=True)
        shutil.copytree(merged, mac)
        text = re.sub(r"^#define (_POSIX_C_SOURCE|_XOPEN_SOURCE|_XOPEN_SOURCE_EXTENDED) .*$", "", text, flags=re.M)
        (mac / "pyconfig.h").write_text(text)
    headers, include = folder / "headers", folder / "packages/usr/include"
    shutil.rmtree(headers, ignore_errors=True)
    headers.mkdir()
    for part in ("fmt", "CLI", "toml++", "nlohmann"):
        shutil.copytree(include / part, headers / part)
    shutil.copytree(include / "eigen3/Eigen", headers / "Eigen")
    shutil.copy(include / "nanoflann.hpp", headers)
    stamp.write_text(ready)


def unpack(archive, into):
    into.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "-x", archive, into], check=True)
