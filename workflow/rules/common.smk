# The plan: config and sheets checked, wildcards constrained, and the input functions that rules share.
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

LIBRARY = str(Path(workflow.basedir) / "workflow" / "lib")
sys.path.insert(0, LIBRARY)

from platewise.algorithms import ALGORITHMS
from platewise.config.measure import PLACE_KEYS
from platewise.errors import ConfigError
from platewise.jobs import use_library
from platewise.plan.blocks import BLOCK_PATTERN
from platewise.plan.campaign import load_campaign
from platewise.plan.demand import memory_mb, runtime_min
from platewise.plan.doses import has_dose_series
from platewise.plan.embeddings import normalisation
from platewise.plan.engines import (
    all_contenders,
    contender_name,
    engines_of,
    file_name,
    shown_contenders,
    uses_network,
)
from platewise.plan.fitted import fit_path, fitted_keys, fitted_plates
from platewise.plan.jobs import list_jobs, list_targets
from platewise.plan.segmenters import (
    FOLD_PATTERN,
    compared_segmenters,
    contender_files,
    evaluation_folds,
    own_files,
    ranking_files,
    segmenter_file,
    segmenter_folder,
    start_weights,
)
from platewise.plan.sizes import (
    size_of_annotations,
    size_of_block,
    size_of_contender,
    size_of_evaluation,
    size_of_plate,
    size_of_profiles,
    size_of_ranking,
    size_of_segmenter,
    size_of_training,
)
from platewise.plan.training import (
    is_trained,
    record_path,
    shown_blocks,
    training_keys,
    training_plates,
    untrained_plates,
)
from platewise.segmentation.weight_files import (
    SPEED_KEYS,
    engine_parameters,
    label_parameters,
    ranking_parameters,
)

# Snakemake appends our path in jobs, after an installed platewise of another version.
use_library(LIBRARY)

try:
    CAMPAIGN = load_campaign(
        config, ", ".join(map(str, workflow.configfiles)) or "config"
    )
    TRAINED_ON = {
        model: training_plates(CAMPAIGN, model) for model in CAMPAIGN.config.embeddings
    }
    FITTED_ON = {
        features: fitted_plates(CAMPAIGN, features) if CAMPAIGN.has_profiles else []
        for features in CAMPAIGN.config.features
    }
except ConfigError as error:
    raise WorkflowError(str(error)) from None

# With every default filled in, so that lookup() finds each key and a changed default counts as a changed parameter.
config.update(CAMPAIGN.config.model_dump(mode="json"))

if workflow.is_main_process:
    for model, trained in TRAINED_ON.items():
        for plate in untrained_plates(CAMPAIGN, model, trained):
            logger.info(
                f"{model}: {plate} is new and is embedded as it is; to train on it too, remove "
                f"{record_path(CAMPAIGN, model)}"
            )

    for features, fitted in FITTED_ON.items():
        for plate in [name for name in CAMPAIGN.plate_names if name not in fitted]:
            logger.info(
                f"{features}: {plate} is new; scale and features stay fitted on the plates before it. To fit them on "
                f"it too, which moves all profiles, remove {fit_path(CAMPAIGN, features)}"
            )

PLATES = CAMPAIGN.plate_names
FEATURES = CAMPAIGN.config.features
CORRECTIONS = list(CAMPAIGN.config.correction.methods)
# The kind of features and the correction that are judged.
PRESET = (CAMPAIGN.config.preset_features, CAMPAIGN.config.correction.preset)
HAS_DOSES = has_dose_series(CAMPAIGN)
EVALUATION = CAMPAIGN.config.segmentation_evaluation
CONTENDERS = {} if EVALUATION is None else all_contenders(EVALUATION)
# What labels depend on: the content of weights, not where they lie.
SEGMENTATION = (
    label_parameters(CAMPAIGN.config.segmentation) if CAMPAIGN.from_images else {}
)
BY_NETWORK = uses_network(CAMPAIGN.config.segmentation)
# What features depend on: not where they are computed.
MEASURE = {
    key: value for key, value in config["measure"].items() if key not in PLACE_KEYS
}
MEASURED_ON_GPU = CAMPAIGN.config.measure.gpu
OWN_SEGMENTERS = own_files(CAMPAIGN)


pathvars:
    results=f"{config['results']}/{config['campaign']}",
    plate="<results>/plates/{plate}",
    campaign="<results>/campaign",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


wildcard_constraints:
    plate="|".join(map(re.escape, PLATES)),
    block=BLOCK_PATTERN,
    features="|".join(FEATURES),
    model="|".join(CAMPAIGN.config.embeddings) or "none",
    correction="|".join(CORRECTIONS),
    annotations="|".join(CAMPAIGN.annotations) or "none",
    segmenter="|".join(CAMPAIGN.config.segmenters) or "none",
    fold=FOLD_PATTERN,
    contender="|".join(re.escape(file_name(name)) for name in CONTENDERS) or "none",


def asked_memory(rule, get_size):
    """The memory of a rule's jobs, by their size; every further try asks for more."""

    def get_memory(wildcards, attempt):
        return memory_mb(rule, get_size(wildcards)) * attempt

    return get_memory


def asked_runtime(rule, get_size):
    """The minutes of a rule's jobs, by their size; every further try asks for more."""

    def get_runtime(wildcards, attempt):
        return runtime_min(rule, get_size(wildcards)) * attempt

    return get_runtime


def name_inventory_rule(number):
    """Name the rule of the campaign's nth layout; most campaigns have one."""
    return "inventory_plate" if number == 0 else f"inventory_plate_{number + 1}"


def get_block_size(wildcards):
    """How large a job on a block is: its fields."""
    return size_of_block(CAMPAIGN, wildcards.plate, wildcards.block)


def get_plate_size(wildcards):
    """How large a job on a plate is: its fields, and its largest block."""
    return size_of_plate(CAMPAIGN, wildcards.plate, wildcards.get("features"))


@cache
def get_campaign_profiles(features):
    return size_of_profiles(CAMPAIGN, features)


def get_campaign_size(wildcards):
    """How large a job on all profiles of the campaign is: wells, treatments and features."""
    return get_campaign_profiles(wildcards.get("features"))


def get_engineered_size(wildcards):
    """How large a job on all engineered profiles of the campaign is, whatever its own features."""
    return get_campaign_profiles(FEATURES[0])


def get_training_size(wildcards):
    """How large a training is: the cells it holds, and its steps."""
    return size_of_training(CAMPAIGN, wildcards.model)


def get_training_gpus(wildcards):
    """How many GPUs train a network together."""
    return max(1, get_training_size(wildcards).gpus)


def get_final_output(wildcards):
    """The report, and the tables that users are promised.

    Snakemake makes a missing file again only if it was asked for: one that `platewise verify` removed.
    """
    return list_targets(list_jobs(CAMPAIGN))


def get_plate_row(wildcards):
    """The plate's row of the sheet, as the script needs it."""
    return CAMPAIGN.plates[wildcards.plate].row.as_param()


def get_image_folder(wildcards):
    return CAMPAIGN.plates[wildcards.plate].row.images


def get_store(wildcards):
    """The plate store. No input: fields come and go in it, and manifests stand for them."""
    return str(CAMPAIGN.folder / "plates" / wildcards.plate / "plate.zarr")


def get_wells(wildcards):
    return [treatment.well for treatment in CAMPAIGN.plates[wildcards.plate].treatments]


def get_platemap(wildcards):
    return CAMPAIGN.plates[wildcards.plate].row.platemap


def get_metadata_tables(wildcards):
    """The tables of perturbations that the config names."""
    return list(CAMPAIGN.metadata_tables)


def of_blocks(pattern):
    """An input function: the file of every block of the plate, in plate order."""

    def get_block_files(wildcards):
        blocks = list(CAMPAIGN.plates[wildcards.plate].blocks)
        return expand(pattern, plate=wildcards.plate, block=blocks, allow_missing=True)

    return get_block_files


def get_cell_tables(wildcards):
    """Where the cells of a kind of features lie, a file a block."""
    folder = (
        "cells"
        if wildcards.features == "classical"
        else f"embeddings/{wildcards.features}"
    )
    return of_blocks(f"<results>/plates/{{plate}}/{folder}/{{block}}.parquet")(
        wildcards
    )


def get_fitted_plates(wildcards):
    """The plates that scale and features were first fitted on, or are now."""
    return FITTED_ON[wildcards.features]


def get_judged_cells(wildcards):
    """The measured cells of a plate, where rules say which of them enter profiles of any features."""
    if not CAMPAIGN.config.profiles.cells.features:
        return []
    return of_blocks("<results>/plates/{plate}/cells/{block}.parquet")(wildcards)


def once(get_files):
    """An input function: files that count until a network was trained on them, then their age matters no more.

    Not ancient() before: Snakemake does not look at jobs whose ancient inputs are about to be made.
    """

    def get_training_files(wildcards):
        files = get_files(wildcards)
        if not is_trained(CAMPAIGN, wildcards.model):
            return files
        return [ancient(file) for file in files]

    return get_training_files


def get_training_keys(wildcards):
    return training_keys(CAMPAIGN, wildcards.model)


def get_training_seed(wildcards):
    # A network that is taken as it is draws nothing.
    return getattr(
        CAMPAIGN.config.embeddings[wildcards.model], "seed", CAMPAIGN.config.seed
    )


def get_training_rows(wildcards):
    return [plate.row for plate in TRAINED_ON[wildcards.model]]


def get_training_platemaps(wildcards):
    return sorted({row["platemap"] for row in get_training_rows(wildcards)})


def get_training_crops(wildcards):
    return [
        f"<results>/plates/{plate.row['plate']}/crops/{block}.zarr"
        for plate in TRAINED_ON[wildcards.model]
        for block in plate.blocks
    ]


def of_shown(pattern):
    """An input function: a file of every block whose cells a network was trained or validated on."""

    def get_shown_files(wildcards):
        shown = shown_blocks(CAMPAIGN, wildcards.model)
        files = [
            pattern.format(plate=plate, block=block, model=wildcards.model)
            for plate, block in shown
        ]
        return list(dict.fromkeys(files))

    return get_shown_files


def get_embedding_source():
    """Where the cells to embed come from: kept crops when all were kept, else the fields."""
    if CAMPAIGN.config.crops.keep == "all":
        return {"crops": "<plate>/crops/{block}.zarr"}
    return {
        "manifest": "<plate>/fields/{block}.parquet",
        "inventory": "<plate>/inventory/{block}.parquet",
        "illumination": "<plate>/illumination.zarr",
    }


def get_reference(wildcards):
    """How bright the plate is, for embeddings that are scaled to it."""
    embedding = CAMPAIGN.config.embeddings[wildcards.model]
    return (
        "<plate>/crops/reference.parquet" if normalisation(embedding) == "plate" else []
    )


def get_plate_pages(wildcards):
    """Plates have pages where there are images to show."""
    return expand("<results>/report/plates/{plate}.html", plate=CAMPAIGN.plates)


def get_qc(wildcards):
    """The QC tables of all plates, in the order of PLATES; none for a campaign that starts from a table."""
    return {
        f"qc_{level}": expand(
            f"<results>/plates/{{plate}}/qc/{level}.parquet", plate=CAMPAIGN.plates
        )
        for level in ("fields", "wells")
    }


def get_ploidy(wildcards):
    """The tables of DNA content; none where it is not measured."""
    if not CAMPAIGN.config.ploidy_channel:
        return {}
    tables = {"peaks": "peaks", "wells": "wells", "histograms": "histogram"}
    pattern = "<results>/plates/{plate}/ploidy/{table}.parquet"
    return {"ploidy_treatments": "<campaign>/ploidy/treatments.parquet"} | {
        f"ploidy_{kind}": expand(pattern, plate=PLATES, table=table)
        for kind, table in tables.items()
    }


def get_settings():
    """What the campaign's results depend on: not how its jobs are run."""
    runtime = {"device", "container"}
    embeddings = {
        model: {key: value for key, value in section.items() if key != "batch"}
        for model, section in config["embeddings"].items()
    }
    engines = {
        key: (
            {name: value for name, value in section.items() if name not in SPEED_KEYS}
            if isinstance(section, dict)
            else section
        )
        for key, section in config["segmentation"].items()
        if key not in SPEED_KEYS
    }
    # In the model's order: in which a config names its sections counts as little.
    settings = CAMPAIGN.config.model_dump(mode="json", exclude=runtime)
    return settings | {
        "embeddings": embeddings,
        "segmentation": engines,
        "measure": MEASURE,
    }


def get_plate_formats():
    return {plate: CAMPAIGN.plates[plate].row.format for plate in CAMPAIGN.plates}


def get_rerun_command(wildcards):
    """What a user types after replacing bad images: only the blocks whose images changed are made again."""
    files = " ".join(
        shlex.quote(os.path.relpath(path)) for path in workflow.configfiles
    )
    # On a plate's page the plate's own rule, so that a plate of another layout leaves the other plates' pages alone.
    shown = [wildcards.plate] if "plate" in wildcards.keys() else PLATES
    rules = [
        name_inventory_rule(number)
        for number, plates in enumerate(CAMPAIGN.layouts.values())
        if not set(plates).isdisjoint(shown)
    ]
    run, listed = f"platewise run --configfile {files}", " ".join(rules)
    # In two runs: Snakemake then sees which inventories say what they said before, and what depends on them stays.
    return f"{run} --forcerun {listed} --until {listed} && {run}"
