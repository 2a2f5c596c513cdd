# The plan: config and sheets checked, wildcards constrained, and the input functions that rules share.
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

LIBRARY = str(Path(workflow.basedir) / "workflow" / "lib")
sys.path.insert(0, LIBRARY)

from platewise.algorithms import ALGORITHMS
from platewise.errors import ConfigError
from platewise.jobs import use_library
from platewise.plan.blocks import BLOCK_PATTERN
from platewise.plan.campaign import load_campaign

# Snakemake appends our path in jobs, after an installed platewise of another version.
use_library(LIBRARY)

try:
    CAMPAIGN = load_campaign(
        config, ", ".join(map(str, workflow.configfiles)) or "config"
    )
except ConfigError as error:
    raise WorkflowError(str(error)) from None

# With every default filled in, so that lookup() finds each key and a changed default counts as a changed parameter.
config.update(CAMPAIGN.config.model_dump(mode="json"))

PLATES = CAMPAIGN.plate_names
FEATURES = CAMPAIGN.config.features
CORRECTIONS = list(CAMPAIGN.config.correction.methods)


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


def growing(amount):
    """A resource of which every further try asks for more."""

    def get_amount(wildcards, attempt):
        return amount * attempt

    return get_amount


def name_inventory_rule(number):
    """Name the rule of the campaign's nth layout; most campaigns have one."""
    return "inventory_plate" if number == 0 else f"inventory_plate_{number + 1}"


def get_training_memory(wildcards, attempt):
    """Training holds its cells in memory: about 25 kB each, and the network and its batches."""
    plates = get_training_plates(wildcards)
    wells = sum(len(CAMPAIGN.plates[plate].treatments) for plate in plates)
    cells = wells * CAMPAIGN.config.crops.cells_per_well
    return int((4000 + 0.025 * cells) * attempt)


def get_final_output():
    """The report, which is made from every stage; and the manifests, which stand for the labels.

    Snakemake makes a missing file again only if it was asked for: a manifest that `platewise verify` removed.
    """
    manifests = [
        f"<results>/plates/{name}/fields/{block}.parquet"
        for name, plate in CAMPAIGN.plates.items()
        for block in plate.blocks
    ]
    return ["<results>/report/index.html", *manifests]


def get_plate_row(wildcards):
    """The plate's row of the sheet, as the script needs it."""
    return CAMPAIGN.plates[wildcards.plate].row.as_param()


def get_image_folder(wildcards):
    return CAMPAIGN.plates[wildcards.plate].row.images


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


def get_training_plates(wildcards):
    """The plates that an embedding is trained and validated on."""
    embedding = CAMPAIGN.config.embeddings[wildcards.model]
    if embedding.kind == "random":
        # Nothing is learned; one plate tells the channels.
        return PLATES[:1]
    return list(
        dict.fromkeys(
            [*(embedding.train_plates or PLATES), *embedding.validation_plates]
        )
    )


def get_embedding(wildcards):
    """What the weights depend on: how many cells are embedded at a time is the device's business."""
    section = config["embeddings"][wildcards.model]
    return {key: value for key, value in section.items() if key != "batch"}


def get_training_rows(wildcards):
    return [
        CAMPAIGN.plates[plate].row.as_param()
        for plate in get_training_plates(wildcards)
    ]


def get_training_platemaps(wildcards):
    return sorted(
        {
            CAMPAIGN.plates[plate].row.platemap
            for plate in get_training_plates(wildcards)
        }
    )


def get_crops(plate):
    return [
        f"<results>/plates/{plate}/crops/{block}.zarr"
        for block in CAMPAIGN.plates[plate].blocks
    ]


def get_training_crops(wildcards):
    return [
        path for plate in get_training_plates(wildcards) for path in get_crops(plate)
    ]


def get_reference_crops(wildcards):
    """The plate's crops, for embeddings that are scaled to the plate."""
    embedding = CAMPAIGN.config.embeddings[wildcards.model]
    return get_crops(wildcards.plate) if embedding.normalise == "plate" else []


def get_embedding_source(wildcards):
    """Where the cells to embed come from: kept crops when all were kept, else the fields."""
    if CAMPAIGN.config.crops.keep == "all":
        return {"crops": "<plate>/crops/{block}.zarr"}
    return {
        "manifest": "<plate>/fields/{block}.parquet",
        "inventory": "<plate>/inventory/{block}.parquet",
        "illumination": "<plate>/illumination.zarr",
        "store": ancient("<plate>/plate.zarr/zarr.json"),
    }


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


def get_plate_formats():
    return {plate: CAMPAIGN.plates[plate].row.format for plate in CAMPAIGN.plates}


def get_rerun_command(wildcards):
    """What a user types after replacing bad images: only the blocks whose images changed are made again."""
    files = " ".join(
        shlex.quote(os.path.relpath(path)) for path in workflow.configfiles
    )
    rules = " ".join(
        name_inventory_rule(number) for number in range(len(CAMPAIGN.layouts))
    )
    return f"platewise run --configfile {files} --forcerun {rules}"
