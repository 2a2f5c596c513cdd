"""Say what each variant changes against its wild type."""

from platewise.config.base import parse_section
from platewise.config.evaluation import EvaluationConfig
from platewise.jobs import log_to
from platewise.variants.score import run_score_variants

log_to(snakemake.log[0])
run_score_variants(
    snakemake.input.cells,
    snakemake.input.profiles,
    snakemake.input.selection,
    snakemake.output[0],
    snakemake.params.variants,
    parse_section(EvaluationConfig, snakemake.params.evaluation),
)
