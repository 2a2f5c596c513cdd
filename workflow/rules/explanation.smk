# What profiles say in words.
# Needs: profiles of wells, before and after normalisation. Makes: what moved under each treatment, and what learned
# features have to do with engineered ones.


rule explain_treatments:
    """Find the features that moved away from the negative controls, and say it in words."""
    input:
        normalised=expand(
            "<results>/plates/{plate}/profiles/{{features}}.normalised.parquet",
            plate=PLATES,
        ),
        wells=expand(
            "<results>/plates/{plate}/profiles/{{features}}.wells.parquet",
            plate=PLATES,
        ),
        selection="<campaign>/profiles/{features}.selection.parquet",
    output:
        movers="<campaign>/explanation/{features}.movers.parquet",
        treatments="<campaign>/explanation/{features}.treatments.parquet",
    log:
        "<logs>/explain_treatments/{features}.log",
    benchmark:
        "<benchmarks>/explain_treatments/{features}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("explain_treatments", get_campaign_size),
        runtime=asked_runtime("explain_treatments", get_campaign_size),
    params:
        channels=sorted(CAMPAIGN.config.images.channels) if CAMPAIGN.from_images else [],
        algorithm=ALGORITHMS["explanation"],
    script:
        "../scripts/explain_treatments.py"


if CAMPAIGN.config.embeddings:

    rule explain_features:
        """Predict each learned feature from the engineered ones."""
        input:
            learned=expand(
                "<results>/plates/{plate}/profiles/{{model}}.normalised.parquet",
                plate=PLATES,
            ),
            engineered=expand(
                "<results>/plates/{plate}/profiles/classical.normalised.parquet",
                plate=PLATES,
            ),
            selection="<campaign>/profiles/classical.selection.parquet",
        output:
            "<campaign>/explanation/{model}.predicted.parquet",
        log:
            "<logs>/explain_features/{model}.log",
        benchmark:
            "<benchmarks>/explain_features/{model}.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=asked_memory("explain_features", get_engineered_size),
            runtime=asked_runtime("explain_features", get_engineered_size),
        params:
            algorithm=ALGORITHMS["explanation"],
        script:
            "../scripts/explain_features.py"

    rule show_exemplars:
        """Choose the cells that stand for each treatment by rule, and ask the network what it sees in them."""
        input:
            # Of the plates that it was trained on: others need not have crops.
            crops=of_shown("<results>/plates/{plate}/crops/{block}.zarr"),
            embeddings=of_shown(
                "<results>/plates/{plate}/embeddings/{model}/{block}.parquet"
            ),
            wells=of_shown("<results>/plates/{plate}/profiles/{model}.wells.parquet"),
            treatments="<campaign>/explanation/{model}.treatments.parquet",
            weights="<campaign>/embedding/{model}/weights.safetensors",
            model="<campaign>/embedding/{model}/model.json",
        output:
            table="<campaign>/explanation/{model}.exemplars.parquet",
            pictures="<campaign>/explanation/{model}.exemplars.safetensors",
        log:
            "<logs>/show_exemplars/{model}.log",
        benchmark:
            "<benchmarks>/show_exemplars/{model}.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=asked_memory("show_exemplars", get_engineered_size),
            runtime=asked_runtime("show_exemplars", get_engineered_size),
        params:
            algorithm=ALGORITHMS["explanation"],
        script:
            "../scripts/show_exemplars.py"
