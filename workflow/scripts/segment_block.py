"""Segment the fields of one block."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.segmentation import SegmentationConfig
from platewise.config.store import StoreConfig
from platewise.jobs import log_to
from platewise.scratch import job_scratch
from platewise.segmentation.task import SegmentSettings, segment_block

log_to(snakemake.log[0])
with job_scratch(snakemake.resources.get("scratch")) as scratch:
    segment_block(
        inventory=Path(snakemake.input.inventory),
        illumination=Path(snakemake.input.illumination),
        store=Path(snakemake.params.plate_store),
        manifest=Path(snakemake.output.manifest),
        plate=snakemake.wildcards.plate,
        settings=SegmentSettings(
            channels=list(snakemake.params.channels),
            pixel_size=snakemake.params.pixel_size,
            segmentation=parse_section(SegmentationConfig, snakemake.params.segmentation),
            store=parse_section(StoreConfig, snakemake.params.store),
            saturation_level=snakemake.params.saturation_level,
        ),
        scratch=scratch,
    )
