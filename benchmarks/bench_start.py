"""CPU that a job costs before its first image is read: the sheets of 25 plates, and a block without a readable image.

    python benchmarks/bench_start.py                  # a CPU job (segment_block) and a GPU job (embed_block)
    python benchmarks/bench_start.py --plates 290

The jobs are started as the SLURM executor starts them: Snakemake in the allocation, which runs Snakemake once more with
`srun`, which runs the rule's script. A script that steps in for `srun` does the same without a cluster.

Prints one figure a line: name, value, unit.
"""

import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from campaigns import ROOT, measure, read_campaign, write_campaign

from platewise.config.embedding import RandomEmbedding
from platewise.config.illumination import NoIllumination
from platewise.crops.store import write_crops
from platewise.embedding.reference import reference_plate
from platewise.embedding.train_task import train_embedding
from platewise.illumination import run_illumination
from platewise.inventory import INVENTORY_DTYPES
from platewise.plan.campaign import Campaign
from platewise.tables import write_table

PLATE = "P001"
# Options first, then the command: what `srun` is given by the executor's job step.
SRUN = """\
#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
exec "$@"
"""


def write_inputs(campaign: Campaign) -> str:
    """Write what the two jobs read, for a block whose images are all missing; return the block's name."""
    folder, channels = campaign.folder / "plates" / PLATE, list(campaign.config.images.channels)
    block, members = next(iter(campaign.plates[PLATE].blocks.items()))
    rows = [
        (PLATE, well, site, channel, "", 0, 0, "", 0, 0, "bad", "no image of this channel was found")
        for well, _ in members
        for site in range(1, campaign.plates[PLATE].row.fields_per_well + 1)
        for channel in channels
    ]
    inventory = folder / "inventory" / f"{block}.parquet"
    write_table(pd.DataFrame(rows, columns=list(INVENTORY_DTYPES)).astype(INVENTORY_DTYPES), inventory)
    flat = NoIllumination(method="none")
    run_illumination([inventory], folder / "illumination.zarr", channels=channels, config=flat)
    crops, size = folder / "crops" / f"{block}.zarr", campaign.config.crops.size
    write_crops(crops, np.zeros((1, len(channels), size, size), np.uint16), np.array([[0, 0, 1, 1]]), channels)
    reference_plate([crops], folder / "crops" / "reference.parquet")
    model = campaign.folder / "campaign" / "embedding" / "deep"
    train_embedding({PLATE: [crops]}, pd.DataFrame(), RandomEmbedding(kind="random"), model, seed=0)
    return block


def job_command(config: Path, rule: str, wildcards: str) -> list[str]:
    """Return the command that the SLURM executor wraps into its batch script."""
    command = f"{sys.executable} -m snakemake --snakefile {ROOT}/Snakefile --directory {config.parent} --target-jobs"
    command += f" '{rule}:{wildcards}' --allowed-rules {rule} --cores all --attempt 1 --force-use-threads --force"
    command += " --target-files-omit-workdir-adjustment --max-inventory-time 0 --retries 0 --nocolor --no-hooks"
    command += " --nolock --ignore-incomplete --rerun-triggers mtime params input software-env --latency-wait 30"
    command += f" --configfiles {config} --executor slurm-jobstep --jobs 1 --mode remote"
    return shlex.split(command)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        srun = folder / "bin" / "srun"
        srun.parent.mkdir()
        srun.write_text(SRUN)
        srun.chmod(0o755)
        os.environ["PATH"] = f"{srun.parent}:{os.environ['PATH']}"
        config = write_campaign(folder, options.plates)
        campaign = read_campaign(config)
        block = write_inputs(campaign)
        plate = f"plate={PLATE},block={block}"
        for rule, wildcards in (("segment_block", plate), ("embed_block", f"{plate},model=deep")):
            run = measure(job_command(config, rule, wildcards), folder)
            print(f"{rule}_start_cpu {run.cpu:.1f} s")
            print(f"{rule}_start_memory {run.memory:.0f} MB", flush=True)
        bad = pd.read_parquet(campaign.folder / "plates" / PLATE / "fields" / f"{block}.parquet")
        cells = pd.read_parquet(campaign.folder / "plates" / PLATE / "embeddings" / "deep" / f"{block}.parquet")
        if len(bad) != 144 or len(cells):
            sys.exit(f"the jobs found {len(bad)} fields and {len(cells)} cells instead of 144 bad fields and no cell")


if __name__ == "__main__":
    main()
