# Whether the network connects what is known to be alike, and what batches still tell.
# Needs: profiles and consensus profiles. Makes: scores beside their baselines, enrichment curves, batch metrics.


rule evaluate_network:
    """Score the profiles by their replicates and annotations, each score beside its baselines."""
    input:
        profiles="<campaign>/profiles/{features}.{correction}.parquet",
        consensus="<campaign>/profiles/{features}.{correction}.consensus.parquet",
    output:
        scores="<campaign>/evaluation/{features}.{correction}.scores.parquet",
        enrichment="<campaign>/evaluation/{features}.{correction}.enrichment.parquet",
        perturbations="<campaign>/evaluation/{features}.{correction}.perturbations.parquet",
    log:
        "<logs>/evaluate_network/{features}.{correction}.log",
    benchmark:
        "<benchmarks>/evaluate_network/{features}.{correction}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("evaluate_network", get_campaign_size),
        runtime=asked_runtime("evaluate_network", get_campaign_size),
    params:
        evaluation=lookup("evaluation", within=config),
        network=lookup("network", within=config),
        algorithm=ALGORITHMS["evaluation"],
    script:
        "../scripts/evaluate_network.py"


rule score_batches:
    """Measure how well batches can be told apart, and beside it how well perturbations can."""
    input:
        profiles="<campaign>/profiles/{features}.{correction}.parquet",
        consensus="<campaign>/profiles/{features}.{correction}.consensus.parquet",
        # Level 3, to say what normalisation alone did.
        wells=expand(
            "<results>/plates/{plate}/profiles/{{features}}.wells.parquet",
            plate=PLATES,
        ),
    output:
        "<campaign>/evaluation/{features}.{correction}.batches.parquet",
    log:
        "<logs>/score_batches/{features}.{correction}.log",
    benchmark:
        "<benchmarks>/score_batches/{features}.{correction}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=asked_memory("score_batches", get_campaign_size),
        runtime=asked_runtime("score_batches", get_campaign_size),
    params:
        evaluation=lookup("evaluation", within=config),
        network=lookup("network", within=config),
        algorithm=ALGORITHMS["evaluation"],
    script:
        "../scripts/score_batches.py"


rule score_differences:
    """Hold the preset against every other kind of features and correction, on the same wells."""
    input:
        profiles=expand(
            "<campaign>/profiles/{features}.{correction}.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
        consensus=expand(
            "<campaign>/profiles/{features}.{correction}.consensus.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
    output:
        "<campaign>/evaluation/differences.parquet",
    log:
        "<logs>/score_differences.log",
    benchmark:
        "<benchmarks>/score_differences.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("score_differences", get_campaign_size),
        runtime=asked_runtime("score_differences", get_campaign_size),
    params:
        # In the order of the inputs.
        variants=[[name, correction] for name in FEATURES for correction in CORRECTIONS],
        preset=list(PRESET),
        evaluation=lookup("evaluation", within=config),
        network=lookup("network", within=config),
        algorithm=ALGORITHMS["evaluation"],
    script:
        "../scripts/score_differences.py"
