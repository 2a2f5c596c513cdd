"""How many files a campaign leaves, counted from what it consists of."""

from collections import Counter
from dataclasses import dataclass
from math import ceil

from platewise.crops.store import CELLS_PER_SHARD


@dataclass(frozen=True)
class Size:
    """A campaign of equal plates with one embedding. ``levels`` is 0 without stored images."""

    plates: int
    rows: int
    wells: int
    fields_per_well: int
    blocks: int
    levels: int = 0
    channels: int = 5
    corrections: int = 2
    cells_per_crop_store: int = 800
    slurm: bool = False

    @property
    def fields(self):
        return self.plates * self.wells * self.fields_per_well


def field_files(levels):
    """Two groups, two labels of a group each, and two files for each level of each array."""
    arrays = 2 * max(levels, 1) + levels
    return 2 + 2 + 2 * arrays


def count_files(size):
    """Files by kind: in the fields, and of every well, block and plate, of the campaign, and Snakemake's own."""
    features, profiles = 2, 2 * size.corrections
    # A job has a log, a benchmark, and on SLURM a log more.
    a_job = 3 if size.slurm else 2
    blocks = size.plates * size.blocks
    # Groups and arrays, the time stamp of a folder, and a chunk or shard of each array.
    crop_store = 4 + 1 + 2 + ceil(size.cells_per_crop_store / CELLS_PER_SHARD)
    return Counter(
        fields=size.fields * field_files(size.levels),
        wells=size.plates * size.wells,
        # Inventory, manifest, cells, embeddings; segment, measure, crop, embed.
        blocks=blocks * (4 + crop_store + 4 * a_job),
        plates=size.plates
        * (
            # Plate and rows of the store; the flat field; the reference.
            (1 + size.rows)
            + (3 + size.channels)
            + 1
            # Profiles at three levels, DNA content, QC tables, page.
            + (3 * features + 3 + 2 + 1)
            # Inventory, flat field, store, reference, DNA content, QC, page and aggregation.
            + (7 + features) * a_job
        ),
        campaign=(
            # The network and its record; selections with their plates, and what moved; profiles, graphs with their
            # shortlist, scores and hits; what the learned features are like, differences, report and the graph's page.
            4
            + 5 * features
            + (3 + 6 + 4 + 3) * profiles
            + 4
            # Exemplars and their pictures, and DNA content.
            + 3
            # Training, normalisation, selection, what moved, seven rules of every profile, and the six last ones.
            + (1 + 3 * features + 7 * profiles + 6) * a_job
        ),
        snakemake=count_records(size),
    )


def count_records(size):
    """Snakemake's metadata, a file an output: all in one folder."""
    features, profiles = 2, 2 * size.corrections
    of_plates = 5 * size.plates * size.blocks + (9 + 3 * features) * size.plates
    return of_plates + 3 + 4 * features + (3 + 6 + 4 + 3) * profiles + 7
