"""Aggregate the cells of one plate to wells."""

from platewise.config.base import parse_section
from platewise.config.metadata import MetadataConfig
from platewise.config.profiles import AggregateConfig, CellsConfig
from platewise.jobs import log_to
from platewise.plan.frame import treatments_frame
from platewise.plan.plates import PlateRow, read_plate
from platewise.profiles.aggregate import run_aggregate_plate

log_to(snakemake.log[0])
plate = read_plate(
    PlateRow.from_param(snakemake.params.plate), parse_section(MetadataConfig, snakemake.params.metadata)
)
run_aggregate_plate(
    cells_paths=snakemake.input.cells,
    platemap=treatments_frame(plate),
    plate=plate.row.plate,
    out=snakemake.output.wells,
    config=parse_section(AggregateConfig, snakemake.params.aggregate),
    cells_config=parse_section(CellsConfig, snakemake.params.cells),
    judged_paths=snakemake.input.judged,
)
