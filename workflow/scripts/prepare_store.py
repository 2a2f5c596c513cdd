"""Write the metadata of one plate store."""

from pathlib import Path

from platewise.columns import SITE, WELL
from platewise.inventory import field_status
from platewise.jobs import log_to
from platewise.store.plate import prepare_store
from platewise.tables import read_tables

log_to(snakemake.log[0])
fields = field_status(read_tables(snakemake.input.inventory)).query("Status == 'ok'").sort_values([WELL, SITE])
prepare_store(
    Path(snakemake.output[0]).parent,
    snakemake.wildcards.plate,
    {well: [int(site) for site in sites] for well, sites in fields.groupby(WELL)[SITE]},
)
