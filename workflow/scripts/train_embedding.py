"""Train one embedding of the campaign."""

from pathlib import Path

import pandas as pd

from platewise.config.base import parse_section
from platewise.config.embedding import EmbeddingConfig
from platewise.config.metadata import MetadataConfig
from platewise.device import gpu_allotted
from platewise.embedding.train_task import train_embedding
from platewise.jobs import log_to
from platewise.plan.frame import treatments_frame
from platewise.plan.plates import PlateRow, read_plate
from platewise.plan.training import write_record
from platewise.scratch import job_scratch

log_to(snakemake.log[0])
folder = Path(snakemake.output.weights).parent
metadata = parse_section(MetadataConfig, snakemake.params.metadata)
plates = [read_plate(PlateRow.from_param(row), metadata) for row in snakemake.params.plates]
stores: dict[str, list[str]] = {plate.row.plate: [] for plate in plates}
for path in snakemake.input.crops:
    stores[Path(path).parents[1].name].append(path)
with job_scratch(snakemake.resources.get("scratch")) as scratch:
    train_embedding(
        stores=stores,
        wells=pd.concat([treatments_frame(plate) for plate in plates], ignore_index=True),
        config=parse_section(EmbeddingConfig, snakemake.params.trained_for["embedding"]),
        out_dir=folder,
        seed=snakemake.params.seed,
        device=snakemake.config["device"],
        allotted=gpu_allotted(snakemake.resources.get("gpu", 0)),
        threads=snakemake.threads,
        scratch=None if scratch is None else scratch.folder,
    )
write_record(folder, snakemake.params.trained_for, snakemake.params.plates, snakemake.input.crops)
