import numpy as np
import pandas as pd
import pytest

from platewise.columns import feature_columns
from platewise.config.measure import (
    AreaShapeGroup,
    FixedRange,
    IntensityGroup,
    LocationGroup,
    MeasureConfig,
    TextureGroup,
)
from platewise.errors import ConfigError, DataError
from platewise.measure.field import measure_field
from platewise.measure.names import feature_names

CHANNELS = ["DNA", "ER"]
CONFIG = MeasureConfig()


def field(ids=(1, 2)):
    """Two square cells of 16 pixels with square nuclei; the second one touches the right border."""
    cells, nuclei = np.zeros((2, 24, 44), np.int32)
    for i, col in zip(ids, (4, 28), strict=True):
        cells[4:20, col : col + 16] = i
        nuclei[9:15, col + 5 : col + 11] = i
    rng = np.random.default_rng(5)
    image = rng.integers(500, 4000, (2, 24, 44)).astype(np.float32)
    return image, {"nuclei": nuclei, "cells": cells}


def test_a_row_a_cell_with_ids_border_and_float32_features():
    table = measure_field(*field(), CHANNELS, CONFIG)
    assert list(table.columns) == ["Metadata_ObjectNumber", "Metadata_TouchesBorder", *feature_names(CHANNELS, CONFIG)]
    assert table["Metadata_ObjectNumber"].tolist() == [1, 2]
    assert table["Metadata_TouchesBorder"].tolist() == [False, True]
    assert (table.dtypes[2:] == np.float32).all()
    assert table["Nuclei_AreaShape_Area"].tolist() == [36, 36]
    assert table["Cells_AreaShape_Area"].tolist() == [256, 256]
    assert table["Cytoplasm_AreaShape_Area"].tolist() == [220, 220]
    assert table["Cells_Neighbors_FirstClosestDistance_Adjacent"].tolist() == [24, 24]
    assert not any(name.startswith("Cytoplasm_Neighbors") for name in table)


def test_intensities_are_counts_over_full_scale():
    image, labels = field()
    table = measure_field(image, labels, CHANNELS, MeasureConfig(full_scale=4000))
    inside = image[1][labels["nuclei"] == 2]
    assert table["Nuclei_Intensity_MeanIntensity_ER"][1] == pytest.approx(inside.mean() / 4000, rel=1e-5)


def test_rows_do_not_depend_on_the_numbers_of_the_cells():
    table = measure_field(*field(), CHANNELS, CONFIG)
    renamed = measure_field(*field(ids=(7, 3)), CHANNELS, CONFIG)
    assert renamed["Metadata_ObjectNumber"].tolist() == [3, 7]
    features = feature_names(CHANNELS, CONFIG)
    expected = table[features].iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(renamed[features], expected)


def test_a_field_without_cells_has_the_same_columns_and_types():
    image, labels = field()
    empty = measure_field(image, {name: np.zeros_like(label) for name, label in labels.items()}, CHANNELS, CONFIG)
    assert len(empty) == 0
    pd.testing.assert_series_equal(empty.dtypes, measure_field(image, labels, CHANNELS, CONFIG).dtypes)


def test_an_empty_nucleus_or_cytoplasm_is_missing_and_harms_nothing_else():
    image, labels = field()
    whole = measure_field(image, labels, CHANNELS, CONFIG)
    labels["nuclei"][labels["nuclei"] == 1] = 0
    labels["nuclei"][labels["cells"] == 2] = 2
    table = measure_field(image, labels, CHANNELS, CONFIG)
    nuclei = [name for name in table if name.startswith("Nuclei_")]
    cytoplasm = [name for name in table if name.startswith("Cytoplasm_")]
    assert table.loc[0, nuclei].isna().all()
    assert table.loc[1, cytoplasm].isna().all()
    assert not table.loc[0, [name for name in cytoplasm if "AreaShape" in name]].isna().any()
    cells = [name for name in table if name.startswith("Cells_")]
    pd.testing.assert_frame_equal(table[cells], whole[cells])


def test_location_is_measured_and_never_profiled():
    names = feature_names(CHANNELS, MeasureConfig(groups=(LocationGroup(), AreaShapeGroup(zernike_degree=0))))
    profiled = feature_columns(names)
    assert "Cells_AreaShape_Area" in profiled
    assert {"Cells_Location_Center_X", "Cells_AreaShape_Center_Y", "Nuclei_Location_MaxIntensity_X_ER"} <= set(names)
    assert not [name for name in profiled if "Location" in name or "Center" in name]


def test_groups_are_measured_in_the_order_of_the_config():
    config = MeasureConfig(groups=(IntensityGroup(), AreaShapeGroup()))
    names = feature_names(CHANNELS, config)
    assert names[0] == "Nuclei_Intensity_IntegratedIntensity_DNA"
    assert [names.index(f"{c}_AreaShape_Area") for c in ("Nuclei", "Cells", "Cytoplasm")] == [30, 111, 192]


def test_names_are_unique_and_have_compartment_and_group():
    names = feature_names([*CHANNELS, "RNA"], CONFIG)
    assert len(set(names)) == len(names)
    assert {name.split("_")[0] for name in names} == {"Nuclei", "Cells", "Cytoplasm"}
    assert {name.split("_")[1] for name in names} == {group.group for group in CONFIG.groups}


def test_the_same_input_gives_the_same_table():
    first, second = (measure_field(*field(), CHANNELS, CONFIG) for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_a_wrong_number_of_channels_is_refused():
    image, labels = field()
    with pytest.raises(DataError, match=r"shape \(2, 24, 44\).*3 channels \(DNA, ER, RNA\)"):
        measure_field(image, labels, [*CHANNELS, "RNA"], CONFIG)


def test_labels_of_another_size_are_refused():
    image, labels = field()
    with pytest.raises(DataError, match=r"labels 'nuclei': int32 of shape \(24, 44\); expected .*\(24, 40\)"):
        measure_field(image[:, :, :40], labels, CHANNELS, CONFIG)


def test_pixels_that_are_not_finite_are_refused():
    image, labels = field()
    image[1, 0, :3] = np.nan
    with pytest.raises(DataError, match="channel ER: 3 pixels are not finite"):
        measure_field(image, labels, CHANNELS, CONFIG)


def test_a_fixed_range_must_name_every_channel():
    config = MeasureConfig(groups=(TextureGroup(range=FixedRange(ranges={"DNA": (0, 100)})),))
    with pytest.raises(ConfigError, match="no range for ER"):
        measure_field(*field(), CHANNELS, config)


@pytest.mark.filterwarnings("error")
def test_tiny_fields_of_any_kind_are_measured_without_a_warning():
    """Lines, single pixels, scattered pieces, a filled image; zero, saturated and negative pixels."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        shape = rng.integers(1, 12, 2)
        cells = rng.integers(0, 4, shape).astype(np.int32)
        nuclei = np.where(rng.random(shape) < 0.4, cells, 0).astype(np.int32)
        image = rng.choice([0, 1, 5, 65535, -3], (2, *shape)).astype(np.float32)
        table = measure_field(image, {"nuclei": nuclei, "cells": cells}, CHANNELS, CONFIG)
        assert table["Metadata_ObjectNumber"].tolist() == np.unique(cells[cells > 0]).tolist()
        areas = np.bincount(cells.ravel(), minlength=4)[table["Metadata_ObjectNumber"]]
        assert table["Cells_AreaShape_Area"].tolist() == areas.tolist()
        assert not np.isinf(table.to_numpy(float)).any()
