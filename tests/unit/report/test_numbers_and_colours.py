"""Numbers in words, colours that differ, and components with known axes."""

from __future__ import annotations

import numpy as np
import pytest

from platewise.report.colours import category_marks, scale_colours, viridis
from platewise.report.numbers import count, dose, fixed, p_value, percent, plural, significant
from platewise.report.plates import colour_limits, overview_png
from platewise.report.projection import principal_components


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (significant, 0.0123456, "0.0123"),
        (significant, 12345.6, "12,346"),
        (significant, 1.5, "1.50"),
        (significant, 0, "0"),
        (significant, 2.5e-7, "2.50e-07"),
        (significant, float("nan"), "not computed"),
        (significant, float("inf"), "infinite"),
        (fixed, 0.87345, "0.873"),
        (fixed, float("nan"), "not computed"),
        (p_value, 0.031, "p = 0.031"),
        (p_value, 0.00001, "p < 0.0001"),
        (p_value, 1.0, "p = 1"),
        (p_value, float("nan"), "no p"),
        (percent, 0.053, "5.3 %"),
        (percent, 0.5, "50 %"),
        (count, 1234567, "1,234,567"),
        (dose, 0.1, "0.1"),
        (dose, 10.0, "10"),
    ],
)
def test_numbers_read_as_a_person_writes_them(function, value, text):
    assert function(value) == text


def test_plurals():
    assert [plural(1, "plate"), plural(2, "plate"), plural(0, "batch", "batches")] == [
        "1 plate",
        "2 plates",
        "0 batches",
    ]


def test_scale_runs_from_dark_to_bright_and_clips():
    colours = scale_colours(np.array([0.0, 5.0, 10.0, 99.0, np.nan]), 0, 10)

    assert colours[0].tolist() == viridis()[0].tolist() == [68, 1, 84]
    assert colours[2].tolist() == colours[3].tolist() == viridis()[-1].tolist()
    brightness = viridis().astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness) > -1).all()
    assert scale_colours(np.array([3.0]), 3, 3).shape == (1, 3)


def test_forty_categories_are_told_apart():
    names = [f"moa {number:02d}" for number in range(60) for _ in range(1 + (number < 40))]
    marks = category_marks(names)

    assert len(marks) == 40
    assert "moa 59" not in marks
    assert len({(mark.colour, mark.symbol) for mark in marks.values()}) == 40


def test_categories_are_in_the_order_a_person_counts():
    assert list(category_marks(["week 10", "week 2", "week 1"])) == ["week 1", "week 2", "week 10"]


def test_limits_ignore_nan_and_start_at_zero_when_asked():
    assert colour_limits([1.0, np.nan, 3.0], from_zero=True)[0] == 0
    assert colour_limits([np.nan], from_zero=False) == (0.0, 0.0)


def test_overview_is_a_pixel_a_well():
    import base64
    import io

    from PIL import Image

    source = overview_png(96, {"A01": 0.0, "H12": 10.0, "C03": np.nan}, 0, 10)
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))

    assert pixels.shape == (8, 12, 3)
    assert pixels[0, 0].tolist() == [68, 1, 84]
    assert pixels[7, 11].tolist() == viridis()[-1].tolist()
    assert pixels[2, 2].tolist() == [232, 232, 232]


def test_components_find_the_axis_that_was_put_in():
    rng = np.random.default_rng(0)
    hidden = rng.normal(0, 1, 200)
    profiles = np.outer(hidden, [1, -1, 1, 1]) + rng.normal(0, 0.1, (200, 4))
    scores, explained = principal_components(profiles)

    assert abs(np.corrcoef(scores[:, 0], hidden)[0, 1]) > 0.99
    assert explained[0] > 0.95
    assert explained.sum() <= 1


def test_components_do_not_depend_on_scale_or_on_broken_features():
    rng = np.random.default_rng(1)
    profiles = rng.normal(0, 1, (50, 6))
    broken = np.column_stack([profiles * [1, 10, 100, 1, 1, 1], np.full(50, 3.0), np.full(50, np.nan)])

    assert principal_components(broken)[0] == pytest.approx(principal_components(profiles)[0])


@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
def test_components_agree_with_a_plain_decomposition(shape):
    values = np.random.default_rng(3).normal(0, 1, shape)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    left, size, _ = np.linalg.svd(values, full_matrices=False)

    scores, explained = principal_components(values, clip=100)

    assert np.abs(scores) == pytest.approx(np.abs(left[:, :2] * size[:2]))
    assert explained == pytest.approx(size[:2] ** 2 / (size**2).sum())


def test_one_broken_well_does_not_stretch_the_picture():
    profiles = np.random.default_rng(2).normal(0, 1, (400, 5))
    profiles[0] = 1e6
    scores, _ = principal_components(profiles, clip=5)

    assert np.abs(scores[0]).max() < 5 * np.sqrt(5) + 1


def test_too_little_for_two_components():
    scores, explained = principal_components(np.ones((3, 4)))

    assert scores.tolist() == [[0, 0]] * 3
    assert explained.tolist() == [0, 0]
