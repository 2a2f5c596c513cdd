"""Measure every cell of one block."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.measure import MeasureConfig
from platewise.device import gpu_allotted
from platewise.jobs import log_to
from platewise.measure.task import measure_block
from platewise.scratch import job_scratch
from platewise.store.block import BlockFiles

log_to(snakemake.log[0])
with job_scratch(snakemake.resources.get("scratch")) as scratch:
    measure_block(
        BlockFiles(
            manifest=Path(snakemake.input.manifest),
            inventory=Path(snakemake.input.inventory),
            illumination=Path(snakemake.input.illumination),
            store=Path(snakemake.params.plate_store),
        ),
        out=Path(snakemake.output[0]),
        plate=snakemake.wildcards.plate,
        channels=list(snakemake.params.channels),
        config=parse_section(MeasureConfig, snakemake.config["measure"]),
        scratch=scratch,
        device=snakemake.config["device"],
        allotted=gpu_allotted(snakemake.resources.get("gpu", 0)),
        threads=snakemake.threads,
    )
