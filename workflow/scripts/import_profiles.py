"""Import well profiles that were made elsewhere."""

from platewise.config.base import parse_section
from platewise.config.table import TableConfig
from platewise.jobs import log_to
from platewise.profiles.importing import run_import_profiles

log_to(snakemake.log[0])
run_import_profiles(
    parse_section(TableConfig, snakemake.params.table),
    dict(zip(snakemake.params.plates, snakemake.output.wells, strict=True)),
)
