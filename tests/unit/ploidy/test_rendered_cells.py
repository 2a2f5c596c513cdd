"""Cells as the renderer draws them, not yet painted: planted polyploid compounds are found, and no others."""

import numpy as np
import pandas as pd
import pytest

from platewise.ploidy.plate import analyse_plate
from platewise.ploidy.treatments import score_treatments
from platewise.simulate.compounds import activity, effect
from platewise.simulate.designs import preset
from platewise.simulate.layout import lay_out
from platewise.simulate.population import sample_cells


def cells_before_painting(seed):
    """Wells of the demo's design with twice its controls' nuclei and the DNA content that the stain would show."""
    design, rng = preset("demo"), np.random.default_rng(seed)
    tables, truth = [], {}
    for plate, wells in lay_out(design, seed).items():
        contents, rows = {}, []
        for well in wells:
            drawn = sample_cells((540, 540), 60, effect(well.compound, well.dose_um), rng)
            contents[well.name] = drawn.stain_content
            name = well.compound.name if well.compound else "DMSO"
            rows.append((plate, well.name, name, np.nan, "" if well.compound else "negcon"))
            if well.compound:
                polyploid = well.compound.moa == "Aurora kinase inhibitor"
                truth[name] = activity(well.compound, well.dose_um) * polyploid
        columns = ["Metadata_Plate", "Metadata_Well", "Metadata_Perturbation", "Metadata_Dose", "Metadata_ControlType"]
        tables.append(analyse_plate(contents, pd.DataFrame(rows, columns=columns))[1])
    return pd.concat(tables), {name for name, strength in truth.items() if strength > 0}


@pytest.mark.parametrize("seed", range(4))
def test_planted_compounds_are_found_and_no_others(seed):
    wells, planted = cells_before_painting(seed)
    assert len(planted) == 2
    table = score_treatments(wells, 50, 0).query("Class == '>4N'")
    found = table[(table["QValue"] < 0.05) & (table["Superiority"] > 0.5)]
    assert set(found["Metadata_Perturbation"]) == planted
