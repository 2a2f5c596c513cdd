"""The printed scores, and why one cannot be said."""

from pathlib import Path

import pandas as pd
import pytest

from platewise.config.campaign import CampaignConfig
from platewise.errors import DataError
from platewise.evaluation.summary import nsc_lines
from platewise.tables import write_table


@pytest.fixture
def config(tmp_path):
    raw = {"campaign": "test", "results": str(tmp_path), "plate_format": 6}
    columns = {"plate": "plate", "well": "well", "batch": "batch", "perturbation": "compound"}
    raw["table"] = {"paths": ["wells.csv"], "columns": columns, "negcon": ["DMSO"]}
    raw["correction"] = {"methods": {"none": {"method": "none"}, "sphering": {"method": "sphering"}}, "preset": "none"}
    return CampaignConfig.model_validate(raw)


def write_scores(config, correction, nsc, nscb, note):
    rows = [["nsc", nsc, "", ""], ["nsc", 0.1, "shuffled", ""], ["nscb", nscb, "", note]]
    table = pd.DataFrame(rows, columns=["Metric", "Value", "Baseline", "Note"])
    folder = Path(config.results, "test", "campaign", "evaluation")
    write_table(table, folder / f"{config.preset_features}.{correction}.scores.parquet")


def test_a_score_that_could_not_be_computed_is_told_with_its_reason(config):
    write_scores(config, "none", 0.9034, float("nan"), "all treatments lie in one batch")
    write_scores(config, "sphering", 0.5, 0.25, "2 treatments are left out")
    first = "NSC 0.903 NSCB not computed (all treatments lie in one batch)"
    assert nsc_lines(config) == [f"none {first}", "sphering NSC 0.500 NSCB 0.250", f"preset {first}"]


def test_scores_without_a_reason(config):
    for name in ("none", "sphering"):
        write_scores(config, name, float("nan"), 0.25, "")
    assert nsc_lines(config)[-1] == "preset NSC not computed (the scores table gives no reason) NSCB 0.250"


def test_a_campaign_that_has_not_run(config):
    with pytest.raises(DataError, match=r"scores\.parquet: there are no scores yet\. Hint: run the campaign first\."):
        nsc_lines(config)
