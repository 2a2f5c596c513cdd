"""What every rule asks for, from Snakemake's own rules."""

from pathlib import Path

import pytest
import yaml
from project import CHANNELS, ROOT
from snakemake.api import SnakemakeApi
from snakemake.iocontainers import Wildcards
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

SCRIPTS = ROOT / "workflow" / "scripts"
# By what a campaign starts from; fields are segmented on a GPU where a network does it, measured where the config says.
BY_CONFIG = {"segment_block", "measure_block"}
DEVICE_RULES = {
    "image_campaign": {"train_embedding", "embed_block"},
    "network_campaign": {
        "train_embedding",
        "embed_block",
        "segment_block",
        "rank_annotations",
        "train_segmenter",
        "measure_block",
    },
    "table_campaign": set(),
    "segmenter_campaign": {"train_segmenter"},
}
WILDCARDS = {"plate": "P1", "block": "A01-A03", "features": "classical", "model": "deep", "correction": "none"}
WILDCARDS |= {"annotations": "made_up", "segmenter": "flow", "fold": "0", "contender": "flow"}
# With four doses, so that there is something to fit.
TABLE = ["Metadata_Plate,Metadata_Well,Metadata_Perturbation,dose,Cells_A", "P1,A01,DMSO,,1"]
TABLE += [f"P1,B0{well},x,{well},2" for well in range(1, 5)]


def image_campaign(folder):
    """Two plates that are cut into different blocks: two rules make their inventories."""
    for name, wells in (("one", ("A01", "A02")), ("two", ("A01", "B01"))):
        rows = [f"{well}\t{'DMSO' if well == 'A01' else 'x'}" for well in wells]
        (folder / f"{name}.txt").write_text("\n".join(["well_position\tcompound", *rows]) + "\n")
    sheet = ["plate\tbatch\treader\timages\tplatemap"]
    sheet += [f"{plate}\tb1\tphenix\t{folder}\t{folder}/{name}.txt" for plate, name in (("P1", "one"), ("P2", "two"))]
    (folder / "plates.tsv").write_text("\n".join(sheet) + "\n")
    return {
        "plates": str(folder / "plates.tsv"),
        "plate_format": 6,
        "metadata": {"key": "compound", "negcon": ["DMSO"]},
        "images": {"channels": CHANNELS},
        "segmentation": {"nuclei": {"engine": "classical"}},
        "blocks": {"wells_per_block": 3},
        "embeddings": {"deep": {"kind": "weak", "train_plates": ["P1"]}},
    }


def table_campaign(folder):
    (folder / "wells.csv").write_text("\n".join(TABLE) + "\n")
    return {"table": {"paths": [str(folder / "wells.csv")], "columns": {"dose": "dose"}, "negcon": ["DMSO"]}}


def segmenter_campaign(folder):
    rows = [f"{number}.png,{number}.png,g{number},grey" for number in range(4)]
    (folder / "index.csv").write_text("\n".join(["image,label,group,class", *rows]) + "\n")
    return {
        "annotations": {"made_up": {"index": str(folder / "index.csv"), "folds": 2}},
        "segmenters": {
            "flow": {"engine": "flow", "annotations": "made_up"},
            "tuned": {"engine": "tuned", "annotations": "made_up"},
        },
        "segmentation_evaluation": {
            "annotations": "made_up",
            "contenders": {"flow": {"engine": "flow", "segmenter": "flow", "nucleus_diameter": 20}},
            "reference": "flow",
        },
    }


def network_campaign(folder):
    """Its own network segments the fields, and says which of them should be annotated; a GPU measures."""
    segmenters = segmenter_campaign(folder)
    own = {"engine": "flow", "segmenter": "flow", "nucleus_diameter": 20}
    del segmenters["segmentation_evaluation"]
    tuned = {"engine": "tuned", "segmenter": "tuned"}
    sections = {"segmentation": {"nuclei": own}, "ranking": {"committee": [own, tuned]}, "measure": {"gpu": True}}
    return image_campaign(folder) | segmenters | sections


@pytest.fixture(scope="module", params=[image_campaign, table_campaign, segmenter_campaign, network_campaign])
def rules(request, tmp_path_factory):
    """The rules of a campaign that have something to do, by name."""
    folder = tmp_path_factory.mktemp("campaign")
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"campaign": "test", "results": str(folder)} | request.param(folder)))
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(),
            config_settings=ConfigSettings(configfiles=[config]),
            snakefile=ROOT / "Snakefile",
        )._workflow
        yield {rule.name: rule for rule in workflow.rules if not rule.norun}


def asked(rule, name, attempt):
    wildcards = Wildcards(fromdict={key: WILDCARDS[key] for key in rule.wildcard_names})
    return rule.resources[name].evaluate(wildcards, attempt=attempt).value


def test_every_rule_asks_for_threads_memory_and_time(rules):
    assert len(rules) >= 5
    for name, rule in rules.items():
        assert asked(rule, "_cores", 1) in (1, 2, 4), name
        assert {"mem_mb", "runtime"} <= set(rule.resources), name
        assert asked(rule, "mem_mb", 1) >= 700, name
        assert asked(rule, "runtime", 1) >= 30, name


def test_further_tries_ask_for_more(rules):
    for name, rule in rules.items():
        for resource in ("mem_mb", "runtime"):
            amounts = [asked(rule, resource, attempt) for attempt in (1, 2, 3)]
            assert amounts == [amounts[0], 2 * amounts[0], 3 * amounts[0]], (name, resource)


def test_the_rules_that_use_a_device_ask_for_a_gpu_and_no_other(rules, request):
    asking = {name: asked(rule, "gpu", 1) for name, rule in rules.items() if "gpu" in rule.resources}
    assert asking == dict.fromkeys(DEVICE_RULES[request.node.callspec.params["rules"].__name__], 1)
    using = {name for name, rule in rules.items() if "device" in (SCRIPTS / Path(rule.script).name).read_text()}
    assert using - BY_CONFIG == asking.keys() - BY_CONFIG


def test_what_is_measured_does_not_depend_on_where(rules):
    for rule in [rules[name] for name in rules.keys() & {"measure_block"}]:
        assert set(rule.params.measure) == {"full_scale", "groups"}


@pytest.mark.parametrize("rules", [network_campaign], indirect=True)
def test_a_ranking_takes_the_networks_and_parameters_that_its_committee_names(rules):
    made = [Path(path).parts[-3:] for path in rules["rank_annotations"].input.segmenters]
    assert made == [("flow", "all", "weights.safetensors"), ("tuned", "all", "parameters.json")]
    ranking = rules["rank_annotations"].params.ranking(None)
    assert [engine["content"] for engine in ranking["committee"]] == [{}, {}]


def test_no_rule_names_a_site(rules):
    known = {"_cores", "_nodes", "tmpdir", "mem_mb", "runtime", "gpu"}
    assert set().union(*(rule.resources for rule in rules.values())) <= known
