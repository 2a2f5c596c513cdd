# Networks that find nuclei and cells, trained on annotated images and held against each other.
# Needs: annotated images. Makes: weights or parameters for engines, scores on images that they have not seen.


def get_index(wildcards):
    """The list of annotated images. The table made from it stands for the images themselves: it holds their digests."""
    return CAMPAIGN.annotations[wildcards.annotations].index


def get_folds(wildcards):
    """The annotated images of a segmenter."""
    annotations = CAMPAIGN.config.segmenters[wildcards.segmenter].annotations
    return f"<campaign>/annotations/{annotations}.folds.parquet"


def get_start(wildcards):
    """Weights of the user's that a training goes on from."""
    return start_weights(CAMPAIGN.config.segmenters[wildcards.segmenter]) or []


def get_segmenter_keys(wildcards):
    """What a segmenter depends on but its images."""
    keys = config["segmenters"][wildcards.segmenter]
    return {
        key: value
        for key, value in keys.items()
        if key not in ("annotations", "train_on_all")
    }


def get_annotations_size(wildcards):
    """How large a set of annotated images is."""
    return size_of_annotations(CAMPAIGN, wildcards.annotations)


def get_segmenter_size(wildcards):
    """How large a training, or a search, is: its images and its steps."""
    return size_of_segmenter(CAMPAIGN, wildcards.segmenter)


def get_evaluated_folds(wildcards):
    """The annotated images that contenders are compared on."""
    annotations = config["segmentation_evaluation"]["annotations"]
    return f"<campaign>/annotations/{annotations}.folds.parquet"


def get_contender_files(wildcards):
    """What a contender learned without the images that it is tested on."""
    contender = contender_name(wildcards.contender)
    return list(contender_files(CAMPAIGN, contender, wildcards.fold).values())


def get_contender_keys(wildcards):
    """What the labels of a contender depend on, but what this campaign trains."""
    contender = CONTENDERS[contender_name(wildcards.contender)]
    engines = engines_of(contender, CAMPAIGN.config.segmenters)
    return {
        kind: engine_parameters(engine, "nuclei") for kind, engine in engines.items()
    }


def get_contender_size(wildcards):
    """How large a contender's test on a fold is: the images, and its networks."""
    return size_of_contender(CAMPAIGN, contender_name(wildcards.contender))


def get_evaluation_size(wildcards):
    """How many rows contenders and images make."""
    return size_of_evaluation(CAMPAIGN)


def of_contenders(ending, contenders):
    """The results of contenders, fold by fold."""
    return expand(
        f"<campaign>/segmentation/{{contender}}/{{fold}}.{ending}",
        contender=[file_name(contender) for contender in contenders],
        fold=evaluation_folds(CAMPAIGN),
    )


def get_compared_curves(wildcards):
    """The training curves of all networks that are compared."""
    return [
        f"{segmenter_folder(CAMPAIGN, name, fold)}/curves.parquet"
        for name, fold in compared_segmenters(CAMPAIGN)
        if CAMPAIGN.config.segmenters[name].engine != "tuned"
    ]


def get_compared_parameters(wildcards):
    """The searched parameters that are compared."""
    return [
        segmenter_file(CAMPAIGN, name, fold)
        for name, fold in compared_segmenters(CAMPAIGN)
        if CAMPAIGN.config.segmenters[name].engine == "tuned"
    ]


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
