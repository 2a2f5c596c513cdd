# Networks that find nuclei and cells, trained on annotated images and held against each other.
# Needs: annotated images. Makes: weights or parameters for engines, scores on images that they have not seen.


rule inventory_annotations:
    """Read every annotated image once, and deal the groups to folds."""
    input:
        get_index,
    output:
        "<campaign>/annotations/{annotations}.folds.parquet",
    log:
        "<logs>/inventory_annotations/{annotations}.log",
    benchmark:
        "<benchmarks>/inventory_annotations/{annotations}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("inventory_annotations", get_annotations_size),
        runtime=asked_runtime("inventory_annotations", get_annotations_size),
    params:
        columns=lookup("annotations/{annotations}/columns", within=config),
        folds=lookup("annotations/{annotations}/folds", within=config),
        seed=lookup("seed", within=config),
        algorithm=ALGORITHMS["annotations"],
    script:
        "../scripts/inventory_annotations.py"


if config["segmenters"]:

    rule train_segmenter:
        """Train a network to find nuclei or cells, on all annotated images or on those of all folds but one."""
        input:
            folds=get_folds,
            start=get_start,
        output:
            weights="<campaign>/segmenters/{segmenter}/{fold}/weights.safetensors",
            card="<campaign>/segmenters/{segmenter}/{fold}/card.md",
            curves="<campaign>/segmenters/{segmenter}/{fold}/curves.parquet",
        log:
            "<logs>/train_segmenter/{segmenter}/{fold}.log",
        benchmark:
            "<benchmarks>/train_segmenter/{segmenter}/{fold}.tsv"
        conda:
            "../../envs/gpu.yaml"
        # On the CPU the number of threads changes the last digits: one gives the same weights everywhere.
        threads: 1
        resources:
            mem_mb=asked_memory("train_segmenter", get_segmenter_size),
            runtime=asked_runtime("train_segmenter", get_segmenter_size),
            gpu=1,
        params:
            segmenter=get_segmenter_keys,
            seed=lookup("seed", within=config),
            algorithm=ALGORITHMS["segmenter"],
        script:
            "../scripts/train_segmenter.py"

    rule tune_classical:
        """Search the parameters of the classical engine on a handful of annotated images of each class."""
        input:
            get_folds,
        output:
            "<campaign>/segmenters/{segmenter}/{fold}/parameters.json",
        log:
            "<logs>/tune_classical/{segmenter}/{fold}.log",
        benchmark:
            "<benchmarks>/tune_classical/{segmenter}/{fold}.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=asked_memory("tune_classical", get_segmenter_size),
            runtime=asked_runtime("tune_classical", get_segmenter_size),
        params:
            segmenter=get_segmenter_keys,
            seed=lookup("seed", within=config),
            algorithm=ALGORITHMS["segment"],
        script:
            "../scripts/tune_classical.py"


if config["segmentation_evaluation"]:

    rule predict_held_out:
        """Segment the images of a fold with what has not seen them, and score each image."""
        input:
            folds=get_evaluated_folds,
            segmenters=get_contender_files,
        output:
            scores="<campaign>/segmentation/{contender}/{fold}.parquet",
            predictions="<campaign>/segmentation/{contender}/{fold}.zip",
        log:
            "<logs>/predict_held_out/{contender}/{fold}.log",
        benchmark:
            "<benchmarks>/predict_held_out/{contender}/{fold}.tsv"
        conda:
            "../../envs/cpu.yaml"
        # On one core whatever there is, so that what contenders cost can be compared.
        threads: 1
        resources:
            mem_mb=asked_memory("predict_held_out", get_contender_size),
            runtime=asked_runtime("predict_held_out", get_contender_size),
        params:
            contender=get_contender_keys,
            algorithm=[ALGORITHMS["segment"], ALGORITHMS["segmentation_evaluation"]],
        script:
            "../scripts/predict_held_out.py"

    rule evaluate_segmentation:
        """Hold the contenders against each other: accuracy by image type, what it costs, and what it asks of people."""
        input:
            folds=get_evaluated_folds,
            scores=of_contenders("parquet", CONTENDERS),
            predictions=of_contenders("zip", shown_contenders(EVALUATION)),
            curves=get_compared_curves,
            parameters=get_compared_parameters,
        output:
            scores="<campaign>/segmentation/scores.parquet",
            summary="<campaign>/segmentation/summary.parquet",
            differences="<campaign>/segmentation/differences.parquet",
            ablation="<campaign>/segmentation/ablation.parquet",
            page=report(
                "<results>/report/segmentation.html",
                caption="../report/segmentation.rst",
                category="Segmentation",
            ),
        log:
            "<logs>/evaluate_segmentation.log",
        benchmark:
            "<benchmarks>/evaluate_segmentation.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=asked_memory("evaluate_segmentation", get_evaluation_size),
            runtime=asked_runtime("evaluate_segmentation", get_evaluation_size),
        params:
            campaign=lookup("campaign", within=config),
            home="index.html" if CAMPAIGN.has_profiles else None,
            evaluation=lookup("segmentation_evaluation", within=config),
            segmenters=lookup("segmenters", within=config),
            seed=lookup("seed", within=config),
            algorithm=ALGORITHMS["segmentation_evaluation"],
        script:
            "../scripts/evaluate_segmentation.py"
