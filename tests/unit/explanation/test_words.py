"""Features in words: direction, multiples, and nothing said twice."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from platewise.config.measure import MeasureConfig
from platewise.explanation.words import describe, phrase
from platewise.measure.field import measure_field

CHANNELS = ("DNA", "ER", "RNA", "Far_Red")
NONE = math.nan


@pytest.mark.parametrize(
    ("feature", "effect", "ratio", "words"),
    [
        ("Nuclei_AreaShape_Area", 3, 1.62, "nuclei 1.6x larger"),
        ("Nuclei_AreaShape_Area", -3, 0.5, "nuclei 2.0x smaller"),
        ("Cells_AreaShape_Area", 3, 1.02, "cells larger"),
        ("Cells_AreaShape_Area", 3, NONE, "cells larger"),
        # The raw values fell, the normalised ones rose: no number.
        ("Cells_AreaShape_Area", 3, 0.5, "cells larger"),
        ("Nuclei_AreaShape_Area_MAD", 3, 1.62, "size of nuclei more varied"),
        ("Cells_Correlation_Correlation_DNA_ER_MAD", -3, NONE, "overlap of DNA and ER in cells less varied"),
        ("Cells_RadialDistribution_FracAtD_ER_4of4_MAD", 3, NONE, "ER at the rim of cells more varied"),
        ("Nuclei_AreaShape_Area_Q90", 3, 1.62, "nuclei 1.6x larger (percentile 90 of cells)"),
        (
            "Nuclei_Texture_Contrast_RNA_3_00_256_Q05",
            -5,
            NONE,
            "RNA of a weaker texture in nuclei (percentile 5 of cells)",
        ),
        ("Nuclei_AreaShape_Eccentricity", -2, 0.5, "nuclei rounder"),
        ("Nuclei_AreaShape_Solidity", -2, 0.9, "nuclei with a more ragged outline"),
        ("Nuclei_AreaShape_Compactness", 2, 1.5, "nuclei with a more ragged outline"),
        ("Nuclei_Intensity_IntegratedIntensity_DNA", 5, 2.04, "2.0x more DNA in nuclei"),
        ("Cytoplasm_Intensity_MeanIntensity_ER", -5, 0.8, "ER 1.2x dimmer in cytoplasm"),
        ("Cells_Intensity_MeanIntensity_Far_Red", 5, NONE, "Far_Red brighter in cells"),
        ("Cells_Intensity_StdIntensity_ER", 5, 3.0, "ER less even in cells"),
        ("Cells_Granularity_1_ER", -5, NONE, "ER with fewer fine grains in cells"),
        ("Cells_Granularity_12_ER", 5, NONE, "ER with more coarse grains in cells"),
        ("Nuclei_Texture_Contrast_RNA_3_Mean_64", 5, NONE, "RNA of a stronger texture in nuclei"),
        ("Nuclei_Texture_AngularSecondMoment_RNA_3_00_256", 5, NONE, "RNA of a weaker texture in nuclei"),
        ("Nuclei_Texture_Correlation_RNA_3_00_256", 5, NONE, "RNA of another pattern in nuclei"),
        ("Cells_RadialDistribution_FracAtD_ER_1of4", 5, NONE, "ER more central in cells"),
        ("Cells_RadialDistribution_MeanFrac_ER_4of4", 5, NONE, "more ER at the rim of cells"),
        ("Cells_RadialDistribution_RadialCV_ER_2of4", -5, NONE, "ER less to one side of cells"),
        ("Cells_Correlation_Correlation_ER_Far_Red", 5, NONE, "ER and Far_Red more in the same places of cells"),
        ("Cells_Correlation_RWC_RNA_DNA", -5, NONE, "DNA and RNA less in the same places of cells"),
        ("Cells_Neighbors_PercentTouching_Adjacent", -5, NONE, "cells less crowded"),
        ("Cells_Neighbors_FirstClosestDistance_Adjacent", 5, NONE, "cells further apart"),
        ("Nuclei_AreaShape_Zernike_4_2", 5, NONE, "nuclei of another shape"),
    ],
)
def test_a_feature_in_words(feature, effect, ratio, words):
    assert phrase(feature, effect, ratio, CHANNELS).words == words


@pytest.mark.parametrize(
    "feature",
    ["Deep_012", "Nuclei_Location_Center_X", "Cells_Correlation_K_DNA_ER", "Nuclei_Parent_Cells", "Image_Count"],
)
def test_what_has_no_words_is_left_out(feature):
    assert phrase(feature, 1, NONE, CHANNELS) is None


def test_channels_of_others_are_read_from_the_name():
    assert phrase("Cells_Intensity_MeanIntensity_CorrTub", 1, 1.5, ()).words == "CorrTub 1.5x brighter in cells"


def moved(*rows):
    return pd.DataFrame(rows, columns=["Feature", "Effect", "Ratio"])


def test_the_largest_effects_come_first_and_each_subject_once():
    table = moved(
        ("Nuclei_AreaShape_Area", 3, 1.5),
        ("Nuclei_AreaShape_ConvexArea", 4, 1.6),
        ("Cells_Intensity_MeanIntensity_ER", -9, 0.5),
        ("Cytoplasm_Intensity_MeanIntensity_ER", -8, 0.6),
        ("Deep_001", 99, NONE),
    )
    assert describe(table, CHANNELS) == "ER 2.0x dimmer in cells, nuclei 1.6x larger"
    assert describe(table, CHANNELS, most=1) == "ER 2.0x dimmer in cells"


def test_what_is_vague_is_said_only_where_there_is_room():
    table = moved(("Nuclei_AreaShape_Zernike_4_2", 9, NONE), ("Nuclei_AreaShape_Area", 3, 1.5))
    assert describe(table, CHANNELS) == "nuclei 1.5x larger, nuclei of another shape"
    assert describe(table, CHANNELS, most=1) == "nuclei 1.5x larger"


def test_nothing_moved_is_nothing_said():
    assert describe(moved(), CHANNELS) == ""


def test_a_stronger_texture_is_one():
    """Of two cells, the noisy one has the stronger texture in the words of every feature that has words for it."""
    y, x = np.mgrid[:64, :128]
    labels = np.zeros((64, 128), np.int32)
    for number, column in ((1, 32), (2, 96)):
        labels[(y - 32) ** 2 + (x - column) ** 2 < 24**2] = number
    rng = np.random.default_rng(0)
    smooth = 1000 + 300 * np.sin(x / 9) * np.cos(y / 9)
    image = np.where(labels == 2, smooth + rng.normal(0, 250, labels.shape), smooth).clip(1)[None].astype(np.float32)
    config = MeasureConfig(groups=[{"group": "Texture"}])
    table = measure_field(image, {"nuclei": labels, "cells": labels}, ["DNA"], config)
    said = 0
    for name in [column for column in table if column.startswith("Cells_Texture")]:
        found = phrase(name, float(table[name][1] - table[name][0]), NONE, CHANNELS)
        if not found.vague:
            assert found.words == "DNA of a stronger texture in cells", name
            said += 1
    assert said >= 7
