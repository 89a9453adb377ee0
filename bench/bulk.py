"""Memory and rate of predict and mock against the number of rows.

    python bench/bulk.py build/release/starglow [--rows 100000,1000000,10000000] [--json FILE]

For each number of rows (the last one: the galaxies of `starglow mock --population bands`): CPU microseconds a row, rows
a second of wall time, peak resident memory. Then the lines of the smallest table again with 1, 2, 7 threads and chunks
of 1, 7, 4096 rows: the bytes of all columns must agree. Needs about 700 bytes of disk a row of the largest table; numpy
and astropy."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from astropy.io import fits

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("program")
parser.add_argument("--rows", default="100000,1000000,10000000")
parser.add_argument("--folder", help="where the tables go; without it, the system's folder of temporary files")
parser.add_argument("--json", help="also write the numbers here")
given = parser.parse_args()
sizes = sorted(int(n) for n in given.rows.split(","))


def measured(*arguments):
    """{cpu, wall: seconds; memory: MB} of one call."""
    start = time.perf_counter()
    child = subprocess.Popen([given.program, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(message.decode())
    return {"cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter() - start, "memory": used.ru_maxrss / 1024}


def columns(file):
    with fits.open(file) as hdus:
        return hdus[1].data.tobytes()


result = {"threads": len(os.sched_getaffinity(0)), "runs": []}
with tempfile.TemporaryDirectory(dir=given.folder) as folder:
    table, lines = Path(folder) / "mock.fits", Path(folder) / "lines.fits"
    print(
        f"{result['threads']} threads\n{'verb':30s} {'rows':>10s} {'CPU us/row':>11s} {'rows/s':>9s} {'memory MB':>10s}"
    )

    def report(verb, n, *arguments):
        run = measured(*arguments, "--overwrite")
        result["runs"].append(
            {
                "verb": verb,
                "rows": n,
                "cpu_us": 1e6 * run["cpu"] / n,
                "rows_per_s": n / run["wall"],
                "memory_mb": run["memory"],
            }
        )
        print(
            f"{verb:30s} {n:10d} {1e6 * run['cpu'] / n:11.2f} {n / run['wall']:9.0f} {run['memory']:10.0f}", flush=True
        )

    for n in sizes:
        report("mock, bands", n, "mock", "-n", n, "-o", table)
        report("predict", n, "predict", table, "-o", lines)
        if n == sizes[0]:
            expected = columns(lines)
            small = Path(folder) / "small.fits"
            table.rename(small)
            for threads in (1, 2, 7):
                for chunk in (1, 7, 4096):
                    measured("predict", small, "-o", lines, "--overwrite", "--threads", threads, "--chunk", chunk)
                    if columns(lines) != expected:
                        sys.exit(f"{threads} threads and chunks of {chunk} rows give other bytes")
            small.unlink()
            print(f"the same bytes for 1, 2, 7 threads and chunks of 1, 7, 4096 rows ({n} rows)")
    for n in sizes:
        report("mock, stars", n, "mock", "--population", "stars", "-n", n, "-o", table)
rates = {r["rows"]: r["cpu_us"] for r in result["runs"] if r["verb"] == "predict"}
print(f"predict: CPU time a row at {sizes[-1]} rows over that at {sizes[0]}: {rates[sizes[-1]] / rates[sizes[0]]:.3f}")
if given.json:
    Path(given.json).write_text(json.dumps(result, indent=1) + "\n")
