"""Sum up how bright one plate's cells are."""

from platewise.embedding.reference import reference_plate
from platewise.jobs import log_to

log_to(snakemake.log[0])
reference_plate(snakemake.input, snakemake.output[0])
