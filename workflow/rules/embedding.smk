# Learned features of every cell.
# Needs: manifests, labels, images. Makes: crops, a trained network a campaign, a table of features a block.


rule crop_block:
    """Cut cells out of the fields: a sample of each well, or all of them."""
    input:
        manifest="<plate>/fields/{block}.parquet",
        inventory="<plate>/inventory/{block}.parquet",
        illumination="<plate>/illumination.zarr",
    output:
        directory("<plate>/crops/{block}.zarr"),
    log:
        "<logs>/crop_block/{plate}/{block}.log",
    benchmark:
        "<benchmarks>/crop_block/{plate}/{block}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("crop_block", get_block_size),
        runtime=asked_runtime("crop_block", get_block_size),
    params:
        plate_store=get_store,
        channels=lookup("images/channels", within=config),
        crops=lookup("crops", within=config),
        seed=lookup("seed", within=config),
        algorithm=ALGORITHMS["crop"],
    script:
        "../scripts/crop_block.py"


rule train_embedding:
    """Train a network to name what single cells were given; its features are kept, the classifier is not."""
    input:
        # Trained once, then frozen: a mended image, a corrected plate map or a new plate does not change every deep
        # feature of the campaign. Train again on the same plates with --forcerun train_embedding; on the plates of
        # today by removing {model}.plates.json, or by changing a key of the embedding.
        crops=once(get_training_crops),
        platemaps=once(get_training_platemaps),
        tables=once(get_metadata_tables),
    output:
        weights="<campaign>/embedding/{model}/weights.safetensors",
        model="<campaign>/embedding/{model}/model.json",
        curves="<campaign>/embedding/{model}/curves.parquet",
    log:
        "<logs>/train_embedding/{model}.log",
    benchmark:
        "<benchmarks>/train_embedding/{model}.tsv"
    conda:
        "../../envs/gpu.yaml"
    # One for each GPU. On the CPU their number changes the last digits: one gives the same weights everywhere.
    threads: get_training_gpus
    resources:
        mem_mb=asked_memory("train_embedding", get_training_size),
        runtime=asked_runtime("train_embedding", get_training_size),
        gpu=get_training_gpus,
    params:
        plates=get_training_rows,
        trained_for=get_training_keys,
        metadata=lookup("metadata", within=config),
        seed=get_training_seed,
        algorithm=ALGORITHMS["embedding"],
    script:
        "../scripts/train_embedding.py"


rule reference_plate:
    """Sum up how bright a plate's cells are, once for all its blocks: embeddings may be scaled to it."""
    input:
        of_blocks("<results>/plates/{plate}/crops/{block}.zarr"),
    output:
        "<plate>/crops/reference.parquet",
    log:
        "<logs>/reference_plate/{plate}.log",
    benchmark:
        "<benchmarks>/reference_plate/{plate}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("reference_plate", get_plate_size),
        runtime=asked_runtime("reference_plate", get_plate_size),
    params:
        algorithm=ALGORITHMS["embedding"],
    script:
        "../scripts/reference_plate.py"


rule embed_block:
    """Compute the learned features of every cell of a block, from kept crops or from the fields."""
    input:
        **get_embedding_source(),
        weights="<campaign>/embedding/{model}/weights.safetensors",
        model="<campaign>/embedding/{model}/model.json",
        reference=get_reference,
    output:
        "<plate>/embeddings/{model}/{block}.parquet",
    log:
        "<logs>/embed_block/{model}/{plate}/{block}.log",
    benchmark:
        "<benchmarks>/embed_block/{model}/{plate}/{block}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("embed_block", get_block_size),
        runtime=asked_runtime("embed_block", get_block_size),
        gpu=1,
    params:
        plate_store=get_store,
        channels=lookup("images/channels", within=config),
        crops=lookup("crops", within=config),
        algorithm=ALGORITHMS["embedding"],
    script:
        "../scripts/embed_block.py"
