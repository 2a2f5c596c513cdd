"""Search the parameters of the classical engine on a few annotated images of each class."""

from platewise.config.base import parse_section
from platewise.config.segmenters import SegmenterConfig
from platewise.jobs import log_to
from platewise.segmentation.segmenter_task import tune_classical

log_to(snakemake.log[0])
tune_classical(
    folds=snakemake.input[0],
    fold=snakemake.wildcards.fold,
    config=parse_section(SegmenterConfig, snakemake.config["segmenters"][snakemake.wildcards.segmenter]),
    target=snakemake.output[0],
    seed=snakemake.params.seed,
)
