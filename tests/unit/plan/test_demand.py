"""What rules ask for is held against what was measured: benchmarks/measured.tsv."""

import csv
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from platewise.plan.demand import SNAKEMAKE_MB, Size, memory_mb, runtime_min

MEASURED = Path(__file__).parents[3] / "benchmarks" / "measured.tsv"


def measured(*campaigns, without=()):
    """The figures of the recorded campaigns, or of some of them."""
    with MEASURED.open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle, delimiter="\t") if row["rule"] not in without]
    return [
        pytest.param(
            row,
            Size(**{name: float(row[name]) for name in asdict(Size())}),
            id="-".join(row[name] for name in ("campaign", "rule", "features", "fields", "wells")),
        )
        for row in rows
        if not campaigns or row["campaign"] in campaigns
    ]


@pytest.mark.parametrize(("row", "size"), measured())
def test_the_first_try_is_enough(row, size):
    assert int(row["memory_mb"]) + SNAKEMAKE_MB <= memory_mb(row["rule"], size)
    # Snakemake starts twice before the script does.
    assert int(row["elapsed_s"]) + 20 <= runtime_min(row["rule"], size) * 60


# Measured without the GPU whose host memory they ask for; and, score_differences, where no treatment had many wells.
NOT_AT_THEIR_LARGEST = ("train_embedding", "embed_block", "score_differences")


@pytest.mark.parametrize(("row", "size"), measured("tiled", "made_up", without=NOT_AT_THEIR_LARGEST))
def test_large_jobs_do_not_ask_for_much_more(row, size):
    assert memory_mb(row["rule"], size) <= 2.2 * (int(row["memory_mb"]) + SNAKEMAKE_MB)


CAMPAIGN_RULES = [
    "import_profiles",
    "normalise_plates",
    "select_features",
    "correct_batches",
    "build_consensus",
    "build_network",
    "evaluate_network",
    "shortlist_perturbations",
    "score_batches",
    "score_differences",
    "call_hits",
    "fit_dose_response",
    "explain_treatments",
    "explain_features",
    "show_exemplars",
    "score_ploidy",
    "report_network",
    "report_campaign",
]


@pytest.mark.parametrize("rule", CAMPAIGN_RULES)
def test_twenty_wells_need_no_more_than_the_libraries(rule):
    # UMAP compiles its code anew in each process.
    most = 1000 if rule == "build_network" else 800
    assert memory_mb(rule, Size(features=1000, wells=20, treatments=20)) <= most


def test_memory_follows_what_it_depends_on():
    block = Size(channels=5, fields=144, block_fields=144, features=1100, batch=4)
    # 21 fields of 89 MB.
    assert memory_mb("segment_block", block) == 2600
    # One table of cells, 302 MB, is held 2.2 times.
    assert memory_mb("measure_block", block) == 2500
    # torch and CUDA hold memory of the host, too.
    assert memory_mb("measure_block", replace(block, gpus=1)) == 5000
    whole_plate = Size(channels=5, fields=3456, block_fields=3456, features=1100, batch=4)
    assert memory_mb("segment_block", whole_plate) == memory_mb("segment_block", block)
    assert memory_mb("measure_block", whole_plate) > 10_000
    # Every two of 9,600 wells, or of as many treatments.
    wells = Size(features=1000, wells=9600, treatments=1000)
    treatments = Size(features=1000, wells=9600, treatments=9600)
    assert memory_mb("score_batches", wells) == memory_mb("score_batches", treatments) == 2900
    # Distances between more wells are taken in pieces: 96,000 need 4.4 GB for profiles, and not 180 for pairs.
    many = replace(wells, wells=96_000)
    assert memory_mb("score_batches", many) == 8100
    assert memory_mb("score_differences", many) == 9600
    # Whole matrices are of what has a known mechanism, however many treatments there are.
    screen = Size(features=1000, wells=200_000, treatments=100_000, annotated=2000, annotated_treatments=2000)
    assert memory_mb("evaluate_network", screen) == memory_mb("evaluate_network", replace(screen, treatments=2001))
    assert memory_mb("evaluate_network", screen) < 16_000
    assert memory_mb("score_differences", screen) < 17_000
    # Two bytes and more for every two annotated treatments: 80,000 need 100 GB.
    assert memory_mb("evaluate_network", replace(screen, annotated_treatments=80_000)) > 100_000
    # Pairs are looked at block by block.
    assert memory_mb("build_network", treatments) == memory_mb("build_network", wells)


def test_time_follows_the_fields_of_a_block():
    # 8 s a field and a minute, times four.
    assert runtime_min("segment_block", Size(fields=144)) == 90
    assert runtime_min("segment_block", Size(fields=9)) == 30
