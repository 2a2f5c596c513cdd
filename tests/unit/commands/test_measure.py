"""`platewise measure`: files of one field to CellProfiler's tables."""

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from PIL import Image
from typer.testing import CliRunner

from platewise.cli import app
from platewise.columns import COMPARTMENTS
from platewise.measure.cellprofiler import SETTINGS, cellprofiler_tables
from platewise.tables import read_provenance


@pytest.fixture
def field(tmp_path):
    """Three square cells of 16 pixels with square nuclei, two channels of 16 bits; paths by name."""
    cells, nuclei = np.zeros((2, 40, 70), np.uint16)
    for number, col in ((2, 4), (3, 22), (7, 45)):
        cells[6:22, col : col + 16] = number
        nuclei[11:17, col + 5 : col + 11] = number
    rng = np.random.default_rng(5)
    planes = {"DNA": rng.integers(500, 4000, (40, 70)), "ER": rng.integers(90, 900, (40, 70))}
    paths = {name: tmp_path / f"{name}.tif" for name in ("DNA", "ER", "nuclei", "cells")}
    for name, array in {**planes, "nuclei": nuclei, "cells": cells}.items():
        tifffile.imwrite(paths[name], array.astype(np.uint16))
    return paths


def call(field, out, *more):
    channels = [f"--channel={name}={field[name]}" for name in ("DNA", "ER")]
    parts = ["--nuclei", field["nuclei"], "--cells", field["cells"], "--out", out]
    return CliRunner().invoke(app, ["measure", *channels, *map(str, parts), *map(str, more)])


def test_a_table_for_each_compartment_with_cellprofilers_names(field, tmp_path):
    done = call(field, tmp_path / "out")
    assert done.exit_code == 0, done.output
    tables = {name: pd.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in COMPARTMENTS}
    image = np.stack([tifffile.imread(field[name]) for name in ("DNA", "ER")]).astype(np.float32)
    labels = {name: tifffile.imread(field[name]).astype(np.int32) for name in ("nuclei", "cells")}
    expected = cellprofiler_tables(image, labels, ["DNA", "ER"])
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, expected[name])
        assert table["ObjectNumber"].tolist() == [2, 3, 7]
    assert done.output.startswith(f"3 cells, {sum(table.shape[1] - 1 for table in tables.values())} columns in ")
    cells = tables["Cells"].set_index("ObjectNumber")
    assert cells["AreaShape_Area"].tolist() == [256, 256, 256]
    assert cells["Intensity_MaxIntensity_ER"][3] == np.float32(image[1, 6:22, 22:38].max() / 65535)
    boxes = [cells[f"AreaShape_BoundingBox{end}_{axis}"][3] for end in ("Minimum", "Maximum") for axis in "XY"]
    assert boxes == [22, 6, 38, 22]
    assert cells["Neighbors_FirstClosestObjectNumber_Adjacent"].tolist() == [3, 2, 3]
    assert cells["Neighbors_SecondClosestObjectNumber_10"].tolist() == [7, 7, 2]
    assert cells["Neighbors_FirstClosestDistance_10"].tolist() == [18, 18, 23]
    assert cells["Location_MaxIntensity_Z_ER"].tolist() == [0, 0, 0]
    assert not any(name.startswith("Neighbors") for name in tables["Cytoplasm"])
    assert read_provenance(tmp_path / "out/Cells.parquet")["parameters"] == SETTINGS.model_dump(mode="json")


def test_intensities_are_shares_of_what_the_files_can_hold(field, tmp_path):
    for name in ("DNA", "ER"):
        eight = (tifffile.imread(field[name]) // 16).astype(np.uint8)
        field[name] = tmp_path / f"{name}.png"
        Image.fromarray(eight).save(field[name])
    assert call(field, tmp_path / "out").exit_code == 0
    cells = pd.read_parquet(tmp_path / "out/Cells.parquet")
    assert cells["Intensity_MaxIntensity_ER"][0] == np.float32(
        np.array(Image.open(field["ER"]))[6:22, 4:20].max() / 255
    )
    assert call(field, tmp_path / "half", "--full-scale", 127.5).exit_code == 0
    half = pd.read_parquet(tmp_path / "half/Cells.parquet")
    np.testing.assert_allclose(half["Intensity_MeanIntensity_ER"], 2 * cells["Intensity_MeanIntensity_ER"], rtol=1e-6)


def test_a_config_says_what_is_measured(field, tmp_path):
    (tmp_path / "map.txt").write_text("well_position\tcompound\nA01\tDMSO\nA02\tx\n")
    sheet = f"plate\tbatch\treader\timages\tplatemap\nP1\tb1\tphenix\t{tmp_path}\t{tmp_path}/map.txt\n"
    (tmp_path / "plates.tsv").write_text(sheet)
    campaign = {
        "campaign": "c",
        "plates": str(tmp_path / "plates.tsv"),
        "metadata": {"key": "compound", "negcon": ["DMSO"]},
        "images": {"channels": {"DNA": "ch1", "ER": "ch2", "RNA": "ch3", "AGP": "ch4"}},
        "measure": {"full_scale": 4095, "groups": [{"group": "Intensity"}]},
    }
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(campaign))
    assert call(field, tmp_path / "out", "--config", config).exit_code == 0
    cells = pd.read_parquet(tmp_path / "out/Cells.parquet")
    assert [name for name in cells if not name.startswith(("Intensity", "Number", "ObjectNumber"))] == []
    assert cells["Intensity_MaxIntensity_DNA"][0] == pytest.approx(
        tifffile.imread(field["DNA"])[6:22, 4:20].max() / 4095
    )


def test_what_does_not_fit_is_told_before_anything_is_measured(field, tmp_path):
    def problem(*more, **replaced):
        done = call(field | replaced, tmp_path / "out", *more)
        assert done.exit_code == 1
        assert not (tmp_path / "out").exists()
        return str(done.exception)

    assert "--channel: found 'DNA'; expected NAME=FILE. Hint: " in problem("--channel", "DNA")
    assert "--channel: found DNA twice" in problem(f"--channel=DNA={field['ER']}")
    small = tmp_path / "small.tif"
    tifffile.imwrite(small, np.ones((40, 60), np.uint16))
    assert f"{small}: has 40 x 60 pixels, channel DNA 40 x 70. Hint: " in problem(ER=small)
    assert "labels 'nuclei': int32 of shape (40, 60); expected integers of shape (40, 70)" in problem(nuclei=small)
    colour = tmp_path / "colour.png"
    Image.fromarray(np.zeros((40, 70, 3), np.uint8)).save(colour)
    assert f"{colour}: is in colour; channel ER is one grey image. Hint: " in problem(ER=colour)
    real = tmp_path / "real.tif"
    tifffile.imwrite(real, np.full((40, 70), np.nan, np.float32))
    assert "hold numbers of type float32, uint16, of which the brightest possible is not known" in problem(ER=real)
    assert "image, channel ER: 2800 pixels are not finite" in problem("--full-scale", 1, ER=real)
    assert f"{tmp_path / 'no.tif'}: " in problem(cells=tmp_path / "no.tif")
    assert "nucleus 2 and 2 more have no cell of the same number" in problem(cells=blank(tmp_path))


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_the_full_scale_is_above_nothing(field, tmp_path, value):
    done = call(field, tmp_path / "out", f"--full-scale={value}")
    assert done.exit_code == 1
    assert f"--full-scale: found {value}; expected a number of counts above 0. Hint: " in str(done.exception)
    assert not (tmp_path / "out").exists()


def blank(folder):
    tifffile.imwrite(folder / "blank.tif", np.zeros((40, 70), np.uint16))
    return folder / "blank.tif"


def test_a_field_without_cells_has_the_same_columns(field, tmp_path):
    assert call(field, tmp_path / "full").exit_code == 0
    done = call(field | {"nuclei": blank(tmp_path), "cells": blank(tmp_path)}, tmp_path / "none")
    assert done.exit_code == 0, done.exception
    for name in COMPARTMENTS:
        full, none = (pd.read_parquet(tmp_path / kind / f"{name}.parquet") for kind in ("full", "none"))
        assert len(none) == 0
        pd.testing.assert_series_equal(none.dtypes, full.dtypes)
