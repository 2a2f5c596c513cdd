"""Hold kinds of features and corrections against one another on the same wells."""

from platewise.config.base import parse_section
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.evaluation.differences import run_score_differences
from platewise.jobs import log_to

log_to(snakemake.log[0])
variants = [tuple(variant) for variant in snakemake.params.variants]
run_score_differences(
    dict(zip(variants, snakemake.input.profiles, strict=True)),
    dict(zip(variants, snakemake.input.consensus, strict=True)),
    snakemake.output[0],
    tuple(snakemake.params.preset),
    parse_section(EvaluationConfig, snakemake.params.evaluation),
    parse_section(NetworkConfig, snakemake.params.network),
)
