"""Segment the fields of one block."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.segmentation import SegmentationConfig
from platewise.config.store import StoreConfig
from platewise.device import gpu_allotted
from platewise.jobs import log_to
from platewise.plan.engines import segmenters_in_use, with_own_files
from platewise.scratch import job_scratch
from platewise.segmentation.task import SegmentSettings, segment_block

log_to(snakemake.log[0])
segmentation = parse_section(SegmentationConfig, snakemake.config["segmentation"])
files = dict(zip(segmenters_in_use(segmentation), snakemake.input.segmenters, strict=True))
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
            segmentation=with_own_files(segmentation, files),
            store=parse_section(StoreConfig, snakemake.params.store),
            saturation_level=snakemake.params.saturation_level,
        ),
        scratch=scratch,
        device=snakemake.config["device"],
        allotted=gpu_allotted(snakemake.resources.get("gpu", 0)),
        threads=snakemake.threads,
    )
