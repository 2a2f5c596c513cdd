"""Cells and nuclei drawn by hand, in one row of pixels or on a small grid."""

import numpy as np

from platewise.segmentation.engine import number_in_order
from platewise.segmentation.pairing import pair_cells, piece_with


def label(text):
    """A label image from digits; a dot is background."""
    rows = text.split()
    return np.array([[0 if sign == "." else int(sign) for sign in row] for row in rows], dtype=np.int32)


def test_each_nucleus_gets_the_cell_that_covers_it():
    found = label("111.2222")
    nuclei = label(".5...7..")
    np.testing.assert_array_equal(pair_cells(found, nuclei), label("555.7777"))


def test_a_cell_without_a_nucleus_is_dropped():
    np.testing.assert_array_equal(pair_cells(label("111.2222"), label(".1......")), label("111....."))


def test_a_nucleus_without_a_cell_is_a_cell_by_itself():
    np.testing.assert_array_equal(pair_cells(label("111....."), label(".1...22.")), label("111..22."))


def test_a_nucleus_of_which_less_than_half_is_covered_leaves_the_cell_to_the_other_one():
    found, nuclei = label("11111..."), label(".1..222.")
    np.testing.assert_array_equal(pair_cells(found, nuclei), label("1111222."))


def test_a_nucleus_that_sticks_out_of_its_cell_makes_it_larger():
    np.testing.assert_array_equal(pair_cells(label("111....."), label("..11....")), label("1111...."))


def test_a_cell_with_two_nuclei_is_divided_halfway():
    found = label("1111111111")
    nuclei = label("1........2")
    np.testing.assert_array_equal(pair_cells(found, nuclei), label("1111122222"))


def test_a_cell_is_divided_within_itself():
    # The way from 2 to the lower left is shorter through the other cell, which it may not take.
    found = label("11111 12222 12222 11111")
    nuclei = label("....1 ..3.. ..... ....2")
    expected = label("11111 13333 23333 22222")
    np.testing.assert_array_equal(pair_cells(found, nuclei), expected)


def test_what_a_nucleus_cuts_off_is_left_and_a_hole_is_filled():
    found = label("1111111 1111111 1111111")
    # Nucleus 2 owns the small cell in the middle only; the right of cell 1 is cut off by it.
    found[:, 4] = 2
    nuclei = label("....... .1..2.. .......")
    np.testing.assert_array_equal(pair_cells(found, nuclei), label("11112.. 11112.. 11112.."))
    ring = label("11111 1...1 11111")
    np.testing.assert_array_equal(pair_cells(ring, label("11... ..... .....")), label("11111 11111 11111"))


def test_a_hole_with_another_cell_in_it_stays_that_cells():
    found = label("11111 11211 11111")
    np.testing.assert_array_equal(pair_cells(found, label("1.... ..2.. .....")), label("11111 11211 11111"))


def test_no_nuclei_no_cells():
    assert not pair_cells(label("111.22"), label("......")).any()
    assert not pair_cells(label("......"), label("......")).any()


def test_any_labels_become_paired_ones():
    rng = np.random.default_rng(0)
    for _ in range(20):
        found, nuclei = (np.kron(rng.integers(0, 6, (8, 8)), np.ones((4, 4), int)).astype(np.int32) for _ in range(2))
        nuclei = np.roll(nuclei, 2, axis=0)
        cells = pair_cells(found, nuclei)
        # Refuses a nucleus outside its cell and a cell without a nucleus.
        number_in_order(nuclei, cells)
        # Nothing is made up: a cell is of what was found, or a nucleus, or a hole between such.
        assert set(np.unique(cells)) == set(np.unique(nuclei)) | {0}


def test_the_piece_that_shares_most_with_the_nucleus():
    inside = label("11.111. .......") > 0
    nucleus = label(".1.11.. .......") > 0
    np.testing.assert_array_equal(piece_with(nucleus & inside, inside), label("...111. .......") > 0)
