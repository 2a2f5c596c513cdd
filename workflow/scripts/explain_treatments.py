"""Say for each treatment which features moved, how far, how surely, and in words."""

from platewise.explanation.movers import run_explain_treatments
from platewise.jobs import log_to

log_to(snakemake.log[0])
run_explain_treatments(
    snakemake.input.normalised,
    snakemake.input.wells,
    snakemake.input.selection,
    snakemake.output.movers,
    snakemake.output.treatments,
    snakemake.params.channels,
)
