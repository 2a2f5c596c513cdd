"""Hold treatments against negative controls, and positive controls against negative ones."""

from platewise.config.base import parse_section
from platewise.config.evaluation import EvaluationConfig
from platewise.jobs import log_to
from platewise.screens.hits import run_call_hits

log_to(snakemake.log[0])
run_call_hits(
    snakemake.input.profiles,
    snakemake.input.selected,
    snakemake.output.activity,
    snakemake.output.distances,
    snakemake.output.plates,
    parse_section(EvaluationConfig, snakemake.params.evaluation),
)
