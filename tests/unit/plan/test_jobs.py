"""The list of a campaign's jobs; tests/workflow/test_status.py holds it against Snakemake's plan."""

import pytest

from platewise.errors import ConfigError
from platewise.plan.campaign import load_campaign
from platewise.plan.jobs import campaign_stages, list_jobs, list_targets, plate_stages

EMBEDDINGS = {"deep": {"kind": "weak", "train_plates": ["P1"], "normalise": "crop"}, "random": {"kind": "random"}}


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "map.txt").write_text("well_position\tcompound\nA01\tDMSO\nA02\tx\nB01\ty\n")
    sheet = ["plate\tbatch\treader\timages\tplatemap"]
    sheet += [f"{plate}\tb1\tphenix\t{tmp_path}/images\t{tmp_path}/map.txt" for plate in ("P1", "P2")]
    (tmp_path / "plates.tsv").write_text("\n".join(sheet) + "\n")
    return {
        "campaign": "test",
        "results": str(tmp_path / "results"),
        "plates": str(tmp_path / "plates.tsv"),
        "plate_format": 6,
        "metadata": {"key": "compound", "negcon": ["DMSO"]},
        "images": {"channels": {"DNA": "ch5", "ER": "ch4", "RNA": "ch3", "AGP": "ch2", "Mito": "ch1"}},
        "segmentation": {"nuclei": {"engine": "classical"}},
        "blocks": {"wells_per_block": 3},
        "embeddings": EMBEDDINGS,
    }


def test_every_job_comes_after_those_that_make_its_inputs(raw):
    jobs = list_jobs(load_campaign(raw))
    made = set()
    everything = {output for job in jobs for output in job.outputs}
    for job in jobs:
        assert {path for path in (*job.inputs, *job.kept) if path in everything} <= made, job.label
        assert not made & set(job.outputs)
        made.update(job.outputs)
    assert jobs[-1].label == "report_campaign"


def test_every_job_belongs_to_a_stage(raw):
    campaign = load_campaign(raw)
    jobs = list_jobs(campaign)
    assert {job.stage for job in jobs if job.plate} == set(plate_stages(campaign))
    assert {job.stage for job in jobs if not job.plate} == set(campaign_stages(campaign))
    assert {(job.plate, job.block) for job in jobs if job.rule == "segment_block"} == {
        (plate, block) for plate in ("P1", "P2") for block in ("A01-A03", "B01-B03")
    }


def test_targets_are_the_report_and_the_promised_tables(raw):
    campaign = load_campaign(raw)
    targets = list_targets(list_jobs(campaign))
    names = {target.removeprefix(f"{campaign.folder}/") for target in targets}
    assert len(targets) == len(names)
    assert {
        "report/index.html",
        "plates/P1/fields/A01-A03.parquet",
        "plates/P1/cells/A01-A03.parquet",
        "plates/P2/embeddings/random/B01-B03.parquet",
        "plates/P2/profiles/deep.normalised.parquet",
        "campaign/profiles/classical.selected.parquet",
    } <= names
    assert not [name for name in names if "inventory" in name or "campaign/embedding" in name or "crops" in name]


def test_the_page_of_the_network_is_that_of_the_preset(raw):
    campaign = load_campaign(raw)
    page, report = list_jobs(campaign)[-2:]
    assert page.label == "report_network"
    assert page.outputs[0] in report.inputs
    assert page.outputs[0] in list_targets(list_jobs(campaign))
    networks = {path for path in page.inputs if "/network/" in path}
    assert networks == {
        f"{campaign.folder}/campaign/network/{campaign.preset}/{table}.parquet"
        for table in ("nodes", "edges", "neighbours", "shortlist")
    }
    # What moved, of every kind of features.
    assert len([path for path in page.inputs if "/explanation/" in path]) == 2 * len(campaign.config.features)


def with_wild_types(raw, tmp_path, wild_type):
    (tmp_path / "known.tsv").write_text(f"compound\twt\nDMSO\t\nx\t\ny\t{wild_type}\n")
    raw["metadata"] |= {"table": str(tmp_path / "known.tsv"), "wild_type": "wt"}
    return raw


def test_variants_are_scored_where_the_table_names_wild_types(raw, tmp_path):
    assert load_campaign(raw).variants == []
    campaign = load_campaign(with_wild_types(raw, tmp_path, "x"))
    assert campaign.variants == [("y", "x")]
    job = next(job for job in list_jobs(campaign) if job.rule == "score_variants")
    assert len([path for path in job.inputs if "/cells/" in path]) == 4
    assert job.inputs[-2].endswith("campaign/profiles/classical.selected.parquet")
    assert job.stage in campaign_stages(campaign)
    assert job.outputs[0] in list_jobs(campaign)[-1].inputs


def test_a_perturbation_that_is_its_own_wild_type_is_no_variant(raw, tmp_path):
    assert load_campaign(with_wild_types(raw, tmp_path, "y")).variants == []


def test_a_wild_type_that_no_well_was_given_is_refused(raw, tmp_path):
    with pytest.raises(ConfigError, match=r"column wt, of y: found 'z'; expected a perturbation that a well was given"):
        load_campaign(with_wild_types(raw, tmp_path, "z"))
