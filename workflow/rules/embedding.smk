# Learned features of every cell.
# Needs: manifests, labels, images. Makes: crops, a trained network a campaign, a table of features a block.


rule crop_block:
    """Cut cells out of the fields: a sample of each well, or all of them."""
    input:
        manifest="<plate>/fields/{block}.parquet",
        inventory="<plate>/inventory/{block}.parquet",
        illumination="<plate>/illumination.zarr",
        store=ancient("<plate>/plate.zarr/zarr.json"),
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
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        channels=lookup("images/channels", within=config),
        crops=lookup("crops", within=config),
        seed=lookup("seed", within=config),
        algorithm=ALGORITHMS["crop"],
    script:
        "../scripts/crop_block.py"


rule train_embedding:
    """Train a network to name what single cells were given; its features are kept, the classifier is not."""
    input:
        # Trained once, then frozen: a mended image or a new flat field does not change every deep feature of the campaign.
        # Retrain with --forcerun train_embedding, or by changing the embedding's keys.
        crops=ancient(get_training_crops),
        platemaps=get_training_platemaps,
        tables=get_metadata_tables,
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
    # On the CPU the number of threads changes the last digits: one gives the same weights everywhere.
    threads: 1
    resources:
        mem_mb=get_training_memory,
        runtime=growing(720),
        gpu=1,
    params:
        plates=get_training_rows,
        embedding=get_embedding,
        metadata=lookup("metadata", within=config),
        seed=lookup("seed", within=config),
        algorithm=ALGORITHMS["embedding"],
    script:
        "../scripts/train_embedding.py"


rule embed_block:
    """Compute the learned features of every cell of a block, from kept crops or from the fields."""
    input:
        unpack(get_embedding_source),
        weights="<campaign>/embedding/{model}/weights.safetensors",
        model="<campaign>/embedding/{model}/model.json",
        plate_crops=get_reference_crops,
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
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=1,
    params:
        channels=lookup("images/channels", within=config),
        crops=lookup("crops", within=config),
        algorithm=ALGORITHMS["embedding"],
    script:
        "../scripts/embed_block.py"
