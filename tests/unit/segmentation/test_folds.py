"""Annotated images are dealt to folds by group, a share of each class to each fold, whatever the order of the rows."""

import hashlib
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platewise.config.annotations import AnnotationColumns
from platewise.segmentation.annotations import read_index
from platewise.segmentation.folds import grouped_folds


def read_dsb():
    data = os.environ.get("PLATEWISE_DATA")
    if not data:
        pytest.skip("set PLATEWISE_DATA to the folder of real data (dsb2018/)")
    columns = AnnotationColumns(group="source_group", image_class="image_class")
    return read_index(f"{data}/dsb2018/index.csv", columns)


def test_equal_groups_are_dealt_evenly_within_each_class():
    groups = [f"g{number}" for number in range(20)]
    classes = ["a"] * 15 + ["b"] * 5
    folds = grouped_folds(groups, classes, 5)
    assert Counter(zip(classes, folds.tolist(), strict=True)) == {
        **{("a", fold): 3 for fold in range(5)},
        **{("b", fold): 1 for fold in range(5)},
    }


def test_a_large_group_takes_a_fold_for_itself():
    groups = ["large"] * 4 + ["p", "q", "r", "s"]
    folds = grouped_folds(groups, ["a"] * 8, 2)
    assert set(folds[:4].tolist()) == {0}
    assert set(folds[4:].tolist()) == {1}


def test_a_group_of_several_classes_stays_whole():
    folds = grouped_folds(["x", "x", "x", "y"], ["a", "b", "b", "a"], 2)
    assert folds[0] == folds[1] == folds[2] != folds[3]


def test_another_seed_deals_otherwise():
    groups = [f"g{number}" for number in range(40)]
    assert not np.array_equal(grouped_folds(groups, ["a"] * 40, 5, 0), grouped_folds(groups, ["a"] * 40, 5, 1))


def test_the_split_is_fixed():
    """Weights that were trained elsewhere rely on it."""
    groups = [f"m{number}" for number in range(12)]
    assert grouped_folds(groups, ["a"] * 12, 3).tolist() == [1, 0, 0, 1, 1, 2, 0, 0, 2, 2, 2, 1]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc")), min_size=1, max_size=40),
    st.integers(2, 6),
    st.randoms(use_true_random=False),
)
def test_no_group_is_parted_and_the_order_of_rows_does_not_matter(rows, folds, random):
    groups, classes = [f"g{group}" for group, _ in rows], [kind for _, kind in rows]
    found = dict(zip(groups, grouped_folds(groups, classes, folds).tolist(), strict=True))
    assert [found[group] for group in groups] == grouped_folds(groups, classes, folds).tolist()
    order = list(range(len(rows)))
    random.shuffle(order)
    again = grouped_folds([groups[i] for i in order], [classes[i] for i in order], folds)
    assert [found[groups[i]] for i in order] == again.tolist()
    # None is empty where there are as many groups.
    if len(found) >= folds:
        assert set(found.values()) == set(range(folds))


@pytest.mark.data
def test_the_folds_of_the_shipped_comparison_are_those_on_record():
    """docs/methods.md has the digest: whoever trains anew is tested on the same images."""
    images = read_dsb()
    groups = [one.group for one in images]
    folds = grouped_folds(groups, [one.image_class for one in images], 3)
    dealt = sorted(set(zip(groups, folds.tolist(), strict=True)))
    digest = hashlib.sha256("".join(f"{group}\t{fold}\n" for group, fold in dealt).encode()).hexdigest()
    assert digest in (Path(__file__).parents[3] / "docs" / "methods.md").read_text()


@pytest.mark.data
def test_the_real_images_are_split_without_a_leak():
    images = read_dsb()
    groups, classes = [one.group for one in images], [one.image_class for one in images]
    folds = grouped_folds(groups, classes, 5)
    assert len(set(groups)) == len(set(zip(groups, folds.tolist(), strict=True))) == 436
    counts = Counter(zip(classes, folds.tolist(), strict=True))
    for kind, total in Counter(classes).items():
        assert all(abs(counts[kind, fold] - total / 5) <= 1 for fold in range(5)), kind
