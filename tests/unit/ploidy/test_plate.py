"""From tables of cells to the peaks of a plate, its wells and their histograms."""

import numpy as np
import pandas as pd
import pytest
from populations import CONTENT_2N, UNTREATED, draw_nuclei, platemap

from platewise.errors import DataError
from platewise.ploidy.classes import CLASSES
from platewise.ploidy.content import content_columns, dna_content
from platewise.ploidy.plate import analyse_plate, run_fit_ploidy
from platewise.tables import read_table, write_table


def cells_of(well, content, background=0.02, area=900.0, border=False):
    """A row a nucleus of this content, on a background, in the columns of a table of cells."""
    return pd.DataFrame(
        {
            "Metadata_Well": well,
            "Metadata_TouchesBorder": border,
            "Nuclei_AreaShape_Area": area,
            "Nuclei_Intensity_IntegratedIntensity_DNA": content + background * area,
            "Cytoplasm_Intensity_MedianIntensity_DNA": background,
        }
    )


def test_background_of_the_own_cell_is_taken_off_and_cut_nuclei_are_left_out():
    cells = pd.concat(
        [
            cells_of("A01", np.array([30.0]), background=0.02, area=800.0),
            cells_of("A01", np.array([30.0]), background=0.05, area=1200.0),
            cells_of("A01", np.array([30.0]), border=True),
            cells_of("A01", np.array([30.0]), background=0.03),
        ],
        ignore_index=True,
    )
    assert list(cells.columns) == content_columns("DNA")
    assert dna_content(cells, "DNA") == pytest.approx([30, 30, np.nan, 30], nan_ok=True)
    # A cell without cytoplasm has the usual background: here the median of 0.02, 0.02 and 0.05.
    cells.loc[3, "Cytoplasm_Intensity_MedianIntensity_DNA"] = np.nan
    assert dna_content(cells, "DNA")[3] == pytest.approx(30 + 900 * 0.03 - 900 * 0.02)
    # A cell without a nucleus has no content.
    cells.loc[0, "Nuclei_Intensity_IntegratedIntensity_DNA"] = np.nan
    assert np.isnan(dna_content(cells, "DNA")[0])


def test_a_plate_from_blocks_to_tables(tmp_path):
    rng = np.random.default_rng(0)
    contents = {well: draw_nuclei(60, UNTREATED, rng) for well in ("A01", "A02", "A03")}
    # A well lies in two blocks; another is on no plate map; the last has no cells.
    first = pd.concat([cells_of("A01", contents["A01"]), cells_of("A02", contents["A02"][:20])])
    second = pd.concat([cells_of("A02", contents["A02"][20:]), cells_of("A03", contents["A03"])])
    second = pd.concat([second, cells_of("A03", np.full(7, 50.0), border=True), cells_of("C01", np.full(9, 50.0))])
    paths = [str(tmp_path / f"{number}.parquet") for number in range(2)]
    for path, table in zip(paths, (first, second), strict=True):
        write_table(table.assign(Nuclei_Other=1.0), path)
    layout = platemap("P1", ["DMSO", "DMSO", "drug", "drug"])
    outs = [str(tmp_path / f"{name}.parquet") for name in ("peaks", "wells", "histogram")]
    run_fit_ploidy(paths, layout, "DNA", *outs)
    peaks, wells, histogram = map(read_table, outs)
    assert len(peaks) == 1
    assert peaks.loc[0, "Content2N"] == pytest.approx(CONTENT_2N, rel=0.06)
    assert peaks.loc[0, "Nuclei"] == 120
    assert list(wells["Metadata_Well"]) == ["A01", "A02", "A03", "A04"]
    assert list(wells["Nuclei"]) == [60, 60, 60, 0]
    assert list(wells["LeftOut"]) == [0, 0, 7, 0]
    assert list(wells[list(CLASSES)].sum(axis=1)) == [60, 60, 60, 0]
    assert histogram.groupby("Metadata_Well")["Nuclei"].sum().to_dict() == {"A01": 60, "A02": 60, "A03": 60}
    expected = np.floor((np.log2(contents["A01"] / peaks.loc[0, "Content2N"]) + 1) * 16) / 16
    own = histogram[histogram["Metadata_Well"] == "A01"]
    assert dict(zip(own["Content"], own["Nuclei"], strict=True)) == pd.Series(expected).value_counts().to_dict()


def test_a_plate_without_controls_is_marked_and_keeps_its_histogram():
    layout = platemap("P1", ["a", "b"])
    contents = {"A01": np.full(10, 8.0), "A02": np.array([8.0, 16.0, -1.0, 1e9])}
    peaks, wells, histogram = analyse_plate(contents, layout)
    assert peaks.loc[0, "Note"] == "0 nuclei in negative controls, 50 are needed"
    assert wells[list(CLASSES)].isna().all(axis=None)
    assert list(wells["Nuclei"]) == [10, 4]
    second = histogram[histogram["Metadata_Well"] == "A02"]
    # The median nucleus counts as 2N; what lies outside is in the first and the last bin.
    assert list(second["Content"]) == [-2, 1, 2, 6 - 1 / 16]


def test_an_empty_plate_has_its_tables():
    layout = platemap("P1", ["DMSO", "a"])
    peaks, wells, histogram = analyse_plate({}, layout)
    assert (len(peaks), len(wells), len(histogram)) == (1, 2, 0)
    assert list(histogram.columns) == ["Metadata_Plate", "Metadata_Well", "Content", "Nuclei"]


def test_a_table_of_cells_without_the_columns_is_named(tmp_path):
    path = tmp_path / "cells.parquet"
    write_table(cells_of("A01", np.array([30.0])).drop(columns="Nuclei_AreaShape_Area"), path)
    with pytest.raises(DataError, match=r"cells\.parquet: no column Nuclei_AreaShape_Area.*Hint"):
        run_fit_ploidy([str(path)], platemap("P1", ["DMSO"]), "DNA", *[str(tmp_path / name) for name in "abc"])
