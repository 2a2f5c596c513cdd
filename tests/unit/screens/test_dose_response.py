"""Planted dose responses are found, with their EC50; where there is none, that is the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_screen import DOSES, distance_table
from scipy.stats import binom, mannwhitneyu

from platewise.config.evaluation import EvaluationConfig
from platewise.screens.dose_curve import rise
from platewise.screens.dose_response import (
    ABOVE,
    BELOW,
    NO_RESPONSE,
    NO_TREND,
    NOT_TESTED,
    RESPONSE,
    RESPONSE_COLUMNS,
    WITHIN,
    dose_response,
    run_fit_dose_response,
)
from platewise.screens.trend import trend_p_value
from platewise.tables import read_table, write_table

GIVEN = np.repeat(DOSES, 3)


def series(
    rng: np.random.Generator, ec50: float, height: float = 20, doses: np.ndarray = GIVEN
) -> tuple[np.ndarray, ...]:
    return doses, 5 + height * rise(doses, ec50, 1.5) + rng.normal(0, 1, len(doses))


def nothing(rng: np.random.Generator, doses: np.ndarray = GIVEN) -> tuple[np.ndarray, ...]:
    return doses, 5 + rng.normal(0, 1, len(doses))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    planted = {f"ec50 {ec50}": series(rng, ec50) for ec50 in (0.5, 2.0, 8.0)}
    planted |= {"late": series(rng, 150.0, 2000), "early": series(rng, 0.04)}
    planted |= {"always": (GIVEN, 25 + rng.normal(0, 1, 18)), **{f"nothing {n}": nothing(rng) for n in range(5)}}
    planted["three doses"] = series(rng, 2.0, doses=np.repeat(DOSES[:3], 3))
    return dose_response(distance_table(planted, 5 + rng.normal(0, 1, 30)), 0.05).set_index("Metadata_Perturbation")


def test_planted_responses_are_found_with_their_ec50(table: pd.DataFrame) -> None:
    for ec50 in (0.5, 2.0, 8.0):
        row = table.loc[f"ec50 {ec50}"]
        assert (row["Answer"], row["Place"]) == (RESPONSE, WITHIN)
        assert row["Low"] < ec50 < row["High"]
        assert row["EC50"] == pytest.approx(ec50, rel=0.4)
        assert row["R2"] > 0.9
        assert row["Top"] == pytest.approx(25, rel=0.2)


def test_an_ec50_outside_the_doses_is_an_answer(table: pd.DataFrame) -> None:
    late, early = table.loc["late"], table.loc["early"]
    assert (late["Answer"], late["Place"]) == (RESPONSE, ABOVE)
    assert late["Low"] < 150 < late["High"]
    assert (early["Answer"], early["Place"], early["Low"]) == (RESPONSE, BELOW, 0.0)
    assert np.isnan([late["EC50"], early["EC50"]]).all()


def test_without_a_response_there_is_no_curve(table: pd.DataFrame) -> None:
    nothing_given = table[table.index.str.startswith("nothing")]
    assert (nothing_given["Answer"] == NO_RESPONSE).all()
    curve = ["EC50", "Low", "High", "Hill", "Bottom", "Top", "R2"]
    assert table.loc[table["Answer"] != RESPONSE, curve].isna().all(axis=None)
    # Acts at every dose alike: it acts, and the dose is not known.
    assert table.loc["always", "Answer"] == NO_TREND
    assert table.loc["always", "Effect"] > 10


def test_too_few_doses_are_a_row_with_a_reason(table: pd.DataFrame) -> None:
    row = table.loc["three doses"]
    assert (row["Answer"], row["Doses"], row["Wells"]) == (NOT_TESTED, 3, 9)
    assert row["Note"] == "only 3 of 4 doses that a curve needs have wells"
    assert np.isnan(row["QValue"])
    assert "DMSO" not in table.index


def test_the_tests_by_hand() -> None:
    doses = np.repeat([1.0, 2.0, 4.0, 8.0], 2)
    distances = np.array([5.0, 6.1, 5.5, 7.0, 8.0, 9.0, 9.5, 11.0])
    controls = np.array([4.0, 5.1, 5.2, 5.6, 6.0, 8.5])
    row = dose_response(distance_table({"drug": (doses, distances)}, controls), 0.05).iloc[0]
    # The two wells at the highest dose, and those at the next one, since three are wanted.
    top = mannwhitneyu(distances[4:], controls, alternative="greater", method="exact").pvalue
    assert row["TopPValue"] == pytest.approx(top)
    assert row["TrendPValue"] == pytest.approx(trend_p_value(distances, doses))
    assert row["PValue"] == row["QValue"] == max(row["TopPValue"], row["TrendPValue"])
    deviation = np.median(np.abs(controls - 5.4)) * 1.4826
    assert row["Effect"] == pytest.approx((distances[4:].mean() - 5.4) / deviation, rel=1e-4)


def test_under_the_null_responses_are_no_more_than_the_level() -> None:
    rng = np.random.default_rng(1)
    any_found, acting = [], []
    for _ in range(150):
        planted = {f"p{number}": nothing(rng) for number in range(8)}
        answers = dose_response(distance_table(planted, 5 + rng.normal(0, 1, 24)), 0.05)["Answer"]
        any_found.append((answers == RESPONSE).any())
        acting.append((answers == NO_TREND).any())
    # 5 % at most, and three standard errors.
    assert np.mean(any_found) <= 0.05
    assert np.mean(acting) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_each_p_is_uniform_under_the_null() -> None:
    """Of the wells at the top against the controls, and of the trend; the larger of two rejects less."""
    rng, campaigns = np.random.default_rng(4), 400
    rows = [
        dose_response(distance_table({"p": nothing(rng)}, 5 + rng.normal(0, 1, 24)), 0.05).iloc[0]
        for _ in range(campaigns)
    ]
    p = pd.DataFrame(rows)[["TopPValue", "TrendPValue", "PValue"]].astype(float)
    for level in (0.05, 0.2, 0.5, 0.8):
        reached = (p <= level).sum()
        low, high = binom.ppf([1e-4, 1 - 1e-4], campaigns, level)
        # Exact tests with steps: the shares may fall short of the level by less than a step.
        assert (reached[["TopPValue", "TrendPValue"]] >= low - 0.01 * campaigns).all(), level
        assert (reached <= high).all(), level


def test_controls_that_lie_too_near_alone_make_no_response() -> None:
    """The trend is a test among the perturbation's own wells."""
    rng = np.random.default_rng(2)
    planted = {f"p{number}": nothing(rng) for number in range(20)}
    answers = dose_response(distance_table(planted, 1 + rng.normal(0, 0.5, 24)), 0.05)["Answer"]
    assert set(answers) == {NO_TREND}


def test_wells_without_a_dose_are_counted_and_left_out() -> None:
    rng = np.random.default_rng(3)
    doses = np.concatenate([GIVEN, [0.0, np.nan]])
    values = np.concatenate([series(rng, 2.0)[1], [500.0, 500.0]])
    table = dose_response(
        distance_table({"drug": (doses, values), "gene": (np.full(3, np.nan), np.ones(3))}, rng.normal(5, 1, 20)), 0.05
    )
    assert table["Metadata_Perturbation"].tolist() == ["drug"]
    row = table.iloc[0]
    assert (row["Answer"], row["Wells"], row["Doses"]) == (RESPONSE, 18, 6)
    assert row["Note"] == "2 wells without a dose above 0 are left out"


def test_what_so_few_wells_cannot_show_is_said() -> None:
    rng = np.random.default_rng(4)
    doses = np.array([0.1, 1.0, 10.0])
    four = np.append(doses, 100.0)
    planted = {"few": (four, 5 + 10 * np.arange(4.0))}
    planted |= {"two doses": (doses[:2], np.array([5.0, 9.0]))}
    table = dose_response(distance_table(planted, rng.normal(5, 1, 20)), 0.04).set_index("Metadata_Perturbation")
    assert table.loc["few", "Note"] == "so few wells cannot show a trend with a p below 0.042"
    assert table.loc["few", "Answer"] == NO_TREND


def test_without_distances_nothing_is_tested(tmp_path) -> None:
    rng = np.random.default_rng(5)
    wells = distance_table({"drug": series(rng, 2.0)}, rng.normal(5, 1, 3)).assign(Distance=np.nan)
    write_table(wells, tmp_path / "distances.parquet", {"note": "3 negative controls are too few"})
    run_fit_dose_response(str(tmp_path / "distances.parquet"), str(tmp_path / "out.parquet"), EvaluationConfig())
    table = read_table(tmp_path / "out.parquet")
    assert list(table) == RESPONSE_COLUMNS
    assert table["Answer"].tolist() == [NOT_TESTED]
    assert table["Note"].tolist() == ["3 negative controls are too few"]
    none = dose_response(wells[wells["Metadata_Perturbation"] == "DMSO"], 0.05)
    assert none.empty
    assert list(none) == RESPONSE_COLUMNS
