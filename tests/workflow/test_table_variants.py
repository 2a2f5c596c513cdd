"""Variants of a campaign that starts from profiles of wells: an effect is found, a silent variant is not."""

import numpy as np
import pandas as pd
import pytest
from project import Project

SHIFTS = {"DMSO": 0.0, "WT": 1.0, "strong": 1.0, "silent": 1.0}


def profiles(features=40):
    """Four plates, each with four wells of each; `strong` does what its wild type does, and more."""
    rng = np.random.default_rng(3)
    rows = []
    for plate in range(4):
        brightness = rng.normal(0, 2, features)
        for place, name in enumerate(name for name in SHIFTS for _ in range(4)):
            values = rng.normal(size=features) + brightness
            values[:20] += SHIFTS[name]
            values[30:] += 1.5 if name == "strong" else 0.0
            wild_type = "WT" if name in ("strong", "silent") else ""
            rows.append([f"P{plate}", f"{'ABCD'[place // 4]}{place % 4 + 1:02d}", name, wild_type, *values])
    names = [f"Cells_Texture_F{number}" for number in range(features)]
    return pd.DataFrame(rows, columns=["plate", "well", "allele", "reference", *names])


@pytest.fixture(scope="module")
def impact(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("alleles"))
    profiles().to_parquet(project.folder / "wells.parquet")
    columns = {"plate": "plate", "well": "well", "perturbation": "allele", "wild_type": "reference"}
    table = {"paths": ["wells.parquet"], "columns": columns, "negcon": ["DMSO"]}
    config = project.write({"campaign": "alleles", "table": table, "correction": {"preset": "none"}})
    project.run("--configfile", config, "--cores", "2", "--until", "score_variants")
    return pd.read_parquet(project.folder / "results/alleles/campaign/variants/impact.parquet")


def test_the_effect_is_found_and_the_silent_variant_is_not(impact):
    table = impact.set_index("Metadata_Perturbation")
    assert list(table.index) == ["silent", "strong"]
    assert table.loc["strong", "CorrelationQ"] < 0.05 < table.loc["silent", "CorrelationQ"]
    assert (table[["Wells", "WildTypeWells", "Plates"]] == [16, 16, 4]).all(axis=None)


def test_the_classifier_has_no_cells_and_it_is_said(impact):
    assert impact[["Auc", "AucP", "AucQ"]].isna().all(axis=None)
    assert (impact["Note"] == "profiles of wells only: there are no cells for a classifier").all()
    assert (impact[["Cells", "WildTypeCells"]] == 0).all(axis=None)
