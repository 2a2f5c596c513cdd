"""Make the table of rates that `platewise preflight` forecasts from, out of the results of finished campaigns.

    make demo jump bbbc021
    python benchmarks/measure_rates.py results/demo results/jump results/bbbc021

Campaigns of different sizes tell what a job costs from what its work costs: best is one with blocks of many fields
beside one with few. `--busy FOLDER` adds one that ran while the machine had other work: its jobs count with their
seconds on the processor, which Snakemake knows well of jobs of less than 15 seconds. `--slurm-start` is the time,
measured on a SLURM, from the start of a job there to that of its work.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "lib"))

from platewise.preflight.measured import measure_rates  # noqa: E402
from platewise.preflight.rates import JOB_START, SHIPPED, Rate, read_rates, write_rates  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="results of finished campaigns")
    parser.add_argument("--busy", action="append", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("--slurm-start", type=float, metavar="SECONDS", help="left as it is by default")
    parser.add_argument("--output", type=Path, default=SHIPPED)
    options = parser.parse_args()
    rates = measure_rates(options.folders, busy=options.busy)
    start = options.slurm_start
    if start is None:
        start = read_rates()[JOB_START, "seconds"].per_job
    rates[JOB_START, "seconds"] = Rate(JOB_START, "seconds", "job", start, 0.0, 1, 0.0)
    write_rates(rates.values(), options.output)
    print(f"rates {len(rates)} rows")


if __name__ == "__main__":
    main()
