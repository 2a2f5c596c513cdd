# Engineered features of every cell.
# Needs: manifests, labels, images. Makes: a table of cells a block.


rule measure_block:
    """Measure shape, intensity, texture, distribution, correlation and neighbours of every cell."""
    input:
        manifest="<plate>/fields/{block}.parquet",
        inventory="<plate>/inventory/{block}.parquet",
        illumination="<plate>/illumination.zarr",
        store=ancient("<plate>/plate.zarr/zarr.json"),
    output:
        "<plate>/cells/{block}.parquet",
    log:
        "<logs>/measure_block/{plate}/{block}.log",
    benchmark:
        "<benchmarks>/measure_block/{plate}/{block}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        channels=lookup("images/channels", within=config),
        measure=lookup("measure", within=config),
        algorithm=ALGORITHMS["measure"],
    script:
        "../scripts/measure_block.py"
