"""How much memory and time the jobs of each rule ask for, from what is known before any of them has run.

Memory follows what it depends on: the channels of a field, the fields of a block, the wells and features of a
campaign. What is not known at planning is taken at the upper end: fields of 2160 x 2160 pixels with 500 cells, 9 of
them a well where the sheet does not say, 220 features a channel. So smaller images need less than is asked for;
`platewise resources` then prints the numbers that fit.

The figures were measured with benchmarks/bench_memory.py (profiles of 9,600 wells), on 18 fields of 2160 x 2160 x 5
tiled from the demo, on a plate of 17,280 small images, and on finished campaigns. benchmarks/measured.tsv holds them
all, and a test holds what is asked for against them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

# A job on SLURM is two Snakemakes, one inside the other, of 175 to 230 MB each (25 to 290 plates), beside the script.
SNAKEMAKE_MB = 400
# Where the sheet of plates does not say.
FIELDS_PER_WELL = 9
_FEATURES_PER_CHANNEL = 220
_CELLS_PER_FIELD = 500
_FIELD_PIXELS = 2160 * 2160
# Python with the libraries of a stage holds 110 to 260 MB, with torch 330.
_LIBRARIES_MB, _TORCH_MB, _UMAP_MB = 300, 350, 560
# The libraries and the context of a GPU hold memory of the host, too.
_CUDA_MB = 2500
_MEMORY_STEP_MB, _TIME_STEP_MIN, _LEAST_MIN = 100, 10, 30
# A network looks at a field of that size for so long, on one core.
_FIELD_S = 35
# Annotated images in memory, a megapixel (1.5 GB for DSB 2018), and a step of a training, a piece of the default size.
_PAIRS_MB, _STEP_MB = 8, 120
# More crops of a training are read from the disk.
_CROPS_HELD_MB = 16_000
# A piece of the distances between wells twice, and their sums by label; measured to 49,920 wells.
_SILHOUETTES_MB = 3000
# Nodes and shared file systems may be slower by as much than where the seconds below were measured.
_TIME_HEADROOM = 4


@dataclass(frozen=True)
class Size:
    """What a job works on; what does not concern its rule is left at 0.

    ``fields`` are those of its block or plate, ``block_fields`` those of the largest block whose cells it holds;
    ``features`` belong to its cells or profiles; ``wells`` are the campaign's and ``treatments`` what they were given.
    ``annotated`` are perturbations with a known mechanism, ``annotated_treatments`` these at every dose.
    ``batch`` is how many fields are segmented, or pieces of images trained on, at a time, ``crops_mb`` the size of all
    crops of a training, ``gpus`` how many a job shares, and ``steps`` its work, in steps of the default network. Of
    annotated images, ``megapixels`` are all that a job reads; ``networks`` see an image one after the other.
    """

    channels: int = 0
    fields: int = 0
    block_fields: int = 0
    features: int = 0
    wells: int = 0
    treatments: int = 0
    annotated: int = 0
    annotated_treatments: int = 0
    batch: int = 0
    crops_mb: float = 0
    steps: float = 0
    megapixels: float = 0
    networks: int = 0
    gpus: int = 0

    @property
    def field_mb(self) -> float:
        """One field as it is held in memory: float32."""
        return self.channels * _FIELD_PIXELS * 4 / 2**20

    @property
    def cells_mb(self) -> float:
        """The cells of a block with their features: float32."""
        return self.block_fields * _CELLS_PER_FIELD * self.features * 4 / 2**20

    @property
    def profiles_mb(self) -> float:
        """All wells with their features: float64."""
        return self.wells * self.features * 8 / 2**20

    @property
    def well_pairs_mb(self) -> float:
        """A number for every two wells: float64."""
        return self.wells**2 * 8 / 2**20

    @property
    def treatment_pairs_mb(self) -> float:
        """A number for every two treatments: float64."""
        return self.treatments**2 * 8 / 2**20

    @property
    def annotated_pairs_mb(self) -> float:
        """A number for every two perturbations with a known mechanism: float64."""
        return self.annotated**2 * 8 / 2**20

    @property
    def annotated_treatment_pairs_mb(self) -> float:
        """A number for every two treatments with a known mechanism: float64."""
        return self.annotated_treatments**2 * 8 / 2**20

    @property
    def silhouettes_mb(self) -> float:
        """Distances between wells, which scikit-learn makes and sums in pieces of 1 GB."""
        return min(2.5 * self.well_pairs_mb, _SILHOUETTES_MB)

    @property
    def matching_mb(self) -> float:
        """Pairs of perturbations in the order of their similarity, then which treatments match: whole, in memory."""
        return max(6 * self.annotated_pairs_mb, 2 * self.annotated_treatment_pairs_mb)


def classical_features(channels: int) -> int:
    """Return about how many features are measured of a cell; 1,069 with five channels."""
    return channels * _FEATURES_PER_CHANNEL


def memory_mb(rule: str, size: Size) -> int:
    """Return the MB that the first try of a job asks for: all that SLURM counts, rounded up to 100."""
    return _round_up(SNAKEMAKE_MB + _MEMORY_MB[rule](size), _MEMORY_STEP_MB)


def runtime_min(rule: str, size: Size) -> int:
    """Return the minutes that the first try of a job asks for: four times what was measured, rounded up to 10."""
    return max(_LEAST_MIN, _round_up(_TIME_HEADROOM * _SECONDS[rule](size) / 60, _TIME_STEP_MIN))


def _network_mb(size: Size) -> float:
    """Return what networks hold while they look at a field."""
    return _TORCH_MB + _CUDA_MB + 1000 + 100 * size.networks if size.networks else 0


def _round_up(amount: float, step: int) -> int:
    return math.ceil(amount / step) * step


# What the script of a rule holds, MB.
_MEMORY_MB: dict[str, Callable[[Size], float]] = {
    "inventory_plate": lambda size: _LIBRARIES_MB + 0.01 * size.fields * size.channels,
    # Block means of some hundred fields; one field a thread on the way.
    "estimate_illumination": lambda size: _LIBRARIES_MB + 4 * size.field_mb,
    "prepare_store": lambda size: _LIBRARIES_MB + 0.02 * size.fields,
    "inventory_annotations": lambda size: _LIBRARIES_MB + 0.1 * size.megapixels,
    "train_segmenter": lambda size: _TORCH_MB + _CUDA_MB + _PAIRS_MB * size.megapixels + _STEP_MB * size.batch,
    "tune_classical": lambda size: _LIBRARIES_MB + 30 * size.megapixels,
    # One image at a time; a whole field at the most.
    "predict_held_out": lambda size: _LIBRARIES_MB + 500 + (_TORCH_MB + 1000 if size.networks else 0),
    "evaluate_segmentation": lambda size: _LIBRARIES_MB + 500 + 0.05 * size.wells,
    # Raw and corrected images of a batch and of the next field; the filters work on one field. Beside a GPU a batch is
    # read, one is looked at, in one cells are grown, and one is written.
    "segment_block": lambda size: (
        _LIBRARIES_MB + ((6 if size.networks else 2) * size.batch + 13) * size.field_mb + _network_mb(size)
    ),
    "rank_annotations": lambda size: _LIBRARIES_MB + 13 * size.field_mb + _network_mb(size),
    # The field in work, the next one, and all cells twice when they are stacked and written.
    "measure_block": lambda size: (
        (_TORCH_MB + _CUDA_MB if size.gpus else _LIBRARIES_MB) + 12 * size.field_mb + 2.2 * size.cells_mb
    ),
    "crop_block": lambda size: _LIBRARIES_MB + 9 * size.field_mb,
    "reference_plate": lambda size: _LIBRARIES_MB + 0.1 * size.fields,
    # Crops lie in a file, which is drawn from at random: fast while the system has room to hold it.
    "train_embedding": lambda size: (
        max(1, size.gpus) * (_TORCH_MB + _CUDA_MB) + 0.01 * size.crops_mb + min(1.1 * size.crops_mb, _CROPS_HELD_MB)
    ),
    "embed_block": lambda size: _TORCH_MB + _CUDA_MB + 11 * size.field_mb,
    # So many values of a block, as Arrow, as pandas, sorted by well; which well each cell is of.
    "aggregate_plate": lambda size: _LIBRARIES_MB + min(5 * size.cells_mb, 350) + 0.05 * size.fields,
    # One number a cell of the plate, and five columns of a block.
    "fit_ploidy": lambda size: _LIBRARIES_MB + 0.05 * size.fields + 0.02 * size.cells_mb,
    "score_ploidy": lambda size: _LIBRARIES_MB + 0.01 * size.wells,
    # 50 cells a well with the features that are kept, about half, and those of a pair four times as float64.
    "score_variants": lambda size: _LIBRARIES_MB + 30 * size.profiles_mb,
    "summarise_qc": lambda size: _LIBRARIES_MB + 0.2 * size.fields,
    # A picture is shrunk before the next one is read.
    "report_plate": lambda size: _LIBRARIES_MB + 6 * size.field_mb + 0.05 * size.fields,
    "import_profiles": lambda size: _LIBRARIES_MB + 8 * size.profiles_mb,
    # One plate at a time, and all controls.
    "normalise_plates": lambda size: _LIBRARIES_MB + size.profiles_mb,
    # Some features of all wells, and how every two features correlate.
    "select_features": lambda size: (
        _LIBRARIES_MB + min(6 * size.profiles_mb, 4 * size.wells * 250 * 8 / 2**20) + 5 * size.features**2 * 8 / 2**20
    ),
    "correct_batches": lambda size: _LIBRARIES_MB + 8 * size.profiles_mb,
    # As float32; only of MODZ and to be written all features at once.
    "build_consensus": lambda size: _LIBRARIES_MB + 3 * size.profiles_mb,
    # With compiled code of UMAP; profiles lie on disk, their pages count while there is room for them.
    "build_network": lambda size: _UMAP_MB + 4 * size.profiles_mb,
    "shortlist_perturbations": lambda size: _LIBRARIES_MB + 6 * size.profiles_mb,
    # Where each well lies on its plate, three times.
    "evaluate_network": lambda size: _LIBRARIES_MB + 8 * size.profiles_mb + 0.012 * size.wells + size.matching_mb,
    "score_batches": lambda size: _LIBRARIES_MB + 6 * size.profiles_mb + size.silhouettes_mb,
    # One kind of features and one correction at a time.
    "score_differences": lambda size: (
        _LIBRARIES_MB + 8 * size.profiles_mb + size.silhouettes_mb + 5 * size.annotated_pairs_mb
    ),
    # Profiles before and after correction, centred, and in components.
    "call_hits": lambda size: _LIBRARIES_MB + 8 * size.profiles_mb,
    "fit_dose_response": lambda size: _LIBRARIES_MB + 0.02 * size.wells,
    "explain_treatments": lambda size: _LIBRARIES_MB + 6 * size.profiles_mb,
    # Beside the learned features all engineered ones, twice in a fit.
    "explain_features": lambda size: _LIBRARIES_MB + 6 * size.profiles_mb,
    # Features of 50 cells a well, and the cells of a block.
    "show_exemplars": lambda size: _TORCH_MB + 0.15 * size.wells,
    "report_network": lambda size: _LIBRARIES_MB + 90 + 0.02 * size.treatments + 0.002 * size.wells,
    "report_campaign": lambda size: _TORCH_MB + 6 * size.profiles_mb,
}

# CPU seconds of a script on one core.
_SECONDS: dict[str, Callable[[Size], float]] = {
    # Mostly waiting for the file system.
    "inventory_plate": lambda size: 0.01 * size.fields * size.channels,
    "estimate_illumination": lambda size: 0.8 * min(size.fields, 512),
    "prepare_store": lambda size: 0.01 * size.fields,
    "inventory_annotations": lambda size: 60 + 0.2 * size.megapixels,
    # On a GPU it is a fraction.
    "train_segmenter": lambda size: 300 + 1.5 * size.steps,
    "tune_classical": lambda size: 60 + 0.2 * size.steps,
    "predict_held_out": lambda size: 120 + (2 + 12 * size.networks) * size.megapixels,
    "evaluate_segmentation": lambda size: 300 + 0.05 * size.wells,
    "segment_block": lambda size: 60 + (8 + _FIELD_S * size.networks) * size.fields,
    # Seven looks at each field.
    "rank_annotations": lambda size: 60 + 7 * (8 + _FIELD_S * size.networks) * size.fields,
    "measure_block": lambda size: 60 + 8 * size.fields,
    "crop_block": lambda size: 60 + 2 * size.fields,
    "reference_plate": lambda size: 60 + 0.05 * size.fields,
    # On a GPU it is a fraction.
    "train_embedding": lambda size: 120 + 0.1 * size.steps,
    "embed_block": lambda size: 60 + 4 * size.fields,
    "aggregate_plate": lambda size: 60 + 0.1 * size.fields,
    "fit_ploidy": lambda size: 60 + 0.05 * size.fields,
    "score_ploidy": lambda size: 60 + 0.1 * size.treatments,
    "score_variants": lambda size: 120 + 10 * size.treatments + 0.5 * size.wells,
    "summarise_qc": lambda size: 60 + 0.1 * size.fields,
    "report_plate": lambda size: 300,
    "import_profiles": lambda size: 60 + 0.5 * size.profiles_mb,
    "normalise_plates": lambda size: 120 + 0.5 * size.profiles_mb,
    "select_features": lambda size: 60 + 0.5 * size.profiles_mb,
    "correct_batches": lambda size: 60 + size.profiles_mb,
    "build_consensus": lambda size: 60 + 0.2 * size.profiles_mb,
    # The null, and all pairs: 86 s with 100,000 treatments.
    "build_network": lambda size: 120 + 0.2 * size.profiles_mb + 0.002 * size.treatment_pairs_mb,
    "shortlist_perturbations": lambda size: 120 + 0.01 * size.treatments,
    # 239 s with 4,784 annotated perturbations.
    "evaluate_network": lambda size: (
        120 + 0.003 * size.wells + 2 * size.annotated_pairs_mb + size.annotated_treatment_pairs_mb
    ),
    "score_batches": lambda size: 120 + size.profiles_mb + 0.03 * size.well_pairs_mb,
    "score_differences": lambda size: 120 + size.profiles_mb + 0.03 * size.well_pairs_mb + 10 * size.annotated_pairs_mb,
    # Twenty times the scales that distances are measured in, with nine tenths of the features left out before.
    "call_hits": lambda size: 120 + 2e-9 * size.wells * size.features**2 + 1e-8 * size.features**3,
    "fit_dose_response": lambda size: 60 + 0.2 * size.treatments,
    # 0.1 s a treatment and thousand features.
    "explain_treatments": lambda size: 120 + 2e-4 * size.treatments * size.features,
    "explain_features": lambda size: 120 + 5 * size.profiles_mb,
    "show_exemplars": lambda size: 180 + 0.5 * size.wells,
    "report_network": lambda size: 60 + 0.001 * size.treatments,
    "report_campaign": lambda size: 120 + 0.5 * size.profiles_mb,
}
