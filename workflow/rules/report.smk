# The report.
# Needs: something from every stage. Makes: the interactive page of the network, and the campaign's page.


rule report_network:
    """The page on which a person asks of each perturbation what is like it, and why."""
    input:
        **{
            table: f"<campaign>/network/{'.'.join(PRESET)}/{table}.parquet"
            for table in ("nodes", "edges", "neighbours", "shortlist")
        },
        profiles=f"<campaign>/profiles/{'.'.join(PRESET)}.parquet",
        activity=f"<campaign>/evaluation/{'.'.join(PRESET)}.activity.parquet",
        treatments=expand(
            "<campaign>/explanation/{features}.treatments.parquet", features=FEATURES
        ),
        movers=expand(
            "<campaign>/explanation/{features}.movers.parquet", features=FEATURES
        ),
    output:
        "<results>/report/network.html",
    log:
        "<logs>/report_network.log",
    benchmark:
        "<benchmarks>/report_network.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("report_network", get_campaign_size),
        runtime=asked_runtime("report_network", get_campaign_size),
    params:
        campaign=CAMPAIGN.config.campaign,
        preset=PRESET,
        features=FEATURES,
        max_nodes=lookup("report/max_nodes", within=config),
        channels=sorted(CAMPAIGN.config.images.channels) if CAMPAIGN.from_images else [],
        plate_pages=list(CAMPAIGN.plates),
    script:
        "../scripts/report_network.py"


rule report_campaign:
    """The campaign's page: what was screened, what it shows, and what cannot be concluded."""
    input:
        unpack(get_qc),
        unpack(get_ploidy),
        variants="<campaign>/variants/impact.parquet" if CAMPAIGN.variants else [],
        plate_pages=get_plate_pages,
        network_page="<results>/report/network.html",
        segmentation="<results>/report/segmentation.html" if EVALUATION else [],
        wells=expand(
            "<results>/plates/{plate}/profiles/{features}.wells.parquet",
            plate=PLATES,
            features=FEATURES,
        ),
        selections=expand(
            "<campaign>/profiles/{features}.selection.parquet", features=FEATURES
        ),
        dropped=expand(
            "<results>/plates/{plate}/profiles/{features}.wells.dropped.parquet",
            plate=PLATES,
            features=FEATURES,
        ),
        corrected=expand(
            "<campaign>/profiles/{features}.{correction}.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
        scores=expand(
            "<campaign>/evaluation/{features}.{correction}.scores.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
        enrichment=expand(
            "<campaign>/evaluation/{features}.{correction}.enrichment.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
        batches=expand(
            "<campaign>/evaluation/{features}.{correction}.batches.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
        differences="<campaign>/evaluation/differences.parquet",
        treatments=expand(
            "<campaign>/explanation/{features}.treatments.parquet", features=FEATURES
        ),
        movers=expand(
            "<campaign>/explanation/{features}.movers.parquet", features=FEATURES
        ),
        predicted=expand(
            "<campaign>/explanation/{model}.predicted.parquet", model=FEATURES[1:]
        ),
        exemplars=expand(
            "<campaign>/explanation/{model}.exemplars.parquet", model=FEATURES[1:]
        ),
        pictures=expand(
            "<campaign>/explanation/{model}.exemplars.safetensors", model=FEATURES[1:]
        ),
        # Hits and dose responses of the preset.
        activity=f"<campaign>/evaluation/{'.'.join(PRESET)}.activity.parquet",
        distances=f"<campaign>/screens/{'.'.join(PRESET)}.distances.parquet",
        controls=f"<campaign>/screens/{'.'.join(PRESET)}.plates.parquet",
        dose_response="<campaign>/screens/dose_response.parquet" if HAS_DOSES else [],
        nodes=expand(
            "<campaign>/network/{features}.{correction}/nodes.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
        shortlists=expand(
            "<campaign>/network/{features}.{correction}/shortlist.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
        edges=expand(
            "<campaign>/network/{features}.{correction}/edges.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
        curves=expand("<campaign>/embedding/{model}/curves.parquet", model=FEATURES[1:]),
        models=expand("<campaign>/embedding/{model}/model.json", model=FEATURES[1:]),
    output:
        report(
            "<results>/report/index.html",
            caption="../report/campaign.rst",
            category="Campaign",
        ),
    log:
        "<logs>/report_campaign.log",
    benchmark:
        "<benchmarks>/report_campaign.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("report_campaign", get_campaign_size),
        runtime=asked_runtime("report_campaign", get_campaign_size),
    params:
        config=get_settings(),
        plates=PLATES,
        plate_formats=get_plate_formats(),
        rerun=get_rerun_command,
    script:
        "../scripts/report_campaign.py"
