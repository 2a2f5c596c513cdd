import numpy as np
import pytest
from scipy.stats import rankdata

from platewise.config.measure import CorrelationGroup
from platewise.measure import correlation
from platewise.measure.names import correlation_names

SETTINGS = CorrelationGroup()


def measured(compartment, channels):
    table = correlation.measure(compartment, channels, SETTINGS)
    names = correlation_names(channels, SETTINGS)
    return {name.removeprefix("Correlation_"): table[:, i] for i, name in enumerate(names)}


def test_names_hold_both_orders_where_they_differ():
    assert correlation_names(["A", "B"], SETTINGS) == [
        "Correlation_Correlation_A_B",
        "Correlation_Overlap_A_B",
        "Correlation_K_A_B",
        "Correlation_K_B_A",
        "Correlation_Manders_A_B",
        "Correlation_Manders_B_A",
        "Correlation_RWC_A_B",
        "Correlation_RWC_B_A",
    ]


def test_equal_values_share_a_rank():
    values = np.array([5, 1, 3, 3, -2, 5], np.float32)
    assert correlation.dense_ranks(values).tolist() == [3, 1, 2, 2, 0, 3]
    assert correlation.dense_ranks(values[:0]).tolist() == []


def test_four_pixels_by_hand(compartment_of):
    found = measured(compartment_of([[1, 1, 1, 1]], [[1, 10, 20, 5]], [[8, 1, 20, 10]]), ["A", "B"])
    # Thresholds are 3 in both; in both lie only the last two pixels: (20, 20) and (5, 10).
    # Ranks of A: 0, 2, 3, 1; of B: 1, 0, 3, 2; four of them.
    expected = {
        "Overlap_A_B": 450 / np.sqrt(425 * 500),
        "K_A_B": 450 / 425,
        "K_B_A": 450 / 500,
        "Manders_A_B": 25 / 35,
        "Manders_B_A": 30 / 38,
        "RWC_A_B": (20 * 1 + 5 * 0.75) / 35,
        "RWC_B_A": (20 * 1 + 10 * 0.75) / 38,
        "Correlation_A_B": np.corrcoef([1, 10, 20, 5], [8, 1, 20, 10])[0, 1],
    }
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected)


def test_proportional_channels(compartment_of):
    image = np.arange(1.0, 10.0).reshape(3, 3)
    found = measured(compartment_of(np.ones((3, 3)), image, 2 * image), ["A", "B"])
    assert found["Correlation_A_B"][0] == pytest.approx(1)
    assert found["Overlap_A_B"][0] == pytest.approx(1)
    assert (found["K_A_B"][0], found["K_B_A"][0]) == pytest.approx((2, 0.5))
    assert found["Manders_A_B"][0] == found["RWC_A_B"][0] == pytest.approx(1)


def test_an_even_channel_has_no_correlation(compartment_of):
    found = measured(compartment_of([[1, 1, 1]], [[2, 2, 2]], [[1, 2, 3]]), ["A", "B"])
    assert np.isnan(found["Correlation_A_B"][0])
    assert found["Manders_A_B"][0] == pytest.approx(1)


def test_one_channel_has_no_pairs(compartment_of):
    assert correlation.measure(compartment_of([[1, 1]], [[1, 2]]), ["A"], SETTINGS).shape == (1, 0)


def test_correlations_are_those_of_a_naive_version(blob_compartment):
    found = measured(blob_compartment, ["A", "B", "C"])
    objects, images = blob_compartment.objects, blob_compartment.image
    everywhere = objects.labels > 0
    ranks = np.zeros(images.shape)
    for image, rank in zip(images, ranks, strict=True):
        rank[everywhere] = rankdata(image[everywhere], method="dense")
    for i, j in ((0, 1), (0, 2), (1, 2)):
        count = max(ranks[i].max(), ranks[j].max())
        for k in range(objects.count):
            mask = objects.labels == k + 1
            a, b = images[i][mask], images[j][mask]
            weight = 1 - np.abs(ranks[i][mask] - ranks[j][mask]) / count
            bright_a, bright_b = a >= np.float32(0.15) * a.max(), b >= np.float32(0.15) * b.max()
            a, b, both = a.astype(float), b.astype(float), bright_a & bright_b
            pair = f"{'ABC'[i]}_{'ABC'[j]}"
            expected = {
                f"Overlap_{pair}": (a * b)[both].sum() / np.sqrt((a**2)[both].sum() * (b**2)[both].sum()),
                f"K_{pair}": (a * b)[both].sum() / (a**2)[both].sum(),
                f"Manders_{pair}": a[both].sum() / a[bright_a].sum(),
                f"RWC_{pair[::-1]}": (b * weight)[both].sum() / b[bright_b].sum(),
            }
            if len(a) > 1:
                expected[f"Correlation_{pair}"] = np.corrcoef(a, b)[0, 1]
            assert {name: found[name][k] for name in expected} == pytest.approx(expected)
