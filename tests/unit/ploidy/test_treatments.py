"""Polyploid treatments are found and others are not; intervals hold the truth; what cannot be told is said."""

import numpy as np
import pandas as pd
import pytest
from populations import UNTREATED, draw_nuclei, platemap
from scipy.stats import binomtest

from platewise.config.evaluation import EvaluationConfig
from platewise.ploidy.classes import CLASSES
from platewise.ploidy.plate import analyse_plate
from platewise.ploidy.treatments import TREATMENT_COLUMNS, run_score_ploidy, score_treatments, share_intervals
from platewise.tables import read_table, write_table

POLYPLOID = {"2N": 0.2, "S": 0.1, "4N": 0.3, "8N": 0.38, "debris": 0.02}
ARRESTED = {"2N": 0.15, "S": 0.05, "4N": 0.77, "8N": 0.01, "debris": 0.02}


def measured_wells(seed=0, plates=("P1", "P2"), nuclei=80):
    """Two wells a plate of a drug that makes cells polyploid, one that holds them in G2, four that do nothing."""
    rng = np.random.default_rng(seed)
    given = {"polyploid": POLYPLOID, "arrested": ARRESTED}
    names = ["DMSO"] * 8 + [name for name in ("polyploid", "arrested", "a", "b", "c", "d") for _ in range(2)]
    tables = []
    for number, plate in enumerate(plates):
        layout = platemap(plate, names)
        contents = {
            # The second plate is stained three times as strongly.
            well: 3**number * draw_nuclei(rng.poisson(nuclei), given.get(name, UNTREATED), rng)
            for well, name in zip(layout["Metadata_Well"], names, strict=True)
        }
        tables.append(analyse_plate(contents, layout)[1])
    return pd.concat(tables)


def of_class(table, kind=">4N"):
    return table[table["Class"] == kind].set_index("Metadata_Perturbation")


@pytest.mark.parametrize("seed", range(3))
def test_the_polyploid_treatment_is_found_and_no_other(seed):
    found = of_class(score_treatments(measured_wells(seed), 200, 0))
    assert list(found.index[found["QValue"] < 0.05]) == ["polyploid"]
    row = found.loc["polyploid"]
    # 2.3 % of the 4N nuclei lie above the boundary, too.
    assert row["Share"] == pytest.approx(0.38 + 0.023 * 0.3, abs=0.08)
    assert row["Low"] < row["Share"] < row["High"]
    assert row["Superiority"] == 1
    assert row["ControlShare"] < 0.04
    arrested = of_class(score_treatments(measured_wells(seed), 200, 0), "4N").loc["arrested"]
    assert arrested["QValue"] < 0.05
    assert arrested["Superiority"] == 1


def test_rows_are_complete_and_by_hand():
    wells = measured_wells()
    found = score_treatments(wells, 200, 0)
    assert list(found.columns) == TREATMENT_COLUMNS
    assert len(found) == 7 * len(CLASSES)
    own = wells[wells["Metadata_Perturbation"] == "polyploid"]
    row = of_class(found).loc["polyploid"]
    assert (row["Wells"], row["Plates"], row["Nuclei"]) == (4, 2, own["Nuclei"].sum())
    assert row["Share"] == own[">4N"].sum() / own["Nuclei"].sum()
    controls = of_class(found).loc["DMSO"]
    assert np.isnan(controls[["PValue", "QValue", "Superiority"]].astype(float)).all()
    assert controls["Share"] == row["ControlShare"]
    assert (controls["Low"], controls["High"]) == (row["ControlLow"], row["ControlHigh"])
    shares = found.groupby("Metadata_Perturbation")["Share"].sum()
    assert shares.to_numpy() == pytest.approx(1)
    assert set(found["Note"]) == {""}


def test_nothing_is_found_where_nothing_is():
    """Under the null p is uniform as far as so few wells allow, and at most one campaign in ten has a finding."""
    rng = np.random.default_rng(0)
    p, findings = [], 0
    for _ in range(60):
        layout = pd.concat([platemap(plate, ["DMSO"] * 8 + list("aabbccddee")) for plate in ("P1", "P2", "P3")])
        nuclei = rng.poisson(60, len(layout))
        # Wells differ by more than chance: what is independent is the well.
        share = rng.beta(6, 94, len(layout))
        high = rng.binomial(nuclei, share)
        wells = layout.assign(Nuclei=nuclei, LeftOut=0)
        wells[list(CLASSES)] = np.column_stack([nuclei - high, *([np.zeros(len(wells))] * 3), high]).astype(float)
        found = of_class(score_treatments(wells, 20, 0)).drop(index="DMSO")
        p.extend(found["PValue"])
        findings += bool((found["QValue"] < 0.05).any())
    for level in (0.05, 0.2, 0.5, 0.8):
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=0.07)
    assert findings <= 6


def test_one_well_has_the_interval_of_its_nuclei_and_it_is_said():
    layout = platemap("P1", ["DMSO", "drug"])
    wells = layout.assign(Nuclei=[84, 30], LeftOut=0)
    wells[list(CLASSES)] = np.array([[1.0, 39, 24, 17, 3], [3, 0, 2, 8, 17]])
    row = of_class(score_treatments(wells, 200, 0)).loc["drug"]
    assert row["PValue"] == 1
    expected = binomtest(17, 30).proportion_ci(method="wilson")
    assert (row["Low"], row["High"]) == pytest.approx((expected.low, expected.high))
    assert row["Note"] == (
        "one well: the interval is of its nuclei and does not hold how wells differ; with so few wells p is at least 1"
    )


def test_what_was_left_out_is_said_and_no_row_is_lost():
    layout = pd.concat([platemap("P1", ["DMSO", "DMSO", "a", "a", "b"]), platemap("P2", ["DMSO", "a", "c", "c", "d"])])
    wells = layout.assign(Nuclei=[50, 50, 40, 0, 30, 50, 40, 30, 20, 0], LeftOut=0)
    counts = np.zeros((10, 5))
    counts[:, 1] = wells["Nuclei"]
    # The second plate has no peaks.
    counts[5:] = np.nan
    wells[list(CLASSES)] = counts
    found = of_class(score_treatments(wells, 50, 0))
    assert list(found.index) == ["DMSO", "a", "b", "c", "d"]
    assert found.loc["DMSO", "Wells"] == 2
    assert found.loc["a", "Note"].startswith("1 of 3 wells without nuclei; 1 of 3 wells on plates without peaks; one w")
    assert found.loc["c", "Note"] == "2 of 2 wells on plates without peaks"
    assert found.loc["d", "Note"] == "1 of 1 wells without nuclei"
    assert found.loc[["c", "d"], ["Share", "Low", "PValue", "QValue"]].isna().all(axis=None)
    assert (found.loc[["c", "d"], "Wells"] == 0).all()


def test_without_controls_on_its_plates_a_treatment_is_not_tested():
    wells = platemap("P1", ["a", "a", "a"]).assign(Nuclei=40, LeftOut=0)
    wells[list(CLASSES)] = np.array([[0.0, 40, 0, 0, 0]] * 3)
    row = of_class(score_treatments(wells, 50, 0)).loc["a"]
    assert np.isnan(row[["PValue", "ControlShare"]].astype(float)).all()
    assert row["Share"] == 0
    assert row["Note"] == "no negative controls on its plates"


@pytest.mark.parametrize(("wells", "concentration"), [(1, None), (16, 20.0), (16, None)])
def test_intervals_hold_the_truth(wells, concentration):
    """In 19 of 20 cases; with few wells resampling alone would be too sure, as of shares near 0."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        nuclei = rng.poisson(60, wells) + 1
        share = (
            np.full(wells, 0.1) if concentration is None else rng.beta(concentration / 10, concentration * 0.9, wells)
        )
        counts = rng.binomial(nuclei, share)[:, None].astype(float)
        _, low, high = share_intervals(counts, nuclei.astype(float), 200, rng)
        held.append(low[0] <= 0.1 <= high[0])
    assert 0.89 <= np.mean(held) <= 1


def test_no_polyploid_nucleus_in_few_is_no_proof_of_none():
    _, low, high = share_intervals(np.zeros((4, 1)), np.full(4, 10.0), 200, np.random.default_rng(0))
    assert low[0] == 0
    assert high[0] > 0.05


def test_same_tables_same_bytes_whatever_the_order_of_wells(tmp_path):
    wells = measured_wells()
    paths = []
    for plate, own in wells.groupby("Metadata_Plate"):
        paths.append(str(tmp_path / f"{plate}.parquet"))
        write_table(own, paths[-1])
    outs = [str(tmp_path / f"{name}.parquet") for name in "ab"]
    for out in outs:
        run_score_ploidy(paths, out, EvaluationConfig(bootstraps=50))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert len(read_table(outs[0])) == 35
