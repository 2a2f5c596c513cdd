"""Correct batch effects by one method."""

from platewise.config.base import parse_section
from platewise.config.correction import CorrectionMethod
from platewise.correction.correct import run_correct_batches
from platewise.jobs import log_to

log_to(snakemake.log[0])
run_correct_batches(
    snakemake.input[0],
    snakemake.output.profiles,
    snakemake.output.h5ad,
    parse_section(CorrectionMethod, snakemake.params.correction),
)
