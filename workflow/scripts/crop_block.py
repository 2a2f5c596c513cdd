"""Cut the cells of one block."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.crops import CropsConfig
from platewise.crops.task import crop_block
from platewise.jobs import log_to
from platewise.scratch import job_scratch
from platewise.store.block import BlockFiles

log_to(snakemake.log[0])
with job_scratch(snakemake.resources.get("scratch")) as scratch:
    crop_block(
        BlockFiles(
            manifest=Path(snakemake.input.manifest),
            inventory=Path(snakemake.input.inventory),
            illumination=Path(snakemake.input.illumination),
            store=Path(snakemake.params.plate_store),
        ),
        out=Path(snakemake.output[0]),
        plate=snakemake.wildcards.plate,
        channels=list(snakemake.params.channels),
        config=parse_section(CropsConfig, snakemake.params.crops),
        seed=snakemake.params.seed,
        scratch=scratch,
    )
