"""Fit a curve to the distances of every perturbation that responds to its dose."""

from platewise.config.base import parse_section
from platewise.config.evaluation import EvaluationConfig
from platewise.jobs import log_to
from platewise.screens.dose_response import run_fit_dose_response

log_to(snakemake.log[0])
run_fit_dose_response(
    snakemake.input[0],
    snakemake.output[0],
    parse_section(EvaluationConfig, snakemake.params.evaluation),
)
