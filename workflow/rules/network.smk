# The network of perturbations.
# Needs: consensus profiles, the wells behind them for the null, and what replicates say of each perturbation. Makes:
# edges, nodes and their neighbours, GraphML, AnnData, and the shortlist.


rule build_network:
    """Connect each perturbation with the most similar ones, more similar than shuffled labels allow."""
    input:
        profiles="<campaign>/profiles/{features}.{correction}.parquet",
        consensus="<campaign>/profiles/{features}.{correction}.consensus.parquet",
    output:
        edges="<campaign>/network/{features}.{correction}/edges.parquet",
        nodes="<campaign>/network/{features}.{correction}/nodes.parquet",
        neighbours="<campaign>/network/{features}.{correction}/neighbours.parquet",
        graphml="<campaign>/network/{features}.{correction}/network.graphml",
        h5ad="<campaign>/network/{features}.{correction}/network.h5ad",
    log:
        "<logs>/build_network/{features}.{correction}.log",
    benchmark:
        "<benchmarks>/build_network/{features}.{correction}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("build_network", get_campaign_size),
        runtime=asked_runtime("build_network", get_campaign_size),
    params:
        network=lookup("network", within=config),
        consensus_method=lookup("profiles/consensus/method", within=config),
        algorithm=ALGORITHMS["network"],
    script:
        "../scripts/build_network.py"


rule shortlist_perturbations:
    """Choose the perturbations worth following up, and say of each why it is or is not among them."""
    input:
        profiles="<campaign>/profiles/{features}.{correction}.parquet",
        nodes="<campaign>/network/{features}.{correction}/nodes.parquet",
        edges="<campaign>/network/{features}.{correction}/edges.parquet",
        perturbations="<campaign>/evaluation/{features}.{correction}.perturbations.parquet",
    output:
        "<campaign>/network/{features}.{correction}/shortlist.parquet",
    log:
        "<logs>/shortlist_perturbations/{features}.{correction}.log",
    benchmark:
        "<benchmarks>/shortlist_perturbations/{features}.{correction}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("shortlist_perturbations", get_campaign_size),
        runtime=asked_runtime("shortlist_perturbations", get_campaign_size),
    params:
        shortlist=lookup("shortlist", within=config),
        algorithm=ALGORITHMS["shortlist"],
    script:
        "../scripts/shortlist_perturbations.py"
