"""Write the page of one plate."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.report import ReportConfig
from platewise.illumination import read_illumination
from platewise.jobs import log_to
from platewise.report.plate_page import report_plate
from platewise.store.reader import PlateReader

log_to(snakemake.log[0])
channels = list(snakemake.params.channels)
flat = read_illumination(snakemake.input.illumination)
reader = PlateReader(snakemake.input.inventory, flat, Path(snakemake.params.plate_store), channels)
report_plate(
    snakemake.output[0],
    campaign=snakemake.params.campaign,
    plate=snakemake.wildcards.plate,
    plate_format=snakemake.params.plate["format"],
    channels=channels,
    qc_wells=snakemake.input.qc_wells,
    qc_fields=snakemake.input.qc_fields,
    settings=parse_section(ReportConfig, snakemake.params.report),
    rerun_command=snakemake.params.rerun,
    inventory=snakemake.input.inventory,
    read_image=reader.image,
    read_labels=reader.labels,
    nuclei_channel=snakemake.params.nuclei_channel,
    illumination=None if flat is None else dict(zip(channels, flat, strict=True)),
)
