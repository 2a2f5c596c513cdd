# The input functions of segmenters.smk and ranking.smk.


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


def of_all_blocks(folder):
    """A file of every block of every plate, in the order of the plates."""
    return [
        f"<results>/plates/{name}/{folder}/{block}.parquet"
        for name, plate in CAMPAIGN.plates.items()
        for block in plate.blocks
    ]


def get_ranking_keys(wildcards):
    """What a ranking depends on, but what this campaign trains."""
    return ranking_parameters(CAMPAIGN.config.ranking)


def get_ranking_size(wildcards):
    """How large a look at some fields of all plates is."""
    return size_of_ranking(CAMPAIGN)
