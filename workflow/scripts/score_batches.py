"""Measure what batches and perturbations can be told from the profiles."""

from platewise.config.base import parse_section
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.evaluation.batches import run_score_batches
from platewise.jobs import log_to

log_to(snakemake.log[0])
run_score_batches(
    snakemake.input.profiles,
    snakemake.input.consensus,
    snakemake.output[0],
    parse_section(EvaluationConfig, snakemake.params.evaluation),
    parse_section(NetworkConfig, snakemake.params.network),
    snakemake.wildcards.features,
    snakemake.wildcards.correction,
    wells_paths=snakemake.input.wells,
)
