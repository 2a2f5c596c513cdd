"""Find the peaks of DNA content of one plate, and count the nuclei of its wells by them."""

from platewise.config.base import parse_section
from platewise.config.metadata import MetadataConfig
from platewise.jobs import log_to
from platewise.plan.frame import treatments_frame
from platewise.plan.plates import PlateRow, read_plate
from platewise.ploidy.plate import run_fit_ploidy

log_to(snakemake.log[0])
plate = read_plate(
    PlateRow.from_param(snakemake.params.plate), parse_section(MetadataConfig, snakemake.params.metadata)
)
run_fit_ploidy(
    snakemake.input.cells,
    treatments_frame(plate),
    snakemake.params.channel,
    snakemake.output.peaks,
    snakemake.output.wells,
    snakemake.output.histogram,
)
