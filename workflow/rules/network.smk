# The network of perturbations.
# Needs: consensus profiles, and the wells behind them for the null. Makes: edges, nodes, GraphML, AnnData.


rule build_network:
    """Connect each perturbation with the most similar ones, more similar than shuffled labels allow."""
    input:
        profiles="<campaign>/profiles/{features}.{correction}.parquet",
        consensus="<campaign>/profiles/{features}.{correction}.consensus.parquet",
    output:
        edges="<campaign>/network/{features}.{correction}/edges.parquet",
        nodes="<campaign>/network/{features}.{correction}/nodes.parquet",
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
