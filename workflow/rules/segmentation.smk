# Nuclei and cells of every field.
# Needs: inventories, flat fields. Makes: labels in the store, and a manifest a block.


rule segment_block:
    """Find nuclei and cells; each field is committed to the plate store by itself, the manifest is written last."""
    input:
        inventory="<plate>/inventory/{block}.parquet",
        illumination="<plate>/illumination.zarr",
        # What this campaign trains itself; other weights count by their content, among the parameters.
        segmenters=list(OWN_SEGMENTERS.values()),
    output:
        manifest="<plate>/fields/{block}.parquet",
    log:
        "<logs>/segment_block/{plate}/{block}.log",
    benchmark:
        "<benchmarks>/segment_block/{plate}/{block}.tsv"
    conda:
        "../../envs/gpu.yaml" if BY_NETWORK else "../../envs/cpu.yaml"
    threads: 1
    resources:
        **({"gpu": 1} if BY_NETWORK else {}),
        mem_mb=asked_memory("segment_block", get_block_size),
        runtime=asked_runtime("segment_block", get_block_size),
    params:
        plate_store=get_store,
        channels=lookup("images/channels", within=config),
        pixel_size=lookup("images/pixel_size", within=config),
        segmentation=SEGMENTATION,
        store=lookup("store", within=config),
        saturation_level=lookup("qc/saturation_level", within=config),
        algorithm=ALGORITHMS["segment"],
    script:
        "../scripts/segment_block.py"
