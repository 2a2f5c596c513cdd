"""Normalise all plates of the campaign to their negative controls."""

from platewise.config.base import parse_section
from platewise.config.profiles import NormaliseConfig
from platewise.jobs import log_to
from platewise.profiles.normalise import run_normalise_plates

log_to(snakemake.log[0])
run_normalise_plates(
    dict(zip(snakemake.params.plates, snakemake.input, strict=True)),
    dict(zip(snakemake.params.plates, snakemake.output, strict=True)),
    parse_section(NormaliseConfig, snakemake.params.normalise),
    snakemake.params.fitted_on,
)
