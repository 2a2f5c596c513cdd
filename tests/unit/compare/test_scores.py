import numpy as np
import pandas as pd
import pytest
from small_run import VARIANT, batches_table, scores_table, write_run

from platewise.compare.results import open_results
from platewise.compare.scores import compare_scores, match_scores

SCORES = "campaign/evaluation/classical.none.scores.parquet"
BATCHES = "campaign/evaluation/classical.none.batches.parquet"


def _row(table, place):
    return table[["Old", "New", "Difference", "Overlap", "Change"]].iloc[place].tolist()


def test_intervals_that_part_are_a_change():
    old, new = scores_table(0.5, 0.4, 0.6), scores_table(0.8, 0.7, 0.9)
    assert _row(match_scores(old, new, "scores"), 0) == [0.5, 0.8, pytest.approx(0.3), "no", "better"]
    assert _row(match_scores(new, old, "scores"), 0)[-1] == "worse"
    wide = scores_table(0.8, 0.55, 0.9)
    assert _row(match_scores(old, wide, "scores"), 0)[-2:] == ["yes", "no clear change"]


def test_a_baseline_is_neither_better_nor_worse():
    old, new = scores_table(), scores_table()
    new.loc[1, ["Value", "Low", "High"]] = [0.5, 0.4, 0.6]
    table = match_scores(old, new, "scores")
    assert table["Baseline"].tolist() == ["", "shuffled labels", ""]
    assert table["Change"].tolist() == ["the same", "higher", "the same"]


def test_lower_is_better_where_the_table_says_so():
    table = match_scores(batches_table(0.3), batches_table(0.1), "batches")
    assert _row(table, 0) == [0.3, 0.1, pytest.approx(-0.2), "no", "better"]


def test_without_intervals_nothing_is_claimed():
    old, new = (batches_table(value).assign(Low=np.nan, High=np.nan) for value in (0.3, 0.1))
    assert _row(match_scores(old, new, "batches"), 0)[-2:] == ["", "no interval to judge by"]
    assert _row(match_scores(old, old, "batches"), 0)[-2:] == ["", "the same"]


def test_scores_that_come_and_go():
    old, new = scores_table(), scores_table()
    new.loc[0, ["Value", "Low", "High"]] = np.nan
    new.loc[2, ["Value", "Low", "High"]] = [0.5, np.nan, np.nan]
    table = match_scores(old, new.assign(Note="too few"), "scores")
    assert table["Change"].tolist() == ["no longer computed", "the same", "now computed"]
    assert table["Overlap"].tolist() == ["", "yes", ""]
    assert table["Note"][0] == "too few"
    more = pd.concat([old, old.iloc[:1].assign(Metric="nsc")], ignore_index=True)
    assert match_scores(old, more, "scores")["Change"].tolist()[-1] == "only in NEW"
    assert match_scores(more, old, "scores")["Change"].tolist()[-1] == "only in OLD"


def test_the_same_scores(pair):
    section = compare_scores(pair())
    assert section.moved is False
    assert section.facts["scores"] == {"rows": 3, "the same": 3, "better": 0, "worse": 0}
    assert section.facts["batches"]["the same"] == section.facts["batches"]["rows"] == 1
    assert section.facts["verdicts_changed"] == 0
    assert (section.rows("scores")["Difference"].dropna() == 0).all()


def test_the_answer_of_the_report_is_compared(pair):
    """Above chance at p = 0.01 and its baseline; at p = 0.5 not shown."""
    section = compare_scores(pair(tables={SCORES: scores_table(p=0.5)}))
    assert section.facts["verdicts_changed"] == 1
    assert section.rows("verdicts").to_numpy().tolist() == [
        [
            *VARIANT,
            "yes: but not compared with cell count alone and well position alone",
            "not shown: not above chance",
        ]
    ]
    # The p-value is no score: all values are the same.
    assert section.facts["scores"]["the same"] == 3


def test_missing_scores_are_said(pair):
    section = compare_scores(pair(leave_out=[SCORES]))
    assert "No scores in NEW." in section.sentences
    assert section.facts["batches"]["rows"] == 1
    section = compare_scores(pair())
    assert section.moved is False


def test_without_any_score_nothing_is_claimed(tmp_path):
    old, new = (write_run(tmp_path / name, leave_out=[SCORES, BATCHES]) for name in "ab")
    section = compare_scores(open_results(old, new))
    assert section.moved is None
    assert section.sentences[-1] == "No scores could be compared."
