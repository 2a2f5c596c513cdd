"""Choose the perturbations that are worth following up."""

from platewise.config.base import parse_section
from platewise.config.shortlist import ShortlistConfig
from platewise.jobs import log_to
from platewise.network.shortlist import run_shortlist_perturbations

log_to(snakemake.log[0])
run_shortlist_perturbations(
    snakemake.input.profiles,
    snakemake.input.nodes,
    snakemake.input.edges,
    snakemake.input.perturbations,
    snakemake.output[0],
    parse_section(ShortlistConfig, snakemake.params.shortlist),
)
