"""Build the network of perturbations."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.network import NetworkConfig
from platewise.jobs import log_to
from platewise.network.build import run_build_network

log_to(snakemake.log[0])
run_build_network(
    snakemake.input.profiles,
    snakemake.input.consensus,
    str(Path(snakemake.output.edges).parent),
    parse_section(NetworkConfig, snakemake.params.network),
    snakemake.params.consensus_method,
)
