"""What runs again after a change, and nothing else: dry runs on a campaign that looks finished."""

import os
import re
import shutil
import subprocess
from collections import Counter

import pytest
import yaml
from campaigns import ROOT, finish_campaign, snakemake, write_campaign

PLATES = ["P001", "P002", "P003"]
JOB = re.compile(r"^(?:local)?rule (?P<rule>\w+):\n(?P<body>(?:^    .*\n)*)", re.MULTILINE)
# Blocks of a plate: two rows of three wells.
BLOCKS = 2
# Two kinds of features, each under two corrections.
CAMPAIGN_LEVEL = {
    "normalise_plates": 2,
    "select_features": 2,
    "score_differences": 1,
    "explain_treatments": 2,
    "explain_features": 1,
    "show_exemplars": 1,
    "score_ploidy": 1,
    "report_network": 1,
    "report_campaign": 1,
    "all": 1,
}
for name in (
    "correct_batches",
    "build_consensus",
    "build_network",
    "evaluate_network",
    "shortlist_perturbations",
    "score_batches",
    "call_hits",
):
    CAMPAIGN_LEVEL[name] = 4
BLOCK_RULES = ("segment_block", "measure_block", "crop_block", "embed_block")
PLATE_RULES = ("inventory_plate", "estimate_illumination", "prepare_store", "reference_plate")


class Finished:
    """A finished campaign whose files are changed for the length of a test."""

    def __init__(self, folder, embedding):
        self.folder = folder
        self.config = write_campaign(folder, len(PLATES), 1, 3, 6, replicates=2)
        settings = yaml.safe_load(self.config.read_text())
        settings["embeddings"] = {"deep": embedding}
        self.settings = settings
        self.config.write_text(yaml.safe_dump(settings))
        finish_campaign(self.config)
        self.record = folder / "results/bench/campaign/embedding/deep.plates.json"
        self._before = {}

    def edit(self, name, change):
        """Change the text of a file."""
        path = self.folder / name
        self._before.setdefault(path, (path.read_text(), path.stat().st_mtime_ns))
        path.write_text(change(path.read_text()))

    def set(self, **sections):
        """Change sections of the config."""
        self.edit("config.yaml", lambda text: yaml.safe_dump(yaml.safe_load(text) | sections))

    def add_plate(self, platemap="map1.txt", first=False):
        row = f"P004\tb4\tphenix\t{self.folder}/images\t{self.folder}/{platemap}\t1"
        place = 1 if first else 99

        def insert(text):
            lines = text.splitlines()
            return "\n".join([*lines[:place], row, *lines[place:]]) + "\n"

        self.edit("plates.tsv", insert)

    def restore(self):
        for path, (text, made) in self._before.items():
            path.write_text(text)
            os.utime(path, ns=(made, made))
        self._before.clear()

    def plan(self, *arguments, tree=ROOT):
        """Planned jobs as (rule, plate) with their number; campaign-level jobs have no plate; and what was printed."""
        command = snakemake(self.config, "--dry-run", *arguments, tree=tree)
        done = subprocess.run(command, capture_output=True, text=True, cwd=tree, check=False)
        text = done.stdout + done.stderr
        assert done.returncode == 0, text[-3000:]
        found = Counter()
        for match in JOB.finditer(text):
            plate = re.search(r"^ +wildcards: .*?plate=(\w+)", match["body"], re.MULTILINE)
            found[match["rule"], plate[1] if plate else ""] += 1
        assert bool(found) != ("Nothing to be done" in text)
        return found, text


def campaign_level():
    return Counter({(rule, ""): count for rule, count in CAMPAIGN_LEVEL.items()})


def of_plates(plates, **counts):
    return Counter({(rule, plate): count for plate in plates for rule, count in counts.items()})


def whole_plate(plate, inventory="inventory_plate"):
    counts = dict.fromkeys((inventory, *PLATE_RULES[1:], "fit_ploidy", "summarise_qc", "report_plate"), 1)
    return of_plates([plate], **counts, **dict.fromkeys(BLOCK_RULES, BLOCKS), aggregate_plate=2)


@pytest.fixture(scope="module")
def trained_on_all(tmp_path_factory):
    """``train_plates`` left out: every plate is trained on."""
    return Finished(tmp_path_factory.mktemp("all"), {"kind": "weak"})


@pytest.fixture(scope="module")
def trained_on_one(tmp_path_factory):
    embedding = {"kind": "weak", "train_plates": ["P001"], "validation_plates": ["P002"]}
    return Finished(tmp_path_factory.mktemp("one"), embedding)


@pytest.fixture(params=["trained_on_all", "trained_on_one"])
def either(request):
    campaign = request.getfixturevalue(request.param)
    yield campaign
    campaign.restore()


@pytest.fixture
def finished(trained_on_all):
    yield trained_on_all
    trained_on_all.restore()


def test_a_finished_campaign_has_nothing_to_do(either):
    assert either.plan()[0] == Counter()


def test_an_added_plate_is_run_and_embedded_but_nothing_is_trained(either):
    either.add_plate()
    planned, text = either.plan()
    assert planned == campaign_level() + whole_plate("P004")
    # Not silently: who left train_plates out is told that the network has not seen the plate.
    asked_for_all = "train_plates" not in either.settings["embeddings"]["deep"]
    assert ("deep: P004 is new and is embedded as it is" in text) == asked_for_all
    assert (str(either.record) in text) == asked_for_all
    for features in ("classical", "deep"):
        record = either.folder / f"results/bench/campaign/profiles/{features}.plates.json"
        assert f"{features}: P004 is new; scale and features stay fitted" in text
        assert f"remove {record}" in text


def test_an_added_plate_of_another_layout_leaves_the_others_alone(finished):
    (finished.folder / "few.txt").write_text("well_position\tcompound\nA01\tDMSO\nA02\tC001\nB03\tC002\n")
    finished.add_plate("few.txt", first=True)
    assert finished.plan()[0] == campaign_level() + whole_plate("P004")


def test_the_record_removed_the_network_is_trained_on_all_plates(finished):
    finished.add_plate()
    finished.edit("results/bench/campaign/embedding/deep.plates.json", str)
    finished.record.unlink()
    planned, text = finished.plan()
    everywhere = of_plates(PLATES, embed_block=BLOCKS, aggregate_plate=1)
    assert planned == campaign_level() + whole_plate("P004") + everywhere + Counter({("train_embedding", ""): 1})
    assert "P004 is new and is embedded" not in text


def test_a_removed_plate_leaves_the_others_and_the_network_alone(either):
    # P003: a plate that is named in train_plates can only be removed with a change of the config.
    either.edit("plates.tsv", lambda text: "".join(line for line in text.splitlines(True) if "P003" not in line))
    planned, _ = either.plan()
    assert planned == campaign_level()


def test_a_well_given_something_else_is_aggregated_anew(either):
    """Its images, labels and measurements are what they were, and so is the network."""
    either.edit("map2.txt", lambda text: text.replace("C002", "C003"))
    once = of_plates(["P003"], aggregate_plate=2, fit_ploidy=1, summarise_qc=1, report_plate=1)
    assert either.plan()[0] == campaign_level() + once


def test_another_mechanism_in_the_table_is_aggregated_anew(either):
    either.edit("compounds.tsv", lambda text: text.replace("C003\tm3", "C003\tm7"))
    assert either.plan()[0] == campaign_level() + of_plates(
        PLATES, aggregate_plate=2, fit_ploidy=1, summarise_qc=1, report_plate=1
    )


def test_a_feature_parameter_measures_anew_and_segments_nothing(finished):
    finished.set(measure={"full_scale": 4095})
    planned, _ = finished.plan()
    again = of_plates(PLATES, measure_block=BLOCKS, aggregate_plate=1, fit_ploidy=1, summarise_qc=1, report_plate=1)
    # The learned features are untouched: of the campaign's level, only one kind of features of two.
    halved = {rule: count if count == 1 else count // 2 for rule, count in CAMPAIGN_LEVEL.items()}
    del halved["show_exemplars"]
    assert planned == again + Counter({(rule, ""): count for rule, count in halved.items()})


@pytest.mark.parametrize(
    "report",
    [{"thumbnail_channels": {"DNA": "#3366ff"}}, {"title": "Another"}],
    ids=["colour", "title"],
)
def test_what_only_the_report_shows_makes_the_report_anew(finished, report):
    finished.set(report=report)
    page = Counter({("report_campaign", ""): 1, ("all", ""): 1})
    assert finished.plan()[0] == page + of_plates(PLATES, report_plate=1)


@pytest.mark.parametrize("features", ["classical", "deep"])
def test_the_record_of_a_fit_removed_scale_and_features_are_fitted_on_all_plates(finished, features):
    record = f"results/bench/campaign/profiles/{features}.plates.json"
    finished.add_plate()
    finished.edit(record, str)
    (finished.folder / record).unlink()
    planned, text = finished.plan()
    assert planned == campaign_level() + whole_plate("P004")
    assert f"{features}: P004 is new; scale" not in text
    assert text.count("is new; scale") == 1


def test_rules_for_cells_aggregate_every_kind_of_features_anew(finished):
    finished.set(profiles={"cells": {"size": {}}})
    again = of_plates(PLATES, aggregate_plate=2, summarise_qc=1, report_plate=1)
    # DNA content is that of all nuclei.
    assert finished.plan()[0] == campaign_level() - Counter({("score_ploidy", ""): 1}) + again


def test_another_consensus_is_built_from_the_same_profiles(finished):
    finished.set(profiles={"consensus": {"method": "mean"}})
    unchanged = ("normalise_plates", "select_features", "correct_batches", "call_hits")
    explained = ("explain_treatments", "explain_features", "show_exemplars", "score_ploidy")
    built = {(rule, ""): count for rule, count in CAMPAIGN_LEVEL.items() if rule not in (*unchanged, *explained)}
    assert finished.plan()[0] == Counter(built)


def test_a_segmentation_parameter_redoes_all_but_inventory_flat_field_and_network(finished):
    finished.set(segmentation={"nuclei": {"engine": "classical", "nucleus_diameter": 30}})
    blocks = of_plates(PLATES, **dict.fromkeys(BLOCK_RULES, BLOCKS), reference_plate=1)
    plates = of_plates(PLATES, aggregate_plate=2, fit_ploidy=1, summarise_qc=1, report_plate=1)
    assert finished.plan()[0] == campaign_level() + blocks + plates


@pytest.mark.parametrize("section", ["embeddings", "crops"])
def test_another_network_is_trained_and_embeds_every_plate(either, section):
    sections = {"embeddings": {"deep": either.settings["embeddings"]["deep"] | {"epochs": 3}}, "crops": {"size": 64}}
    either.set(**{section: sections[section]})
    planned, _ = either.plan()
    expected = of_plates(PLATES, embed_block=BLOCKS, aggregate_plate=1) + Counter({("train_embedding", ""): 1})
    if section == "crops":
        expected += of_plates(PLATES, crop_block=BLOCKS, reference_plate=1)
    assert {key: count for key, count in planned.items() if key[0] not in CAMPAIGN_LEVEL} == expected


def test_how_jobs_are_run_changes_nothing(finished):
    embeddings = {"deep": finished.settings["embeddings"]["deep"] | {"batch": 32}}
    finished.set(device="cpu", embeddings=embeddings, measure={"gpu": True})
    assert finished.plan("--config", "container=other.sif")[0] == Counter()


def test_a_new_version_in_a_new_clone_changes_nothing(finished, tmp_path):
    for name in ("workflow", "envs", "profiles", "models"):
        # New time stamps on every script.
        shutil.copytree(ROOT / name, tmp_path / name, copy_function=shutil.copy)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    library = tmp_path / "workflow/lib/platewise/__init__.py"
    text, count = re.subn(r'__version__ = ".*"', '__version__ = "99.0"', library.read_text())
    assert count == 1
    library.write_text(text)
    assert finished.plan(tree=tmp_path)[0] == Counter()
