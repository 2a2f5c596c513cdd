"""The table of annotated images, and which of them a segmenter may learn from."""

import numpy as np
import pytest
from annotated_images import write_annotated

from platewise.config.annotations import AnnotationColumns
from platewise.errors import DataError
from platewise.segmentation.annotated import (
    digest_of,
    inventory_annotations,
    learned_from,
    load_annotated,
    validation_rows,
)
from platewise.tables import read_table


@pytest.fixture
def index(tmp_path):
    return write_annotated(tmp_path / "images", images=12, side=48)


def inventory(index, folds=3):
    target = index.parent / "folds.parquet"
    inventory_annotations(index, target, AnnotationColumns(), folds, seed=0)
    return read_table(target)


def test_every_image_has_a_row_and_a_fold(index):
    table = inventory(index)
    assert list(table["Name"]) == [f"images/{number:02d}.png" for number in range(12)]
    assert table.groupby("Group")["Fold"].nunique().eq(1).all()
    assert table.groupby("Fold").size().tolist() == [4, 4, 4]
    assert dict(table.groupby("Class")["Channels"].first()) == {"cells": 1, "tissue": 3}
    assert (table["Height"] == 48).all()
    assert (table["Objects"] > 0).all()


def test_the_same_images_give_the_same_bytes(index, tmp_path):
    inventory(index)
    before = (index.parent / "folds.parquet").read_bytes()
    inventory(index)
    assert (index.parent / "folds.parquet").read_bytes() == before


def test_every_image_that_cannot_be_used_is_named(index):
    (index.parent / "images/03.png").unlink()
    (index.parent / "labels/07.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="2 of 12 annotated images cannot be used") as error:
        inventory(index)
    assert "images/03.png" in str(error.value)
    assert "labels/07.png" in str(error.value)


def test_a_segmenter_learns_from_all_folds_but_one(index):
    table = inventory(index)
    assert set(learned_from(table, "1")["Fold"]) == {0, 2}
    assert len(learned_from(table, "all")) == 12
    assert set(learned_from(table, "all", ["tissue"])["Class"]) == {"tissue"}
    with pytest.raises(DataError, match=r"no annotated image of other outside of fold 0\. Hint: "):
        learned_from(table, "0", ["other"])


def test_images_to_look_at_are_whole_groups_and_none_where_nothing_would_be_left(index):
    table = inventory(index)
    held = validation_rows(table, 0.25, seed=0)
    assert 0 < held.sum() < 12
    assert set(table["Group"][held]).isdisjoint(table["Group"][~held])
    assert not validation_rows(table, 0, seed=0).any()
    assert not validation_rows(table[table["Group"] == "g0"], 0.25, seed=0).any()


def test_images_are_read_as_the_table_promises(index):
    table = inventory(index)
    one = next(load_annotated(table))
    assert (one.name, one.group, one.image_class, one.image.dtype) == ("images/00.png", "g0", "cells", np.float32)
    assert one.label.max() == table["Objects"][0]


def test_a_label_that_was_edited_since_is_told_and_counts_when_read_again(index):
    table = inventory(index)
    (index.parent / "labels/00.png").write_bytes((index.parent / "labels/01.png").read_bytes())
    with pytest.raises(DataError, match=r"images/00.png: .* has changed .* Hint: .*--forcerun inventory_annotations"):
        next(load_annotated(table))
    again = inventory(index)
    assert again["Digest"][0] != table["Digest"][0]
    assert again["Digest"][1] == table["Digest"][1]
    assert digest_of(again) != digest_of(table)
    assert digest_of(table[::-1]) == digest_of(table)
