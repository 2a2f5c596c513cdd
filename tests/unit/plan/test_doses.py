"""A dose response is planned only where something was given at four doses."""

import pytest

from platewise.plan.campaign import load_campaign
from platewise.plan.doses import has_dose_series
from platewise.plan.jobs import campaign_stages, list_jobs

FOUR, THREE = ("0.1", "1", "10", "100"), ("0", "1", "10", "100")


def from_table(folder, doses, name="drug", dose_column="dose"):
    lines = ["Metadata_Plate\tMetadata_Well\tMetadata_Perturbation\tdose\tkind\tCells_AreaShape_Area"]
    lines += [f"P1\tA{well + 1:02d}\t{name}\t{dose}\t\t1.0" for well, dose in enumerate(doses)]
    lines += [f"P1\tB{well + 1:02d}\tDMSO\t{dose}\tnegcon\t1.0" for well, dose in enumerate(FOUR)]
    (folder / "wells.tsv").write_text("\n".join(lines) + "\n")
    columns = {"dose": dose_column, "control_type": "kind"}
    return {"campaign": "test", "table": {"paths": [str(folder / "wells.tsv")], "columns": columns}}


def from_images(folder, doses):
    (folder / "images").mkdir()
    rows = [f"A{well + 1:02d}\tdrug\t{dose}" for well, dose in enumerate(doses)]
    rows += [f"B{well + 1:02d}\tDMSO\t{dose}" for well, dose in enumerate(FOUR)]
    (folder / "map.txt").write_text("\n".join(["well_position\tcompound\tdose", *rows]) + "\n")
    plate = f"P1\tb1\tphenix\t{folder}/images\t{folder}/map.txt"
    (folder / "plates.tsv").write_text(f"plate\tbatch\treader\timages\tplatemap\n{plate}\n")
    return {
        "campaign": "test",
        "plates": str(folder / "plates.tsv"),
        "metadata": {"key": "compound", "dose": "dose", "negcon": ["DMSO"]},
        "images": {"channels": {"DNA": "ch5", "ER": "ch4", "RNA": "ch3", "AGP": "ch2", "Mito": "ch1"}},
        "segmentation": {"nuclei": {"engine": "classical"}},
    }


@pytest.mark.parametrize("make", [from_table, from_images])
@pytest.mark.parametrize(("doses", "expected"), [(FOUR, True), (THREE, False), (("", "1", "10", "100"), False)])
def test_four_doses_above_0_of_something_that_is_no_negative_control(tmp_path, make, doses, expected):
    campaign = load_campaign(make(tmp_path, doses))
    assert has_dose_series(campaign) == expected
    rules = {job.rule: job for job in list_jobs(campaign)}
    assert ("fit_dose_response" in rules) == expected
    assert ("doses" in campaign_stages(campaign)) == expected
    fitted = "results/test/campaign/screens/dose_response.parquet"
    assert (fitted in rules["report_campaign"].inputs) == expected


def test_a_table_without_doses_has_none(tmp_path):
    raw = from_table(tmp_path, FOUR)
    del raw["table"]["columns"]["dose"]
    assert not has_dose_series(load_campaign(raw))


def test_doses_are_those_of_one_perturbation(tmp_path):
    raw = from_table(tmp_path, FOUR)
    text = (tmp_path / "wells.tsv").read_text()
    (tmp_path / "wells.tsv").write_text(text.replace("drug\t1\t", "other\t1\t"))
    assert not has_dose_series(load_campaign(raw))
