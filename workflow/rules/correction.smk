# Batch correction: every method of the config, the preset among them.
# Needs: selected profiles. Makes: level 4c, as Parquet and for scanpy.


rule correct_batches:
    """Level 4c: remove what tells batches apart, without looking at an annotation."""
    input:
        "<campaign>/profiles/{features}.selected.parquet",
    output:
        profiles="<campaign>/profiles/{features}.{correction}.parquet",
        h5ad="<campaign>/profiles/{features}.{correction}.h5ad",
    log:
        "<logs>/correct_batches/{features}.{correction}.log",
    benchmark:
        "<benchmarks>/correct_batches/{features}.{correction}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("correct_batches", get_campaign_size),
        runtime=asked_runtime("correct_batches", get_campaign_size),
    params:
        correction=lookup("correction/methods/{correction}", within=config),
        algorithm=ALGORITHMS["correction"],
    script:
        "../scripts/correct_batches.py"
