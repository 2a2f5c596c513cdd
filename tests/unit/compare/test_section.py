import numpy as np
import pytest

from platewise.compare.section import cell, header, median, name_few, relative_change, signed_percent


def test_relative_changes_of_nothing_are_no_numbers_that_lie():
    old, new = np.array([10, 0, 0, np.nan, 4]), np.array([15, 0, 3, 1, np.nan])
    assert relative_change(old, new).tolist()[:3] == [0.5, 0.0, np.inf]
    assert np.isnan(relative_change(old, new)[3:]).all()


def test_the_median_leaves_out_what_is_unknown():
    assert median(np.array([1, np.nan, 3])) == 2
    assert np.isnan(median(np.array([np.nan])))
    assert np.isnan(median([]))


@pytest.mark.parametrize(
    ("change", "words"),
    [(0.0, "0 %"), (0.123, "+12 %"), (-0.004, "-0.4 %"), (np.inf, "from none"), (np.nan, "not known")],
)
def test_percentages_carry_their_sign(change, words):
    assert signed_percent(change) == words


def test_cells_and_headers_are_words():
    assert [cell(value) for value in (np.float32(0.25), 1200, np.True_, np.nan, None, "a")] == [
        "0.250",
        "1,200",
        "yes",
        "-",
        "-",
        "a",
    ]
    assert [header(name) for name in ("CellsOld", "Metadata_Plate", "SharedMOA", "QValueNew", "MOA")] == [
        "Cells old",
        "Plate",
        "Shared MOA",
        "Q value new",
        "MOA",
    ]


def test_of_many_names_a_few_are_told():
    assert name_few(["a", "b"]) == "a, b"
    assert name_few(list("abcdefg"), 3) == "a, b, c and 4 more"
