"""Estimate the flat fields of one plate."""

from platewise.config.base import parse_section
from platewise.config.illumination import IlluminationConfig
from platewise.illumination import run_illumination
from platewise.jobs import log_to

log_to(snakemake.log[0])
run_illumination(
    snakemake.input.inventory,
    snakemake.output[0],
    channels=list(snakemake.params.channels),
    config=parse_section(IlluminationConfig, snakemake.params.illumination),
    seed=snakemake.params.seed,
    threads=snakemake.threads,
)
