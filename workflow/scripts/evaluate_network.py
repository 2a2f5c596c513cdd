"""Score the profiles by replicates and annotations."""

from platewise.config.base import parse_section
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.evaluation.evaluate import run_evaluate_network
from platewise.jobs import log_to

log_to(snakemake.log[0])
run_evaluate_network(
    snakemake.input.profiles,
    snakemake.input.consensus,
    snakemake.output.scores,
    snakemake.output.enrichment,
    snakemake.output.perturbations,
    parse_section(EvaluationConfig, snakemake.params.evaluation),
    parse_section(NetworkConfig, snakemake.params.network),
    snakemake.wildcards.features,
    snakemake.wildcards.correction,
)
