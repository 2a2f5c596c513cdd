import numpy as np
import pytest
from small_run import FEATURES, consensus_table, perturbations_table, profiles_table

from platewise.compare.hits import read_hits
from platewise.compare.profiles import compare_profiles, compare_structure, row_cosines
from platewise.tables import write_table

CONSENSUS = "campaign/profiles/classical.none.consensus.parquet"
PROFILES = "campaign/profiles/classical.none.parquet"


def _hits(pair):
    return {
        variant: (read_hits(pair.old, variant), read_hits(pair.new, variant)) for variant in pair.shared("variants")
    }


def test_cosines_of_known_vectors():
    old = np.array([[1.0, 0], [1, 0], [1, 0], [0, 0], [0, 0], [np.nan, 1]])
    new = np.array([[2.0, 0], [0, 3], [-1, 0], [0, 0], [1, 0], [1, 1]])
    cosines = row_cosines(old, new)
    assert cosines[:4].tolist() == [1, 0, -1, 1]
    assert np.isnan(cosines[4:]).all()
    uneven = np.random.default_rng(0).normal(size=(50, 7))
    assert (row_cosines(uneven, uneven) == 1).all()


def test_the_structure_survives_other_features_and_rotation():
    old = np.random.default_rng(0).normal(size=(20, 5))
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    new = np.pad(old, ((0, 0), (0, 3))) @ rotation
    correlation, neighbourhoods = compare_structure(old, new)
    assert correlation == pytest.approx(1)
    assert neighbourhoods == pytest.approx(1)


def test_the_structure_is_the_correlation_of_all_pairs(monkeypatch):
    """Against all matrices at once, also when they are taken in small blocks."""
    rng = np.random.default_rng(2)
    old, new = rng.normal(size=(11, 4)), rng.normal(size=(11, 6))
    unit = [values / np.linalg.norm(values, axis=1, keepdims=True) for values in (old, new)]
    a, b = (values @ values.T for values in unit)
    upper = np.triu_indices(11, k=1)
    expected = np.corrcoef(a[upper], b[upper])[0, 1]
    others = ~np.eye(11, dtype=bool)
    rows = [np.corrcoef(a[i][others[i]], b[i][others[i]])[0, 1] for i in range(11)]
    for block in (512, 3):
        monkeypatch.setattr("platewise.compare.profiles._BLOCK", block)
        correlation, neighbourhoods = compare_structure(old, new)
        assert correlation == pytest.approx(expected)
        assert neighbourhoods == pytest.approx(rows)


def test_the_same_structure_is_exactly_one_and_few_items_have_none():
    values = np.random.default_rng(3).normal(size=(9, 4))
    assert compare_structure(values, values)[0] == 1.0
    correlation, neighbourhoods = compare_structure(values[:2], values[:2])
    assert np.isnan(correlation)
    assert np.isnan(neighbourhoods).all()
    assert np.isnan(compare_structure(values[:0], values[:0])[0])


def test_the_same_profiles(pair):
    found = pair()
    section = compare_profiles(found, _hits(found))
    assert section.moved is False
    facts = section.facts["classical.none"]
    assert (facts["well_cosine"], facts["treatment_cosine"], facts["structure"]) == (1, 1, 1)
    # Controls are left out: 12 wells, 3 treatments.
    assert (facts["wells"], facts["treatments"]) == (12, 3)
    assert section.sentences == ["classical.none: 12 wells and 3 treatments, all the same."]


def test_a_treatment_that_turned_is_listed_first(pair):
    """Z turns by a right angle, Y is stretched: cosines 0 and 1. Active ones come before the others."""
    tables = {CONSENSUS: consensus_table(((3, 0, 0), (6, 2, 0), (0, 3, 0)))}
    found = pair(tables=tables)
    section = compare_profiles(found, _hits(found))
    rows = section.rows("classical.none.treatments").set_index("Metadata_Perturbation")
    assert rows["Cosine"].to_dict() == pytest.approx({"X": 1, "Y": 1, "Z": 0})
    assert section.moved is True
    assert section.facts["classical.none"]["treatment_cosine"] == pytest.approx(1)
    write_table(
        perturbations_table(q=(0.01, 0.5, np.nan)), found.old.evaluation(("classical", "none"), "perturbations")
    )
    section = compare_profiles(found, _hits(found))
    listed = section.rows("classical.none.treatments")
    assert listed["Metadata_Perturbation"][0] == "X"
    assert listed["ActiveOld"].tolist() == ["yes", "not known", "no"]
    assert section.facts["classical.none"]["active_cosine"] == pytest.approx(1)


def test_other_features_leave_the_structure(pair):
    names = dict(zip(FEATURES, ("Cells_Texture_A", "Cells_Texture_B", "Cells_Texture_C"), strict=True))
    tables = {CONSENSUS: consensus_table().rename(columns=names), PROFILES: profiles_table().rename(columns=names)}
    section = compare_profiles(pair(tables=tables), {})
    facts = section.facts["classical.none"]
    assert facts["features_shared"] == 0
    assert np.isnan(facts["treatment_cosine"])
    assert facts["structure"] == pytest.approx(1)
    assert "no feature is in both" in section.sentences[0]


def test_treatments_of_one_run_are_left_out_and_missing_tables_said(pair):
    found = pair(tables={CONSENSUS: consensus_table().query("Metadata_Perturbation != 'Z'")})
    section = compare_profiles(found, {})
    assert section.facts["classical.none"]["treatments"] == 2
    assert section.moved is True
    section = compare_profiles(pair(leave_out=[PROFILES]), {})
    found.new.consensus(("classical", "none")).unlink()
    section = compare_profiles(found, {})
    assert section.moved is None
    assert "classical.none: no corrected and consensus profiles in NEW." in section.sentences
