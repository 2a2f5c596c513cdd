"""List and check the images of one plate."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.blocks import BlocksConfig
from platewise.config.images import ImagesConfig
from platewise.inventory import expected_wells, write_inventory
from platewise.jobs import log_to
from platewise.plan.blocks import cut_plate
from platewise.plan.plates import PlateRow
from platewise.plan.wells import FORMATS
from platewise.readers.registry import resolve_reader

log_to(snakemake.log[0])
images = parse_section(ImagesConfig, snakemake.params.images)
row = PlateRow.from_param(snakemake.params.plate)
config = parse_section(BlocksConfig, snakemake.params.blocks)
blocks = cut_plate(tuple(snakemake.params.wells), FORMATS[row.format], row.fields_per_well, config)
write_inventory(
    {Path(path).stem: path for path in snakemake.output},
    folder=row.images,
    reader=resolve_reader(row.reader, images.readers),
    plate=row.plate,
    wells_by_block=expected_wells(blocks),
    channels=images.channels,
    fields_per_well=row.fields_per_well,
    max_bad_fields=images.max_bad_fields,
    threads=snakemake.threads,
)
