"""A wheel with the same bytes from the same commit: order, times and permissions come from it alone."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path


def git(root, *arguments):
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def metadata(root):
    """METADATA as scikit-build-core writes it from pyproject.toml."""
    with tempfile.TemporaryDirectory() as folder:
        code = "import sys; from scikit_build_core.build import prepare_metadata_for_build_wheel as f; f(sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, folder], cwd=root, check=True, stdout=subprocess.DEVNULL)
        (made,) = Path(folder).glob("*.dist-info")
        return (made / "METADATA").read_bytes()


def pack_wheel(builder, platform, version, stub, into):
    root, stage = builder.root, builder.stage(platform, version, stub)
    number = re.search(r"project\(starglow VERSION ([0-9.]+)", (root / "CMakeLists.txt").read_text())[1]
    name = f"starglow-{number}"
    tag = f"{'cp311-cp311' if version == '3.11' else 'cp312-abi3'}-{platform.tag}"
    info, program = f"{name}.dist-info", f"{name}.data/scripts/starglow"
    tracked = git(root, "ls-files", "python/starglow").splitlines()
    content = {f.removeprefix("python/"): (root / f).read_bytes() for f in tracked}
    for path in (p for p in stage.rglob("*") if p.is_file()):
        inside = str(path.relative_to(stage))
        content[program if inside == "scripts/starglow" else inside] = path.read_bytes()
    content[f"{info}/METADATA"] = metadata(root)
    content[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tools/wheels of starglow\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    )
    content |= {f"{info}/licenses/{whose}": text for whose, text in builder.licences()}
    record = []
    for path in sorted(content):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content[path]).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(content[path])}")
    content[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    target = into / f"{name}-{tag}.whl"
    when = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or git(root, "log", "-1", "--format=%ct")))[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(content, key=lambda p: (p.startswith(info), p)):
            entry = zipfile.ZipInfo(path, when)
            entry.compress_type = zipfile.ZIP_DEFLATED
            executable = path == program or path.endswith(".so")
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            entry.create_system = 3
            archive.writestr(entry, content[path])
    return target
