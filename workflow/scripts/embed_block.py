"""Compute the learned features of one block."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.crops import CropsConfig
from platewise.crops.store import read_crops
from platewise.crops.task import cut_block
from platewise.device import gpu_allotted
from platewise.embedding.embed_task import embed_block
from platewise.jobs import log_to
from platewise.scratch import job_scratch
from platewise.store.block import BlockFiles

log_to(snakemake.log[0])
channels = list(snakemake.params.channels)
with job_scratch(snakemake.resources.get("scratch")) as scratch:
    crops = snakemake.input.get("crops")
    if crops is not None:
        pieces = read_crops(crops).labelled_pieces()
    else:
        pieces = cut_block(
            BlockFiles(
                manifest=Path(snakemake.input.manifest),
                inventory=Path(snakemake.input.inventory),
                illumination=Path(snakemake.input.illumination),
                store=Path(snakemake.params.plate_store),
            ),
            channels=channels,
            config=parse_section(CropsConfig, snakemake.params.crops),
            scratch=scratch,
        )
    embed_block(
        pieces,
        channels,
        model_dir=Path(snakemake.input.weights).parent,
        out_path=snakemake.output[0],
        plate=snakemake.wildcards.plate,
        device=snakemake.config["device"],
        allotted=gpu_allotted(snakemake.resources.get("gpu", 0)),
        threads=snakemake.threads,
        batch=snakemake.config["embeddings"][snakemake.wildcards.model]["batch"],
        reference=snakemake.input.reference or None,
    )
