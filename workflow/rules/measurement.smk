# Engineered features of every cell.
# Needs: manifests, labels, images. Makes: a table of cells a block.


rule measure_block:
    """Measure shape, intensity, texture, distribution, correlation and neighbours of every cell."""
    input:
        manifest="<plate>/fields/{block}.parquet",
        inventory="<plate>/inventory/{block}.parquet",
        illumination="<plate>/illumination.zarr",
    output:
        "<plate>/cells/{block}.parquet",
    log:
        "<logs>/measure_block/{plate}/{block}.log",
    benchmark:
        "<benchmarks>/measure_block/{plate}/{block}.tsv"
    conda:
        "../../envs/gpu.yaml" if MEASURED_ON_GPU else "../../envs/cpu.yaml"
    threads: 1
    resources:
        **({"gpu": 1} if MEASURED_ON_GPU else {}),
        mem_mb=asked_memory("measure_block", get_block_size),
        runtime=asked_runtime("measure_block", get_block_size),
    params:
        plate_store=get_store,
        channels=lookup("images/channels", within=config),
        measure=MEASURE,
        algorithm=ALGORITHMS["measure"],
    script:
        "../scripts/measure_block.py"
