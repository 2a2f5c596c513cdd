"""Means, intervals and differences on rows whose answers can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from platewise.errors import DataError
from platewise.evaluation.inference import bootstrap_interval, paired_p
from platewise.evaluation.items import Items
from platewise.segmentation.evaluation import COLUMNS
from platewise.segmentation.scoring import SCORES
from platewise.segmentation.summary import ablate, compare_engines, summarise


def rows_of(engine, values, classes=None, groups=None, seconds=1.0):
    """Rows whose every score is the value of the image."""
    count = len(values)
    table = pd.DataFrame(
        {
            "Engine": engine,
            "Image": [f"i{place:03d}" for place in range(count)],
            "Class": classes or ["dots"] * count,
            "Group": groups or [f"g{place}" for place in range(count)],
            "Fold": 0,
        }
        | {name: np.asarray(values, float) for name in SCORES}
        | {"Objects": 5, "Predicted": 5, "Megapixels": 0.25, "Seconds": seconds, "WallSeconds": 1.0}
        | {"PeakMB": 100.0 + np.arange(count)}
    )
    return table[list(COLUMNS)]


def pick(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_means_over_images_by_class_and_over_all():
    rows = rows_of("mine", [1.0, 0.5, 0.0], ["dots", "dots", "blobs"], ["a", "a", "b"])
    summary = summarise(rows)

    assert list(dict.fromkeys(summary["Class"])) == ["all", "blobs", "dots"]
    assert pick(summary, Class="all", Measure="f1@0.7").Value == pytest.approx(0.5)
    assert pick(summary, Class="dots", Measure="dsb_score").Value == pytest.approx(0.75)
    everything = pick(summary, Class="all", Measure="aji")
    assert (everything.Images, everything.Groups, everything.Note) == (3, 2, "too few for a claim")


def test_thirty_images_are_enough_for_a_claim():
    few = summarise(rows_of("mine", [0.5] * 29))
    enough = summarise(rows_of("mine", [0.5] * 30))
    assert set(few["Note"]) == {"too few for a claim"}
    assert set(enough["Note"]) == {""}


def test_speed_is_the_ratio_of_sums_and_memory_the_highest():
    summary = summarise(rows_of("mine", [1, 1, 1, 1], seconds=[1, 1, 1, 3]))
    assert pick(summary, Class="all", Measure="seconds_per_megapixel").Value == pytest.approx(6 / 1)
    memory = pick(summary, Class="all", Measure="peak_mb")
    assert (memory.Value, memory.Low) == (103, pytest.approx(np.nan, nan_ok=True))


def test_images_of_a_group_are_drawn_together():
    # Twenty crops of two fields: as many images, but two values. Drawn one by one they would seem certain.
    values = [1.0] * 10 + [0.0] * 10
    together = pick(summarise(rows_of("m", values, groups=["a"] * 10 + ["b"] * 10)), Class="all", Measure="pq")
    apart = pick(summarise(rows_of("m", values)), Class="all", Measure="pq")
    assert (together.Low, together.High) == (0, 1)
    assert 0.25 <= apart.Low < 0.4 < 0.6 < apart.High <= 0.75


def test_intervals_are_those_of_the_campaigns_scores():
    rng = np.random.default_rng(5)
    values, groups = rng.random(600), rng.integers(0, 200, 600)
    mine = summarise(rows_of("m", values, groups=[f"g{group:03d}" for group in groups]), resamples=4000)
    found = pick(mine, Class="all", Measure="f1@0.5")
    low, high = bootstrap_interval(Items(values, groups), 4000, np.random.default_rng(1))
    assert (found.Low, found.High) == pytest.approx((low, high), abs=0.01)


def test_one_group_has_no_interval():
    found = pick(summarise(rows_of("m", [0.2, 0.4], groups=["a", "a"])), Class="all", Measure="pq")
    assert found.Value == pytest.approx(0.3)
    assert np.isnan(found.Low)
    assert np.isnan(found.High)


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    rows = rows_of("m", rng.random(40), groups=[f"g{place % 7}" for place in range(40)])
    pd.testing.assert_frame_equal(summarise(rows.sample(frac=1, random_state=1)), summarise(rows))


def test_differences_are_paired_by_image():
    # Better by exactly a tenth on each of eight images, whose scores differ widely.
    base = np.linspace(0, 0.8, 8)
    rows = pd.concat([rows_of("old", base), rows_of("new", base + 0.1).sample(frac=1, random_state=0)])
    found = compare_engines(rows, "old", permutations=20000)

    assert set(found["Engine"]) == {"new"}
    one = pick(found, Class="all", Measure="f1@0.7")
    assert (one.Difference, one.Low, one.High) == pytest.approx((0.1, 0.1, 0.1))
    # Of 256 exchanges, two are as far from 0.
    assert one.PValue == pytest.approx(2 / 256, abs=0.003)
    assert (one.Images, one.Note) == (8, "too few for a claim")


def test_a_difference_downwards_is_as_significant_as_upwards():
    base = np.linspace(0.1, 0.9, 8)
    rows = pd.concat([rows_of("a", base), rows_of("b", base + 0.05)])
    up, down = compare_engines(rows, "a"), compare_engines(rows, "b")
    np.testing.assert_allclose(up["Difference"], -down["Difference"])
    np.testing.assert_allclose(up["PValue"], down["PValue"])


def test_p_is_twice_that_of_the_campaigns_one_sided_test():
    rng = np.random.default_rng(2)
    base, groups = rng.random(40), rng.integers(0, 15, 40)
    better = base + rng.normal(0.04, 0.1, 40)
    names = [f"g{group:03d}" for group in groups]
    rows = pd.concat([rows_of("a", base, groups=names), rows_of("b", better, groups=names)])
    found = pick(compare_engines(rows, "a", permutations=20000), Class="all", Measure="pq").PValue
    expected = paired_p(Items(better, groups), Items(base, groups), 20000, np.random.default_rng(3))
    assert found == pytest.approx(2 * expected, abs=0.01)


def test_engines_with_equal_scores_do_not_differ():
    rows = pd.concat([rows_of("a", [0.3, 0.6]), rows_of("b", [0.3, 0.6])])
    one = pick(compare_engines(rows, "a"), Class="all", Measure="pq")
    assert (one.Difference, one.PValue) == (0, 1)


def test_engines_must_be_run_on_the_same_images():
    rows = pd.concat([rows_of("a", [0.3, 0.6]), rows_of("b", [0.3])])
    with pytest.raises(
        DataError, match=r"engines a and b: only one of them was evaluated on image i001 \(1 such\). Hint"
    ):
        summarise(rows)
    with pytest.raises(DataError, match=r"engine a: image i000 was evaluated twice. Hint"):
        summarise(pd.concat([rows_of("a", [0.3]), rows_of("a", [0.4])]))


def test_the_reference_must_be_there():
    with pytest.raises(DataError, match=r"engine c: not evaluated. Hint: one of a, b"):
        compare_engines(pd.concat([rows_of("a", [0.3]), rows_of("b", [0.3])]), "c")


def test_no_class_may_be_called_all():
    with pytest.raises(DataError, match=r"class all: the name stands for all images together. Hint"):
        summarise(rows_of("a", [0.3], ["all"]))


ENSEMBLE = {
    "both": ("x", "y"),
    "both only x": ("x",),
    "both only y": ("y",),
}


def test_ablation_tells_what_each_member_adds():
    base = np.linspace(0.2, 0.8, 40)
    rows = pd.concat(
        [
            rows_of("other", base),
            rows_of("both only y", base - 0.2),
            rows_of("both", base),
            rows_of("both only x", base - 0.05),
        ]
    )
    table = ablate(rows, ENSEMBLE)
    overall = table[(table["Class"] == "all") & (table["Measure"] == "f1@0.7")]

    assert overall["Engine"].tolist() == ["both", "both only x", "both only y"]
    assert overall["Members"].tolist() == ["x|y", "x", "y"]
    assert overall["Difference"].tolist() == pytest.approx([np.nan, -0.05, -0.2], nan_ok=True)
    assert overall["Value"].tolist() == pytest.approx([0.5, 0.45, 0.3])
    assert (overall["PValue"].iloc[1:] < 0.001).all()


def test_ablation_needs_every_part():
    with pytest.raises(DataError, match=r"ablation of both: both only y was not evaluated. Hint"):
        ablate(pd.concat([rows_of("both", [0.5]), rows_of("both only x", [0.5])]), ENSEMBLE)
