# What variants change.
# Needs: the preset's features before correction, tables of cells (none where a campaign starts from profiles). Makes: each variant against its wild type.


rule score_variants:
    """Hold each variant against its wild type: by profiles of wells, and by a classifier of cells."""
    input:
        cells=[
            f"<results>/plates/{plate}/cells/{block}.parquet"
            for plate in CAMPAIGN.plates
            for block in CAMPAIGN.plates[plate].blocks
        ],
        # Not corrected: a correction may have learned from these very wells which are alike.
        profiles=f"<campaign>/profiles/{PRESET[0]}.selected.parquet",
        selection="<campaign>/profiles/classical.selection.parquet",
    output:
        "<campaign>/variants/impact.parquet",
    log:
        "<logs>/score_variants.log",
    benchmark:
        "<benchmarks>/score_variants.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("score_variants", get_engineered_size),
        runtime=asked_runtime("score_variants", get_engineered_size),
    params:
        variants=CAMPAIGN.variants,
        evaluation=lookup("evaluation", within=config),
        algorithm=ALGORITHMS["variants"],
    script:
        "../scripts/score_variants.py"
