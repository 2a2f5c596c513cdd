# How much DNA the nuclei hold.
# Needs: tables of cells, plate maps. Makes: the 2N and 4N peaks of each plate, nuclei by class, and what each treatment
# changes.


rule fit_ploidy:
    """Find the 2N and the 4N peak of a plate's controls, and count the nuclei of each well by them."""
    input:
        cells=of_blocks("<results>/plates/{plate}/cells/{block}.parquet"),
        platemap=get_platemap,
        tables=get_metadata_tables,
    output:
        peaks="<plate>/ploidy/peaks.parquet",
        wells="<plate>/ploidy/wells.parquet",
        histogram="<plate>/ploidy/histogram.parquet",
    log:
        "<logs>/fit_ploidy/{plate}.log",
    benchmark:
        "<benchmarks>/fit_ploidy/{plate}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("fit_ploidy", get_plate_size),
        runtime=asked_runtime("fit_ploidy", get_plate_size),
    params:
        plate=get_plate_row,
        metadata=lookup("metadata", within=config),
        channel=CAMPAIGN.config.ploidy_channel,
        algorithm=ALGORITHMS["ploidy"],
    script:
        "../scripts/fit_ploidy.py"


rule score_ploidy:
    """Hold each treatment's share of polyploid nuclei, and of each phase, against the controls of its plates."""
    input:
        expand("<results>/plates/{plate}/ploidy/wells.parquet", plate=PLATES),
    output:
        "<campaign>/ploidy/treatments.parquet",
    log:
        "<logs>/score_ploidy.log",
    benchmark:
        "<benchmarks>/score_ploidy.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("score_ploidy", get_campaign_size),
        runtime=asked_runtime("score_ploidy", get_campaign_size),
    params:
        evaluation=lookup("evaluation", within=config),
        algorithm=ALGORITHMS["ploidy"],
    script:
        "../scripts/score_ploidy.py"
