"""Hold the contenders of the segmentation against each other, as tables and as a page."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.segmentation_evaluation import SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.jobs import log_to
from platewise.plan.engines import shown_contenders
from platewise.report.segmentation_task import EvaluationFiles, evaluate_segmentation

log_to(snakemake.log[0])
evaluation = parse_section(SegmentationEvaluationConfig, snakemake.params.evaluation)
predictions: dict[str, list[str]] = {name: [] for name in shown_contenders(evaluation)}
for path in snakemake.input.predictions:
    # C/segmentation/{contender}/{fold}.zip
    predictions[Path(path).parent.name].append(path)
curves, parameters = {}, {}
for made, paths in ((curves, snakemake.input.curves), (parameters, snakemake.input.parameters)):
    for path in paths:
        # C/segmenters/{segmenter}/{fold}/...
        made.setdefault(Path(path).parents[1].name, {})[Path(path).parent.name] = path
evaluate_segmentation(
    EvaluationFiles(snakemake.input.folds, snakemake.input.scores, predictions, curves, parameters),
    evaluation,
    parse_section(dict[str, SegmenterConfig], snakemake.params.segmenters),
    Path(snakemake.output.scores).parent,
    snakemake.output.page,
    campaign=snakemake.params.campaign,
    home=snakemake.params.home,
    seed=snakemake.params.seed,
)
