"""Write the page of the campaign."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.campaign import CampaignConfig
from platewise.jobs import log_to
from platewise.report.campaign_page import report_campaign
from platewise.report.campaign_tables import CampaignTables
from platewise.report.panels import choose_panels
from platewise.report.ploidy import PloidyTables
from platewise.report.scores import UNCORRECTED
from platewise.versions import library_versions

log_to(snakemake.log[0])
config = parse_section(CampaignConfig, snakemake.params.config)
plates, features = snakemake.params.plates, config.features
preset = (config.preset_features, config.correction.preset)
kinds = [(name, correction) for name in features for correction in config.correction.methods]
networks = [Path(path).parent for path in snakemake.input.nodes]
network = next(folder for folder in networks if folder.name == ".".join(preset))
methods = {name: method.method for name, method in config.correction.methods.items()}
profiles = {
    (name, UNCORRECTED): [path for path in snakemake.input.wells if Path(path).name == f"{name}.wells.parquet"]
    for name in features
}
profiles |= {kind: [path] for kind, path in zip(kinds, snakemake.input.corrected, strict=True)}
ploidy = [snakemake.input.get(f"ploidy_{kind}") for kind in ("treatments", "peaks", "wells", "histograms")]
report_campaign(
    snakemake.output[0],
    campaign=config.campaign,
    preset=preset,
    tables=CampaignTables(
        scores=snakemake.input.scores,
        enrichment=snakemake.input.enrichment,
        batches=snakemake.input.batches,
        differences=snakemake.input.differences,
        edges=network / "edges.parquet",
        nodes=network / "nodes.parquet",
        shortlist=network / "shortlist.parquet",
        profiles={", ".join(panel): profiles[panel] for panel in choose_panels(features, methods, preset)},
        qc_wells=dict(zip(plates, snakemake.input.qc_wells, strict=False)),
        qc_fields=dict(zip(plates, snakemake.input.qc_fields, strict=False)),
        selection=dict(zip(features, snakemake.input.selections, strict=True)),
        dropped=snakemake.input.dropped,
        treatments=dict(zip(features, snakemake.input.treatments, strict=True)),
        movers=dict(zip(features, snakemake.input.movers, strict=True)),
        predicted=dict(zip(features[1:], snakemake.input.predicted, strict=True)),
        exemplars=dict(zip(features[1:], snakemake.input.exemplars, strict=True)),
        pictures=dict(zip(features[1:], snakemake.input.pictures, strict=True)),
        curves=dict(zip(features[1:], snakemake.input.curves, strict=True)),
        activity=snakemake.input.activity,
        distances=snakemake.input.distances,
        controls=snakemake.input.controls,
        dose_response=snakemake.input.dose_response or "",
        models=dict(zip(features[1:], snakemake.input.models, strict=True)),
        ploidy=PloidyTables(*ploidy) if config.ploidy_channel else None,
        variants=snakemake.input.variants or None,
    ),
    settings=config.report,
    plate_format=snakemake.params.plate_formats or config.plate_format,
    segmentation_page=Path(snakemake.input.segmentation).name if snakemake.input.segmentation else "",
    network_page=Path(snakemake.input.network_page).name,
    adversarial=[name for name, model in config.embeddings.items() if getattr(model, "adversary", None)],
    max_q=config.evaluation.max_q,
    nuclei_channel=config.segmentation.nuclei_channel or "",
    rerun_command=snakemake.params.rerun,
    config=snakemake.params.config,
    versions=library_versions(),
)
