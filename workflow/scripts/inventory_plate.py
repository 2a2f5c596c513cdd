"""List and check the images of one plate."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.blocks import BlocksConfig
from platewise.config.images import ImagesConfig
from platewise.config.metadata import MetadataConfig
from platewise.inventory import write_inventory
from platewise.jobs import log_to
from platewise.plan.plates import PlateRow, read_plate
from platewise.readers.registry import resolve_reader

log_to(snakemake.log[0])
images = parse_section(ImagesConfig, snakemake.params.images)
plate = read_plate(
    PlateRow.from_param(snakemake.params.plate),
    parse_section(MetadataConfig, snakemake.params.metadata),
    parse_section(BlocksConfig, snakemake.params.blocks),
)
write_inventory(
    {Path(path).stem: path for path in snakemake.output},
    folder=plate.row.images,
    reader=resolve_reader(plate.row.reader, images.readers),
    plate=plate.row.plate,
    wells_by_block={
        block: [(well, None if site is None else [site]) for well, site in fields]
        for block, fields in plate.blocks.items()
    },
    channels=images.channels,
    fields_per_well=plate.row.fields_per_well,
    max_bad_fields=images.max_bad_fields,
    threads=snakemake.threads,
)
