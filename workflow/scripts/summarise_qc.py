"""Flag fields and wells of one plate."""

from platewise.config.base import parse_section
from platewise.config.metadata import MetadataConfig
from platewise.config.profiles import CellsConfig
from platewise.config.qc import QcConfig
from platewise.jobs import log_to
from platewise.plan.frame import treatments_frame
from platewise.plan.plates import PlateRow, read_plate
from platewise.qc.task import summarise_qc

log_to(snakemake.log[0])
plate = read_plate(
    PlateRow.from_param(snakemake.params.plate), parse_section(MetadataConfig, snakemake.params.metadata)
)
summarise_qc(
    platemap=treatments_frame(plate),
    fields=snakemake.input.fields,
    channels=list(snakemake.params.channels),
    settings=parse_section(QcConfig, snakemake.params.qc),
    fields_target=snakemake.output.fields,
    wells_target=snakemake.output.wells,
    cells=snakemake.input.cells,
    border_cells=snakemake.params.border_cells == "keep",
    rules=parse_section(CellsConfig, snakemake.params.cells),
)
