"""How large the jobs on annotated images are, from the config and the index alone."""

import pytest

from platewise.config.segmenters import NetworkSegmenter
from platewise.plan.campaign import load_campaign
from platewise.plan.demand import Size, memory_mb, runtime_min
from platewise.plan.sizes import (
    size_of_annotations,
    size_of_block,
    size_of_contender,
    size_of_evaluation,
    size_of_ranking,
    size_of_segmenter,
)

BATCH, CROP, WIDTH = (NetworkSegmenter.model_fields[key].default for key in ("batch", "crop", "width"))


@pytest.fixture
def campaign(tmp_path):
    """Forty annotated images of two classes, and a plate of four wells whose fields a network segments."""
    rows = [f"{n}.png,{n}.png,g{n},{'grey' if n < 30 else 'rgb'}" for n in range(40)]
    (tmp_path / "index.csv").write_text("\n".join(["image,label,group,class", *rows]) + "\n")
    (tmp_path / "map.txt").write_text("well_position\tcompound\nA01\tDMSO\nA02\tx\nB01\ty\nB02\tz\n")
    sheet = "plate\tbatch\treader\timages\tplatemap\tfields_per_well\n"
    (tmp_path / "plates.tsv").write_text(f"{sheet}P1\tb1\tphenix\t{tmp_path}\t{tmp_path}/map.txt\t3\n")
    net = {"engine": "flow", "segmenter": "flow", "nucleus_diameter": 20}
    return load_campaign(
        {
            "campaign": "test",
            "plates": str(tmp_path / "plates.tsv"),
            "plate_format": 6,
            "metadata": {"key": "compound", "negcon": ["DMSO"]},
            "images": {"channels": {"DNA": "1", "ER": "2"}},
            "segmentation": {"nuclei_channel": "DNA", "cell_channels": ["ER"], "nuclei": net},
            "annotations": {"made_up": {"index": str(tmp_path / "index.csv"), "folds": 4}},
            "segmenters": {
                "flow": {"engine": "flow", "annotations": "made_up", "steps": 1000},
                "wide": {
                    "engine": "unet",
                    "annotations": "made_up",
                    "classes": ["rgb"],
                    "width": 2 * WIDTH,
                    "crop": 2 * CROP,
                    "steps": 100,
                },
                "tuned": {"engine": "tuned", "annotations": "made_up", "images_per_class": 3, "trials": 10},
            },
            "segmentation_evaluation": {
                "annotations": "made_up",
                "contenders": {
                    "classical": {"engine": "classical"},
                    "both": {"engine": "ensemble", "segmenters": ["flow", "wide"], "nucleus_diameter": 20},
                },
                "reference": "classical",
                "resamples": 300,
            },
            "ranking": {"fields": 10, "committee": [net]},
        }
    )


def test_annotated_images(campaign):
    # Half a megapixel each, where nobody says.
    assert size_of_annotations(campaign, "made_up") == Size(megapixels=20)


def test_trainings_count_steps_of_the_default_network(campaign):
    assert size_of_segmenter(campaign, "flow") == Size(megapixels=20, networks=1, batch=BATCH, steps=1000)
    # Twice as wide and twice as large: sixteen times the work.
    wide = size_of_segmenter(campaign, "wide")
    # Eight times as much is held: the width counts once.
    assert (wide.megapixels, wide.steps, wide.batch) == (5, 1600, 8 * BATCH)


def test_a_search_counts_trials_on_images(campaign):
    assert size_of_segmenter(campaign, "tuned") == Size(megapixels=3, steps=60)


def test_contenders_and_their_comparison(campaign):
    assert size_of_contender(campaign, "classical") == Size(megapixels=5)
    assert size_of_contender(campaign, "both") == Size(megapixels=5, networks=2)
    assert size_of_evaluation(campaign) == Size(wells=80)


def test_fields_seen_by_networks(campaign):
    (block,) = campaign.plates["P1"].blocks
    size = size_of_block(campaign, "P1", block)
    assert (size.fields, size.networks) == (12, 1)
    classical = Size(channels=2, fields=12, block_fields=12, features=440, batch=4)
    assert memory_mb("segment_block", size) > memory_mb("segment_block", classical) + 2500
    assert runtime_min("segment_block", size) > runtime_min("segment_block", classical)
    assert size_of_ranking(campaign) == Size(channels=2, fields=10, batch=1, networks=2)
