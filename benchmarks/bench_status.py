"""CPU and memory of `platewise status` on a campaign that is half done: 25 plates x 384 wells x 9 fields.

    python benchmarks/bench_status.py                # half of the blocks segmented and measured, the rest begun
    python benchmarks/bench_status.py --plates 290   # a million fields

Makes the files that status looks at, without an image: inventories, manifests, logs, benchmarks, and a folder for every
committed field. Prints one figure a line: name, value, unit.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import pandas as pd
from campaigns import measure, write_campaign

from platewise.columns import SITE, WELL
from platewise.commands.arguments import read_campaign
from platewise.plan.jobs import list_jobs
from platewise.store.paths import field_path
from platewise.tables import write_table

START = 1_700_000_000
STAGES = ("inventory", "illumination", "store", "segment", "measure")


def make_half(config: Path, fields: int) -> None:
    """Make the outputs of the first stages: all of the inventories, and of every second block the next stages too.

    A third of the fields of the other blocks are committed. One field of each plate is bad, one job a plate failed.
    """
    campaign = read_campaign(config)
    jobs = [job for job in list_jobs(campaign) if job.stage in STAGES]
    for name, plate in campaign.plates.items():
        folder = campaign.folder / "plates" / name
        for number, (block, places) in enumerate(plate.blocks.items()):
            wells = [well for well, _ in places]
            rows = [(well, site) for well in wells for site in range(1, fields + 1)]
            table = pd.DataFrame(rows, columns=[WELL, SITE]).assign(Status="ok", Reason="")
            if number == 0:
                table.loc[0, ["Status", "Reason"]] = ["bad", "DNA: every pixel is 0"]
            write_table(pd.concat([table] * 5), folder / "inventory" / f"{block}.parquet")
            if number % 2 == 0:
                write_table(table, folder / "fields" / f"{block}.parquet")
            for well, site in rows:
                if number % 2 == 0 or site % 3 == 0:
                    field_path(folder / "plate.zarr", well, site).mkdir(parents=True)
    for job in jobs:
        done = not job.block or list(campaign.plates[job.plate].blocks).index(job.block) % 2 == 0
        failed = job.stage == "measure" and job.block == next(iter(campaign.plates[job.plate].blocks))
        log = Path(job.log)
        log.parent.mkdir(parents=True, exist_ok=True)
        if failed:
            log.write_text("2026-01-01 10:00:00,123 CRITICAL Traceback\nDataError: a label cannot be read\n")
        elif done:
            log.write_text("2026-01-01 10:00:00,123 INFO done\n" * 144)
            for path in map(Path, (*job.outputs, job.benchmark)):
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    path.write_text("s\th:m:s\n123.4\t0:02:03\n")
                # Each stage is younger than those before it, and all are younger than the images.
                age = START + STAGES.index(job.stage)
                os.utime(path, (age, age))
    os.utime(campaign.plates[jobs[0].plate].row.images, (START - 1, START - 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=int, default=25)
    parser.add_argument("--fields", type=int, default=9)
    parser.add_argument("--wells-per-block", type=int, default=16)
    parser.add_argument("--show", action="store_true", help="Print what status printed.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_campaign(folder, options.plates, options.fields, options.wells_per_block)
        make_half(config, options.fields)
        run = measure([sys.executable, "-m", "platewise.cli", "status", str(config)], folder, place=folder)
    if options.show:
        print(run.text)
    print(f"status_fields {options.plates * 384 * options.fields} fields")
    print(f"status_cpu {run.cpu:.1f} s")
    print(f"status_memory {run.memory:.0f} MB")


if __name__ == "__main__":
    main()
