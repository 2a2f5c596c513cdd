import numpy as np
import pytest

from platewise.config.measure import FullRange, TextureGroup
from platewise.measure import texture
from platewise.measure.names import TEXTURE, texture_names
from platewise.measure.texture import haralick


def cooccurrence(mask, levels, step):
    """Count the pairs of one object, pixel by pixel, in both orders."""
    counts = np.zeros((levels.max() + 1,) * 2)
    for row, col in zip(*np.nonzero(mask), strict=True):
        r, c = row + step[0], col + step[1]
        if 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c] and levels[row, col] and levels[r, c]:
            counts[levels[row, col], levels[r, c]] += 1
            counts[levels[r, c], levels[row, col]] += 1
    return counts


def naive_features(p, bins):
    """Haralick's formulas written out, with mahotas' difference variance."""
    i, j = np.indices(p.shape)
    k = np.arange(2 * len(p) - 1)
    sums = np.array([p[i + j == s].sum() for s in k])
    differences = np.array([p[abs(i - j) == d].sum() for d in range(len(p))])
    px = p.sum(axis=1)
    mean, variance = (i * p).sum(), (i**2 * p).sum() - (i * p).sum() ** 2

    def entropy(x):
        x = x[x > 0]
        return -(x * np.log2(x)).sum()

    outer = np.outer(px, px)
    hxy, hx = entropy(p), entropy(px)
    hxy1 = -(p[outer > 0] * np.log2(outer[outer > 0])).sum()
    histogram = np.zeros(bins)
    histogram[: min(bins, len(differences))] = differences[:bins]
    return [
        (p**2).sum(),
        ((i - j) ** 2 * p).sum(),
        ((i * j * p).sum() - mean**2) / variance if variance > 1e-9 else 1,
        variance,
        (p / (1 + (i - j) ** 2)).sum(),
        (k * sums).sum(),
        (k**2 * sums).sum() - (k * sums).sum() ** 2,
        entropy(sums),
        hxy,
        histogram.var(),
        entropy(differences),
        (hxy - hxy1) / hx if hx > 0 else hxy - hxy1,
        np.sqrt(max(0, 1 - np.exp(-2 * (entropy(outer) - hxy)))),
    ]


def test_a_checkerboard_by_hand(objects_of):
    levels = np.array([[1, 3, 1], [3, 1, 3], [1, 3, 1]], np.uint16)
    found = dict(zip(TEXTURE, haralick(objects_of(np.ones((3, 3))), levels, 1, 4)[0].T, strict=True))
    # Neighbours along an axis always differ by 2. Along a diagonal they are equal: two pairs of level 1, two of 3.
    assert found["Contrast"].tolist() == [4, 0, 4, 0]
    assert found["InverseDifferenceMoment"].tolist() == [0.2, 1, 0.2, 1]
    assert found["AngularSecondMoment"] == pytest.approx([0.5, 0.5, 0.5, 0.5])
    assert found["Correlation"] == pytest.approx([-1, 1, -1, 1])
    assert found["Entropy"][0] == pytest.approx(1)
    assert found["SumAverage"][0] == pytest.approx(4)
    assert found["Variance"][0] == pytest.approx(1)
    assert found["DifferenceVariance"][0] == pytest.approx(np.var([0, 0, 1, 0]))
    # Each level tells the other of the pair: HXY = HX = 1 bit.
    assert found["InfoMeas1"][0] == pytest.approx(-1)
    assert found["InfoMeas2"][0] == pytest.approx(np.sqrt(1 - np.exp(-2)))


def test_pairs_never_leave_the_object(objects_of):
    labels = np.repeat([[1, 1, 2, 2]], 4, axis=0)
    levels = np.where(labels == 1, 5, 9).astype(np.uint16)
    found = haralick(objects_of(labels), levels, 1, 16)
    assert (found[:, :, TEXTURE.index("Contrast")] == 0).all()
    assert (found[:, :, TEXTURE.index("SumAverage")] == [[10], [18]]).all()


def test_level_zero_takes_no_part(objects_of):
    levels = np.array([[2, 2, 0, 7, 7]], np.uint16)
    found = haralick(objects_of(np.ones((1, 5))), levels, 1, 8)[0, 0]
    assert found[TEXTURE.index("Contrast")] == 0
    assert found[TEXTURE.index("AngularSecondMoment")] == pytest.approx(0.5)


def test_an_object_too_thin_for_a_direction_has_none(objects_of):
    found = haralick(objects_of([[1, 1, 1, 1, 1]]), np.full((1, 5), 3, np.uint16), 3, 8)[0]
    assert not np.isnan(found[0]).any()
    assert np.isnan(found[1:]).all()


def test_the_mean_leaves_out_directions_without_pairs(compartment_of):
    settings = TextureGroup(directions="mean", range=FullRange(), levels=256)
    each = settings.model_copy(update={"directions": "each"})
    compartment = compartment_of([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [2, 0, 0, 0, 0]], np.full((3, 5), 0.5))
    mean, four = (texture.measure({"Cells": compartment}, ["A"], s)["Cells"] for s in (settings, each))
    assert mean[0].tolist() == four[0, :13].tolist()
    assert np.isnan(mean[1]).all()


@pytest.mark.parametrize(("scale", "bins"), [(1, 0), (3, 0), (3, 12)])
def test_textures_are_those_of_a_naive_version(blob_objects, scale, bins):
    levels = np.random.default_rng(3).integers(0, 9, blob_objects.labels.shape).astype(np.uint16)
    levels[:, :40] = np.minimum(levels[:, :40], 5)  # objects whose highest level differs
    found = haralick(blob_objects, levels, scale, bins)
    for k in range(blob_objects.count):
        mask = blob_objects.labels == k + 1
        for d, (dr, dc) in enumerate([(0, 1), (1, 1), (1, 0), (1, -1)]):
            counts = cooccurrence(mask, levels, (scale * dr, scale * dc))
            if counts.sum() == 0:
                assert np.isnan(found[k, d]).all()
            else:
                expected = naive_features(counts / counts.sum(), bins or levels[mask].max() + 1)
                assert found[k, d] == pytest.approx(expected, abs=1e-9)


def test_names_say_scale_direction_and_levels():
    assert texture_names(["DNA"], TextureGroup())[1] == "Texture_Contrast_DNA_3_Mean_64"
    names = texture_names(["A", "B"], TextureGroup(directions="each", scales=(3, 5), levels=256))
    assert len(names) == 2 * 2 * 4 * 13
    assert names[13] == "Texture_AngularSecondMoment_A_3_01_256"
