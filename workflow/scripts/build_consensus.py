"""Combine the wells of each treatment."""

from platewise.config.base import parse_section
from platewise.config.profiles import ConsensusConfig
from platewise.jobs import log_to
from platewise.profiles.consensus import run_build_consensus

log_to(snakemake.log[0])
run_build_consensus(snakemake.input[0], snakemake.output[0], parse_section(ConsensusConfig, snakemake.params.consensus))
