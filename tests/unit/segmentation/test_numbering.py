"""Objects numbered without gaps."""

import numpy as np
import pytest

from platewise.segmentation.numbering import without_gaps


@pytest.mark.parametrize(
    ("label", "numbered", "numbers"),
    [
        ([[0, 5], [2_000_000_000, 5]], [[0, 1], [2, 1]], [0, 5, 2_000_000_000]),
        ([[9, 9], [3, 3]], [[2, 2], [1, 1]], [0, 3, 9]),
        ([[0, 0]], [[0, 0]], [0]),
    ],
)
def test_numbers_are_counted_in_their_order_and_can_be_put_back(label, numbered, numbers):
    label = np.array(label, np.int32)
    found, had = without_gaps(label)
    assert (found.dtype, had.dtype) == (np.int32, np.int32)
    assert (found.tolist(), had.tolist()) == (numbered, numbers)
    np.testing.assert_array_equal(had[found], label)
