"""Write the interactive page of the network."""

from platewise.jobs import log_to
from platewise.report.network_page import NetworkTables, report_network

log_to(snakemake.log[0])
kinds = snakemake.params.features
report_network(
    snakemake.output[0],
    campaign=snakemake.params.campaign,
    preset=tuple(snakemake.params.preset),
    tables=NetworkTables(
        nodes=snakemake.input.nodes,
        edges=snakemake.input.edges,
        neighbours=snakemake.input.neighbours,
        shortlist=snakemake.input.shortlist,
        profiles=snakemake.input.profiles,
        activity=snakemake.input.activity,
        treatments=dict(zip(kinds, snakemake.input.treatments, strict=True)),
        movers=dict(zip(kinds, snakemake.input.movers, strict=True)),
    ),
    max_nodes=snakemake.params.max_nodes,
    channels=snakemake.params.channels,
    plate_pages=snakemake.params.plate_pages,
)
