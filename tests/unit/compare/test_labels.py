import numpy as np
import pandas as pd
from small_run import label_image, write_store

from platewise.columns import PLATE, SITE, WELL
from platewise.compare.labels import compare_labels, draw


def _fields(*wells):
    return pd.DataFrame({PLATE: "P1", WELL: wells, SITE: 1})


def test_agreement_is_the_share_of_matched_objects(pair):
    """Of two squares one is moved by half its width: an IoU of a third is no match, F1 is a half."""
    found = pair()
    write_store(found.old.folder, "P1", {"A01": label_image(), "A02": label_image()})
    write_store(found.new.folder, "P1", {"A01": label_image(5), "A02": label_image(1)})
    section = compare_labels(found, _fields("A01", "A02"), 2, 20, 0)
    # Moved by a tenth, the IoU is 90 / 110.
    assert section.rows("fields").to_numpy().tolist() == [["P1", "A01", 1, 0.5, 0.5], ["P1", "A02", 1, 1.0, 1.0]]
    assert section.facts == {"differ": 2, "scored": 2, "unread": 0, "nuclei_f1": 0.75, "cells_f1": 0.75}


def test_stores_that_are_gone_and_other_sizes_are_said(pair):
    found = pair()
    write_store(found.old.folder, "P1", {"A01": label_image(), "A02": label_image()})
    write_store(found.new.folder, "P1", {"A01": label_image()[:30]})
    section = compare_labels(found, _fields("A01", "A02"), 2, 20, 0)
    assert section.facts["scored"] == 0
    assert section.facts["unread"] == 2
    assert np.isnan(section.facts["cells_f1"])
    other = compare_labels(found, _fields("A01").assign(**{PLATE: "P2"}), 2, 20, 0)
    assert other.sentences == [
        f"The labels of 1 field could not be read, as of {found.old.store('P2')}: there is no plate store."
    ]
    assert "The labels of 2 fields could not be read, as of P1 A01 field 1: (40, 60) pixels" in section.sentences[0]


def test_nothing_is_scored_where_nothing_differs(pair):
    found = pair()
    same, none = (compare_labels(found, _fields(), good, 20, 0) for good in (3, 0))
    assert (same.moved, same.sentences) == (None, ["No label differs in the 3 fields that both have as good."])
    assert (none.moved, none.sentences) == (None, ["No field is good in both: no label is compared."])


def test_the_draw_is_even_and_repeatable():
    assert draw(3, 5, 0).tolist() == [0, 1, 2]
    chosen = draw(1000, 50, 1)
    assert len(set(chosen)) == 50
    assert (np.diff(chosen) > 0).all()
    assert chosen.tolist() == draw(1000, 50, 1).tolist()
    assert chosen.tolist() != draw(1000, 50, 2).tolist()
    assert (np.histogram(draw(1000, 500, 3), bins=4, range=(0, 1000))[0] > 90).all()
