"""Whole processes as a user runs them: `--version`, and `predict` of 4000 galaxies, smallest wall time of ten.

    python bench/whole_process.py build/release/starglow [table.fits]

Without a table, 4000 galaxies of `starglow mock`. Bars of the design: 20 ms and 100 ms.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

program = sys.argv[1]
folder = Path(tempfile.mkdtemp())
table = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "mock.fits"
if len(sys.argv) < 3:
    subprocess.run([program, "mock", "-n", "4000", "-o", table], check=True, capture_output=True)


def fastest(*arguments):
    times = []
    for _ in range(10):
        start = time.perf_counter()
        subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


print(f"--version          {fastest('--version'):7.1f} ms")
print(f"predict {table.name}  {fastest('predict', table, '-o', folder / 'o.fits', '--overwrite'):7.1f} ms")
