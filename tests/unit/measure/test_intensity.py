import numpy as np
import pytest
from skimage.segmentation import find_boundaries

from platewise.config.measure import IntensityGroup
from platewise.measure import intensity
from platewise.measure.names import intensity_names

SETTINGS = IntensityGroup()


def measured(compartment, channels):
    table = intensity.measure(compartment, channels, SETTINGS)
    return {name.removeprefix("Intensity_"): table[:, i] for i, name in enumerate(intensity_names(channels, SETTINGS))}


def test_a_row_of_known_values(compartment_of):
    found = measured(compartment_of([[0, 1, 1, 1, 1, 0]], [[9, 1, 2, 3, 6, 9]]), ["DNA"])
    expected = {
        "IntegratedIntensity_DNA": 12,
        "MeanIntensity_DNA": 3,
        "StdIntensity_DNA": np.sqrt((4 + 1 + 0 + 9) / 4),
        "MinIntensity_DNA": 1,
        "MaxIntensity_DNA": 6,
        # CellProfiler's index n q: 4 * 0.25 = 1, 4 * 0.5 = 2, 4 * 0.75 = 3 (the last value).
        "LowerQuartileIntensity_DNA": 2,
        "MedianIntensity_DNA": 3,
        "UpperQuartileIntensity_DNA": 6,
        # Deviations from 3, sorted: 0, 1, 2, 3; the one at index 2.
        "MADIntensity_DNA": 2,
        # Centre at 2.5; centre of mass at (1 + 4 + 9 + 24) / 12.
        "MassDisplacement_DNA": 38 / 12 - 2.5,
        "IntegratedIntensityEdge_DNA": 7,
        "MeanIntensityEdge_DNA": 3.5,
        "StdIntensityEdge_DNA": 2.5,
        "MinIntensityEdge_DNA": 1,
        "MaxIntensityEdge_DNA": 6,
    }
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected)


def test_quartiles_fall_between_pixels(compartment_of):
    found = measured(compartment_of([[1, 1, 1, 1, 1, 1, 0]], [[10, 20, 40, 80, 160, 320, 0]]), ["A"])
    assert found["LowerQuartileIntensity_A"][0] == pytest.approx(30)  # index 1.5
    assert found["UpperQuartileIntensity_A"][0] == pytest.approx(240)  # index 4.5


def test_intensities_are_those_of_numpy(blob_compartment):
    objects, images = blob_compartment.objects, blob_compartment.image
    edge = find_boundaries(objects.labels, mode="inner")
    found = measured(blob_compartment, ["A", "B", "C"])
    for channel, image in zip("ABC", images.astype(float), strict=True):
        for k in range(objects.count):
            mask = objects.labels == k + 1
            inside, outline = image[mask], image[mask & edge]
            weights = np.array(np.nonzero(mask)) * inside
            shift = weights.sum(axis=1) / inside.sum() - np.array(np.nonzero(mask)).mean(axis=1)
            expected = {
                "IntegratedIntensity": inside.sum(),
                "MeanIntensity": inside.mean(),
                "StdIntensity": inside.std(),
                "MinIntensity": inside.min(),
                "MaxIntensity": inside.max(),
                "MassDisplacement": np.hypot(*shift),
                "IntegratedIntensityEdge": outline.sum(),
                "MeanIntensityEdge": outline.mean(),
                "StdIntensityEdge": outline.std(),
                "MinIntensityEdge": outline.min(),
                "MaxIntensityEdge": outline.max(),
            }
            got = {name: found[f"{name}_{channel}"][k] for name in expected}
            assert got == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_an_object_that_fills_the_image_has_no_edge(compartment_of):
    found = measured(compartment_of([[1, 1], [1, 1]], [[1, 2], [3, 4]]), ["A"])
    assert found["MeanIntensity_A"][0] == 2.5
    assert np.isnan(found["MeanIntensityEdge_A"][0])
