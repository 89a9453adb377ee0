"""Time against rows of a Parquet catalogue: starglow.parquet on mock galaxies, with the linear fit.

    python examples/catalogue_scale.py                 # up to 10^7 rows
    python examples/catalogue_scale.py --rows 20000 40000 --folder /tmp/small

Each size is written once as a catalogue, predicted in a process of its own (times and peak memory are that process's),
and read back in part to be compared with the NumPy call. Processor time is given beside time: it does not mind other
work on the machine. The extrapolation to 10^10 rows is just that."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import starglow as sg
from starglow import parquet

CHUNK = 100_000


def write_catalogue(path, rows, seed=1):
    """`rows` mock galaxies, drawn and written CHUNK at a time."""
    writer = None
    for first in range(0, rows, CHUNK):
        g = sg.mock(min(CHUNK, rows - first), seed=seed, first_id=first + 1)
        table = pa.table(
            {
                "TARGETID": g.targetid,
                "Z": g.z,
                "BAND_FLUX": pa.FixedSizeListArray.from_arrays(pa.array(g.band_flux.ravel()), 12),
            }
        )
        table = table.replace_schema_metadata(g.conventions)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="none")
        writer.write_table(table)
    writer.close()


def measured(source, output, threads):
    """Seconds, processor seconds and peak memory (MB) of one prediction, alone in its process."""
    start, started = time.perf_counter(), time.process_time()
    parquet.predict_file(source, output, threads=threads, overwrite=True)
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": time.process_time() - started,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def line_through(rows, seconds):
    """The straight line through times of least relative residuals: microseconds a row, start, largest relative
    residual."""
    x, y = np.array(rows, float), np.array(seconds)
    slope, start = np.polyfit(x, y, 1, w=1 / y)
    return {
        "us_per_row": 1e6 * slope,
        "start_s": start,
        "largest_relative_residual": float(np.max(np.abs(slope * x + start - y) / y)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000, 1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument(
        "--folder", help="where the catalogues are written (default: a temporary folder; 115 bytes a row in, 135 out)"
    )
    parser.add_argument("--json", help="write the numbers here")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.measure:
        print(json.dumps(measured(*a.measure, a.threads)))
        return
    with tempfile.TemporaryDirectory(dir=a.folder) as folder:
        results = []
        for rows in a.rows:
            source, output = Path(folder) / "galaxies.parquet", Path(folder) / "lines.parquet"
            write_catalogue(source, rows)
            run = subprocess.run(
                [sys.executable, __file__, "--measure", source, output, "--threads", str(a.threads)],
                capture_output=True,
                text=True,
                check=True,
            )
            one = {"rows": rows} | json.loads(run.stdout)
            results.append(one)
            first = next(
                pq.ParquetFile(output).iter_batches(batch_size=1000, columns=["TARGETID", "HALPHA_EW"])
            ).to_pydict()
            g = sg.mock(len(first["TARGETID"]), seed=1)
            assert first["TARGETID"] == g.targetid.tolist()
            assert np.array_equal(np.float32(first["HALPHA_EW"]), sg.Model.shipped().predict(g).ew[:, 6].astype("f4"))
            print(
                f"{rows:>12,} rows  {one['seconds']:7.2f} s  {1e6 * one['seconds'] / rows:6.3f} us a row  "
                f"{one['processor_seconds']:7.2f} s of processors  "
                f"{1e6 * one['processor_seconds'] / rows:6.3f} us a row  {one['megabytes']:5.0f} MB",
                flush=True,
            )
    fits = {}
    if len(results) > 1:
        for name, what in (("seconds", "time"), ("processor_seconds", "processor time")):
            fits[name] = fit = line_through([r["rows"] for r in results], [r[name] for r in results])
            print(
                f"linear fit of {what}: {fit['us_per_row']:.3f} us a row + {fit['start_s']:.2f} s; largest residual "
                f"{100 * fit['largest_relative_residual']:.1f} %"
            )
        processors = a.threads or len(os.sched_getaffinity(0))
        print(
            f"extrapolated, not measured: 10^10 rows in {1e4 * fits['seconds']['us_per_row'] / 3600:.1f} hours on "
            f"these {processors} processors, "
            f"{1e4 * fits['processor_seconds']['us_per_row'] / 3600:.1f} processor hours"
        )
    if a.json:
        Path(a.json).write_text(json.dumps({"runs": results, "fit": fits}, indent=1))


if __name__ == "__main__":
    main()
