"""Say which treatments change the share of polyploid nuclei, or of a phase of the cell cycle."""

from platewise.config.base import parse_section
from platewise.config.evaluation import EvaluationConfig
from platewise.jobs import log_to
from platewise.ploidy.treatments import run_score_ploidy

log_to(snakemake.log[0])
run_score_ploidy(
    snakemake.input,
    snakemake.output[0],
    parse_section(EvaluationConfig, snakemake.params.evaluation),
)
