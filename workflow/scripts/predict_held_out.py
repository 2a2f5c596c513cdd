"""Segment the images of one fold with one contender, and score each."""

from platewise.config.base import parse_section
from platewise.config.segmentation_evaluation import SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.jobs import log_to
from platewise.plan.engines import all_contenders, contender_name, engines_of, segmenters_in, with_files
from platewise.segmentation.evaluation_task import predict_held_out

log_to(snakemake.log[0])
name = contender_name(snakemake.wildcards.contender)
evaluation = parse_section(SegmentationEvaluationConfig, snakemake.config["segmentation_evaluation"])
segmenters = parse_section(dict[str, SegmenterConfig], snakemake.config["segmenters"])
contender = all_contenders(evaluation)[name]
files = dict(zip(segmenters_in(contender), snakemake.input.segmenters, strict=True))
predict_held_out(
    name=name,
    engines={kind: with_files(engine, files) for kind, engine in engines_of(contender, segmenters).items()},
    folds=snakemake.input.folds,
    fold=int(snakemake.wildcards.fold),
    scores=snakemake.output.scores,
    predictions=snakemake.output.predictions,
    threads=snakemake.threads,
)
