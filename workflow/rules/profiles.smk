# From cells, or a table of profiles made elsewhere, to profiles of wells and treatments.
# Needs: tables of cells or embeddings, plate maps. Makes: levels 3, 4a, 4b and 5.

if CAMPAIGN.from_images:

    rule aggregate_plate:
        """Level 3: one profile a well."""
        input:
            cells=get_cell_tables,
            judged=get_judged_cells,
            platemap=get_platemap,
            tables=get_metadata_tables,
        output:
            wells="<plate>/profiles/{features}.wells.parquet",
            dropped="<plate>/profiles/{features}.wells.dropped.parquet",
        log:
            "<logs>/aggregate_plate/{features}/{plate}.log",
        benchmark:
            "<benchmarks>/aggregate_plate/{features}/{plate}.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=asked_memory("aggregate_plate", get_plate_size),
            runtime=asked_runtime("aggregate_plate", get_plate_size),
        params:
            plate=get_plate_row,
            metadata=lookup("metadata", within=config),
            aggregate=lookup("profiles/aggregate", within=config),
            cells=lookup("profiles/cells", within=config),
            algorithm=ALGORITHMS["profiles"],
        script:
            "../scripts/aggregate_plate.py"

else:

    rule import_profiles:
        """Level 3 from the user's own tables: one file a plate."""
        input:
            tables=CAMPAIGN.tables,
        output:
            wells=expand(
                "<results>/plates/{plate}/profiles/classical.wells.parquet",
                plate=PLATES,
            ),
            dropped=expand(
                "<results>/plates/{plate}/profiles/classical.wells.dropped.parquet",
                plate=PLATES,
            ),
        log:
            "<logs>/import_profiles.log",
        benchmark:
            "<benchmarks>/import_profiles.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=asked_memory("import_profiles", get_campaign_size),
            runtime=asked_runtime("import_profiles", get_campaign_size),
        params:
            plates=PLATES,
            table=lookup("table", within=config),
            algorithm=ALGORITHMS["profiles"],
        script:
            "../scripts/import_profiles.py"


rule normalise_plates:
    """Level 4a: each plate on the scale of its negative controls, that scale shrunk towards the campaign's."""
    input:
        expand(
            "<results>/plates/{plate}/profiles/{{features}}.wells.parquet",
            plate=PLATES,
        ),
    output:
        expand(
            "<results>/plates/{plate}/profiles/{{features}}.normalised.parquet",
            plate=PLATES,
        ),
    log:
        "<logs>/normalise_plates/{features}.log",
    benchmark:
        "<benchmarks>/normalise_plates/{features}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("normalise_plates", get_campaign_size),
        runtime=asked_runtime("normalise_plates", get_campaign_size),
    params:
        plates=PLATES,
        normalise=lookup("profiles/normalise", within=config),
        # The plates of the first fit: a new plate does not move old ones. All plates of today once
        # {features}.plates.json is removed.
        fitted_on=get_fitted_plates,
        algorithm=ALGORITHMS["profiles"],
    script:
        "../scripts/normalise_plates.py"


rule select_features:
    """Level 4b: features chosen once for the campaign, without looking at what the wells were given."""
    input:
        expand(
            "<results>/plates/{plate}/profiles/{{features}}.normalised.parquet",
            plate=PLATES,
        ),
    output:
        profiles="<campaign>/profiles/{features}.selected.parquet",
        selection="<campaign>/profiles/{features}.selection.parquet",
    log:
        "<logs>/select_features/{features}.log",
    benchmark:
        "<benchmarks>/select_features/{features}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("select_features", get_campaign_size),
        runtime=asked_runtime("select_features", get_campaign_size),
    params:
        plates=PLATES,
        select=lookup("profiles/select", within=config),
        fitted_on=get_fitted_plates,
        fitted_for=fitted_keys(CAMPAIGN),
        algorithm=ALGORITHMS["profiles"],
    script:
        "../scripts/select_features.py"


rule build_consensus:
    """Level 5: one profile a treatment."""
    input:
        "<campaign>/profiles/{features}.{correction}.parquet",
    output:
        "<campaign>/profiles/{features}.{correction}.consensus.parquet",
    log:
        "<logs>/build_consensus/{features}.{correction}.log",
    benchmark:
        "<benchmarks>/build_consensus/{features}.{correction}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("build_consensus", get_campaign_size),
        runtime=asked_runtime("build_consensus", get_campaign_size),
    params:
        consensus=lookup("profiles/consensus", within=config),
        algorithm=ALGORITHMS["profiles"],
    script:
        "../scripts/build_consensus.py"
