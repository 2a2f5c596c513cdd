"""Say of each learned feature which engineered ones predict it."""

from platewise.explanation.prediction import run_explain_features
from platewise.jobs import log_to

log_to(snakemake.log[0])
run_explain_features(
    snakemake.input.learned,
    snakemake.input.engineered,
    snakemake.input.selection,
    snakemake.output[0],
)
