"""A list of what starglow is built from, as SPDX 2.3 JSON on standard output: sbom.py.

Libraries of THIRD_PARTY.md with the versions that are installed here, JavaScript packages of web/package-lock.json,
and the Python packages that the tests ask for."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARIES = (  # name, Debian's package, licence
    ("cfitsio", "libcfitsio-dev", "ISC"),
    ("hdf5", "libhdf5-dev", "BSD-3-Clause"),
    ("zlib", "zlib1g-dev", "Zlib"),
    ("eigen", "libeigen3-dev", "MPL-2.0"),
    ("fmt", "libfmt-dev", "MIT"),
    ("nlohmann-json", "nlohmann-json3-dev", "MIT"),
    ("cli11", "libcli11-dev", "BSD-3-Clause"),
    ("tomlplusplus", "libtomlplusplus-dev", "MIT"),
    ("nanoflann", "libnanoflann-dev", "BSD-2-Clause"),
)


def installed(package):
    """Version of a package of this system; NOASSERTION where it is not known."""
    try:
        query = ["dpkg-query", "-W", "-f=${Version}", package]
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout or "NOASSERTION"
    except (OSError, subprocess.CalledProcessError):
        return "NOASSERTION"


def entry(name, version, licence, locator=None, checksum=None):
    package = {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{name}-{version}"),
        "name": name,
        "versionInfo": version,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
    }
    if locator:
        package["externalRefs"] = [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}
        ]
    if checksum:
        package["checksums"] = [checksum]
    return package


def packages():
    version = re.search(r"project\(starglow VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    yield entry("starglow", version, "BSD-3-Clause")
    for name, package, licence in LIBRARIES:
        found = installed(package)
        yield entry(name, found, licence, f"pkg:deb/debian/{package}@{found}")
    lock = json.loads((ROOT / "web/package-lock.json").read_text())
    for path, item in sorted(lock["packages"].items()):
        if not path or item.get("optional"):
            continue
        name = path.removeprefix("node_modules/")
        yield entry(name, item["version"], item.get("license", "NOASSERTION"), f"pkg:npm/{name}@{item['version']}")
    for line in sorted((ROOT / "tests/requirements.lock").read_text().splitlines()):
        if wanted := re.match(r"([A-Za-z0-9._-]+)==(\S+)", line):
            yield entry(wanted[1], wanted[2], "NOASSERTION", f"pkg:pypi/{wanted[1].lower()}@{wanted[2]}")


def main():
    every = list(packages())
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"starglow-{every[0]['versionInfo']}",
        "documentNamespace": f"urn:starglow:sbom:{every[0]['versionInfo']}",
        "creationInfo": {"created": "1970-01-01T00:00:00Z", "creators": ["Tool: tools/sbom.py"]},
        "packages": every,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": every[0]["SPDXID"],
            },
            *(
                {
                    "spdxElementId": every[0]["SPDXID"],
                    "relationshipType": "DEPENDS_ON",
                    "relatedSpdxElement": p["SPDXID"],
                }
                for p in every[1:]
            ),
        ],
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
