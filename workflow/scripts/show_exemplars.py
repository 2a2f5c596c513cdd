"""Choose the cells that stand for each treatment, and show what the network sees in them."""

from pathlib import Path

from platewise.explanation.exemplars import run_show_exemplars
from platewise.jobs import log_to

log_to(snakemake.log[0])
run_show_exemplars(
    snakemake.input.crops,
    snakemake.input.embeddings,
    snakemake.input.wells,
    snakemake.input.treatments,
    Path(snakemake.input.weights).parent,
    snakemake.output.table,
    snakemake.output.pictures,
    snakemake.threads,
)
