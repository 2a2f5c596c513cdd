"""Train one segmenter, on all annotated images or without one fold of them."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.segmenters import SegmenterConfig
from platewise.device import gpu_allotted
from platewise.jobs import log_to
from platewise.segmentation.segmenter_task import train

log_to(snakemake.log[0])
sections, name = snakemake.config["segmenters"], snakemake.wildcards.segmenter
train(
    name=name,
    folds=snakemake.input.folds,
    fold=snakemake.wildcards.fold,
    config=parse_section(SegmenterConfig, sections[name]),
    target=Path(snakemake.output.weights).parent,
    seed=snakemake.params.seed,
    start=snakemake.input.start or None,
    source=snakemake.config["annotations"][sections[name]["annotations"]]["source"],
    device=snakemake.config["device"],
    allotted=gpu_allotted(snakemake.resources.get("gpu", 0)),
    threads=snakemake.threads,
)
