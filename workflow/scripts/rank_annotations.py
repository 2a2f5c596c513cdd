"""Order the fields of a campaign by how much their annotation would teach."""

from pathlib import Path

from platewise.config.base import parse_section
from platewise.config.ranking import RankingConfig
from platewise.config.segmentation import SegmentationConfig
from platewise.device import choose_device, gpu_allotted, torch_threads
from platewise.jobs import log_to
from platewise.plan.engines import segmenters_in_use, with_committee_files, with_own_files
from platewise.segmentation.ranking_task import rank_fields
from platewise.store.block import BlockFiles

log_to(snakemake.log[0])
segmentation = parse_section(SegmentationConfig, snakemake.config["segmentation"])
ranking = parse_section(RankingConfig, snakemake.config["ranking"])
files = dict(zip(segmenters_in_use(segmentation, ranking), snakemake.input.segmenters, strict=True))
blocks: dict[str, list[BlockFiles]] = {name: [] for name in snakemake.params.plates}
flats = dict(zip(blocks, map(Path, snakemake.input.illumination), strict=True))
for manifest, inventory in zip(map(Path, snakemake.input.manifests), snakemake.input.inventories, strict=True):
    plate = manifest.parents[1]
    blocks[plate.name].append(BlockFiles(manifest, Path(inventory), flats[plate.name], plate / "plate.zarr"))
with torch_threads(snakemake.threads):
    rank_fields(
        blocks,
        ranking=Path(snakemake.output.ranking),
        objects=Path(snakemake.output.objects),
        channels=list(snakemake.params.channels),
        segmentation=with_own_files(segmentation, files),
        settings=with_committee_files(ranking, files),
        seed=snakemake.params.seed,
        device=choose_device(snakemake.config["device"], gpu_allotted(snakemake.resources.get("gpu", 0))),
    )
