"""A config is refused before any job runs, with everything that is wrong said at once."""

import copy
import json

import pytest

from platewise.errors import ConfigError
from platewise.plan.campaign import load_campaign
from platewise.plan.jobs import list_jobs
from platewise.plan.sizes import size_of_profiles
from platewise.plan.training import training_keys


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "map.txt").write_text("well_position\tcompound\nA01\tDMSO\nA02\tx\nB01\ty\n")
    sheet = "plate\tbatch\treader\timages\tplatemap\n"
    for plate in ("P1", "P2"):
        sheet += f"{plate}\tb1\tphenix\t{tmp_path}/images\t{tmp_path}/map.txt\n"
    (tmp_path / "plates.tsv").write_text(sheet)
    return {
        "campaign": "test",
        "plates": str(tmp_path / "plates.tsv"),
        "plate_format": 6,
        "metadata": {"key": "compound", "negcon": ["DMSO"]},
        "images": {"channels": {"DNA": "ch5", "ER": "ch4", "RNA": "ch3", "AGP": "ch2", "Mito": "ch1"}},
        "segmentation": {"nuclei": {"engine": "classical"}},
    }


def changed(raw, path, value):
    raw = copy.deepcopy(raw)
    *parents, key = path.split(".")
    section = raw
    for parent in parents:
        section = section.setdefault(parent, {})
    if value is None:
        section.pop(key, None)
    else:
        section[key] = value
    return raw


def refusal(raw):
    with pytest.raises(ConfigError) as caught:
        load_campaign(raw, "config.yaml")
    return caught.value


def test_a_correct_config(raw):
    campaign = load_campaign(raw)
    assert campaign.from_images
    assert campaign.plate_names == ["P1", "P2"]
    assert campaign.plates["P1"].blocks == {"A01-B03": [("A01", None), ("A02", None), ("B01", None)]}
    assert campaign.layouts == {("A01-B03",): ["P1", "P2"]}
    assert campaign.config.features == ["classical"]


HARMONY = {"methods": {"h": {"method": "harmony"}}, "preset": "h"}


def test_the_campaigns_seed_is_the_default_of_every_other(raw):
    raw |= {
        "seed": 5,
        "evaluation": {"seed": 3},
        "embeddings": {"deep": {"kind": "weak"}, "again": {"kind": "weak", "seed": 6}},
        "correction": {"methods": {"h": {"method": "harmony"}}, "preset": "h"},
    }
    config = load_campaign(raw).config
    assert (config.network.seed, config.evaluation.seed, config.correction.methods["h"].seed) == (5, 3, 5)
    assert [config.embeddings[name].seed for name in ("deep", "again")] == [5, 6]


def test_embeddings_are_further_features(raw):
    raw["embeddings"] = {"deep": {"kind": "weak", "train_plates": ["P1"], "validation_plates": ["P2"]}}
    assert load_campaign(raw).config.features == ["classical", "deep"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("campain", "x", ["key campain", "an unknown key", "did you mean 'campaign'?"]),
        (
            "segmentation",
            {"nuclei": {"engine": "classical", "nucleus_diametre": 3}},
            ["key segmentation.nuclei.nucleus_diametre", "unknown key", "did you mean 'nucleus_diameter'?"],
        ),
        ("measure", {"nonsense": 1}, ["key measure.nonsense", "an unknown key"]),
        ("campaign", "../x", ["key campaign", "'../x'", "pattern"]),
        ("campaign", None, ["key campaign", "no such key", "add it"]),
        ("seed", "many", ["key seed", "'many'", "integer"]),
        ("device", "tpu", ["key device", "'tpu'", "'auto'", "'cpu'", "'cuda'"]),
        ("plate_format", 95, ["key plate_format", "95", "96"]),
        ("plates", "/nowhere/plates.tsv", ["key plates", "'/nowhere/plates.tsv'", "a file that exists"]),
        ("plates", None, ["neither plates nor table", "one of them"]),
        ("images", None, ["key images", "no such key", "add the section images"]),
        ("results", "${PLATEWISE_NO_SUCH}", ["key results", "PLATEWISE_NO_SUCH to be set"]),
        ("metadata.negcon", None, ["no negative control", "metadata.negcon"]),
        ("metadata.table", "/nowhere.tsv", ["key metadata.table", "'/nowhere.tsv'", "a file that exists"]),
        ("segmentation", {"nuclei": {"nucleus_diameter": 30}}, ["segmentation.nuclei", "no key engine", "add it"]),
        ("segmentation", {"nuclei": {"engine": "magic"}}, ["segmentation.nuclei", "'magic'", "'classical'"]),
        ("segmentation", {"cells": {"engine": "magic"}}, ["segmentation.cells", "'magic'", "'seeded', 'flow'"]),
        ("segmentation", {"nuclei": {"engine": "stardist"}}, ["key segmentation.nuclei.weights", "no such key"]),
        # Where campaigns of version 0.1 had the keys of the one engine there was.
        (
            "segmentation",
            {"engine": "classical"},
            ["key segmentation.engine", "'classical'", "segmentation.nuclei.engine", "move it there"],
        ),
        (
            "segmentation",
            {"nucleus_diameter": 30},
            ["key segmentation.nucleus_diameter", "30", "segmentation.nuclei.nucleus_diameter", "move it there"],
        ),
        (
            "segmentation",
            {"cell_threshold_scale": 1.2},
            ["key segmentation.cell_threshold_scale", "segmentation.cells.threshold_scale", "move it there"],
        ),
        (
            "segmentation",
            {"nuclei_channel": "DAPI"},
            ["segmentation.nuclei_channel", "'DAPI'", "DNA, ER"],
        ),
        (
            "segmentation",
            {"cell_channels": ["ER", "Tub"]},
            ["segmentation.cell_channels", "'Tub'"],
        ),
        ("ploidy", {"channel": "DAPI"}, ["key ploidy.channel", "'DAPI'", "one of DNA, ER"]),
        ("correction", {"preset": "best"}, ["correction", "best", "none, sphering"]),
        (
            "correction",
            {"methods": {"selected": {"method": "none"}}, "preset": "selected"},
            ["correction", "another table"],
        ),
        ("preset_features", "deep", ["key preset_features", "'deep'", "one of classical"]),
        ("embeddings", {"classical": {"kind": "weak"}}, ["key embeddings", "'classical'", "another name"]),
        ("embeddings", {"Deep Net": {"kind": "weak"}}, ["embeddings", "Deep Net"]),
        ("embeddings", {"deep": {"kind": "weak", "train_plates": ["P9"]}}, ["deep.train_plates", "'P9'", "P1, P2"]),
        (
            "embeddings",
            {"deep": {"kind": "weak", "adversary": {"against": ["batch"]}}},
            ["deep.adversary.against", "batch, of which the training plates have one", "two batch values or more"],
        ),
        (
            "embeddings",
            {"deep": {"kind": "weak", "validation_plates": ["P2"], "adversary": {"against": ["position", "plate"]}}},
            ["deep.adversary.against", "plate, of which the training plates have one"],
        ),
        ("blocks", {"wells_per_block": 0}, ["blocks.wells_per_block", "0", "greater than or equal to 1"]),
    ],
)
def test_each_mistake_is_told_with_place_value_and_remedy(raw, path, value, said):
    message = str(refusal(changed(raw, path, value)))
    for part in said:
        assert part in message
    assert "Hint:" in message


def test_a_typo_is_one_mistake_and_not_three(raw):
    images = {"images": {"channels": {"DNA": "1", "Tub": "2"}}}
    segmentation = {"cell_channels": ["Tub"], "nuclei": {"engine": "classical", "nucleus_diametre": 3}}
    assert len(refusal(raw | images | {"segmentation": segmentation}).problems) == 1
    assert len(refusal(changed(raw, "metadata.negkon", ["DMSO"])).problems) == 1


def test_keys_of_a_named_section_are_suggested(raw):
    message = str(refusal(raw | {"embeddings": {"deep": {"kind": "weak", "epoch": 3}}}))
    assert "key embeddings.deep.epoch" in message
    assert "did you mean 'epochs'?" in message


def test_crops_that_the_network_cannot_shrink(raw):
    message = str(refusal(raw | {"crops": {"size": 90}, "embeddings": {"deep": {"kind": "weak", "downscale": 4}}}))
    assert "embeddings.deep.downscale: found 4; expected a divisor of crops.size, 90" in message


def describe_network(folder, channels=("DNA",), size=96, **changes):
    shape = {"normalise": "plate", "downscale": 2, "network": "small", "width": 16, "features": 128}
    facts = {"architecture": {"channels": list(channels), "size": size, **shape}, "weights_sha256": "ab"}
    facts["crops"] = {"mask": "none"}
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps(facts | changes))
    (folder / "weights.safetensors").touch()
    return {"embeddings": {"taken": {"kind": "file", "path": str(folder)}}}


def test_a_network_of_another_campaign(raw, tmp_path):
    channels = list(load_campaign(raw).config.images.channels)
    campaign = load_campaign(raw | describe_network(tmp_path / "model", channels))
    assert campaign.config.features == ["classical", "taken"]
    assert training_keys(campaign, "taken")["taken"] == "ab"
    assert any("reference.parquet" in path for job in list_jobs(campaign) for path in job.outputs)


def test_a_network_that_does_not_fit_or_is_not_there_is_told_at_planning(raw, tmp_path):
    channels = list(load_campaign(raw).config.images.channels)
    message = str(refusal(raw | describe_network(tmp_path / "a", [*channels, "Far red"], size=64)))
    assert "key embeddings.taken.path: found a network for" in message
    assert "Far red; expected" in message
    assert "set crops.size to 64" in message
    assert "model.json cannot be read (FileNotFoundError" in str(
        refusal(raw | {"embeddings": {"taken": {"kind": "file", "path": str(tmp_path / "none")}}})
    )
    empty = describe_network(tmp_path / "b", architecture={})
    assert "model.json cannot be read (KeyError" in str(refusal(raw | empty))
    sections = describe_network(tmp_path / "c", channels)
    (tmp_path / "c" / "weights.safetensors").unlink()
    assert "no weights.safetensors" in str(refusal(raw | sections))


def test_a_network_for_crops_with_another_mask_is_told_at_planning(raw, tmp_path):
    channels = list(load_campaign(raw).config.images.channels)
    masked = describe_network(tmp_path / "masked", channels, crops={"mask": "cell"})
    load_campaign(raw | masked | {"crops": {"mask": "cell"}})
    message = str(refusal(raw | masked))
    assert "key embeddings.taken.path: found a network for crops with mask: cell; expected none, crops.mask" in message
    assert "set crops.mask to cell" in message


def test_a_network_that_does_not_say_the_mask_it_learned_from_is_told_at_planning(raw, tmp_path):
    channels = list(load_campaign(raw).config.images.channels)
    for place, crops in enumerate((None, {})):
        silent = describe_network(tmp_path / str(place), channels, crops=crops)
        message = str(refusal(raw | silent | {"crops": {"mask": "cell"}}))
        assert f"{tmp_path / str(place)}: model.json does not say the crops.mask it learned from" in message
        assert 'write "crops": {"mask": "cell"} (or what it was) into model.json' in message


def test_a_published_network_learned_from_no_crops(raw, tmp_path):
    channels = list(load_campaign(raw).config.images.channels)
    taken = describe_network(tmp_path / "model", channels, crops=None)
    facts = json.loads((tmp_path / "model" / "model.json").read_text())
    facts["architecture"] |= {"kind": "timm", "name": "vit.dino"}
    (tmp_path / "model" / "model.json").write_text(json.dumps(facts))
    for mask in ("none", "cell"):
        load_campaign(raw | taken | {"crops": {"mask": mask}})


def test_features_are_counted_whatever_network_they_come_from(raw, tmp_path):
    channels = list(load_campaign(raw).config.images.channels)
    described = {"network": "small", "width": 8, "features": 40, "downscale": 2, "normalise": "crop"}
    taken = describe_network(tmp_path / "model", channels)
    facts = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(
        json.dumps(facts | {"architecture": facts["architecture"] | described})
    )
    assert size_of_profiles(load_campaign(raw | taken), "taken").features == 40
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    own = {"kind": "timm", "name": "vit.dino", "path": str(tmp_path / "w.safetensors"), "features": 384}
    campaign = load_campaign(raw | {"embeddings": {"dino": own, "cp": own | {"channels": "together"}}})
    assert size_of_profiles(campaign, "dino").features == 384 * len(channels)
    assert size_of_profiles(campaign, "cp").features == 384
    keys = training_keys(campaign, "dino")
    assert keys["taken"][0] == 7
    (tmp_path / "w.safetensors").unlink()
    message = str(refusal(raw | {"embeddings": {"dino": own}}))
    assert "key embeddings.dino.path" in message
    assert "expected a file of weights" in message


def test_mistakes_in_config_and_sheets_are_told_together(raw, tmp_path):
    (tmp_path / "map.txt").write_text("well_position\tcompound\nA01\tDMSO\nA01\tx\nH12\ty\n")
    raw = changed(changed(raw, "sead", 1), "network", {"nonsense": 1})
    message = str(refusal(raw))
    for part in ("key sead", "network.nonsense", "A01 a second time", "'H12'"):
        assert part in message


def test_plates_and_table_exclude_each_other(raw):
    message = str(refusal(raw | {"table": {"paths": ["x.parquet"]}}))
    assert "both plates and table" in message


def test_a_table_without_learned_features(raw, tmp_path):
    (tmp_path / "t.csv").write_text(
        "Metadata_Plate,Metadata_Well,Metadata_Perturbation,Cells_AreaShape_Area\nP1,A01,DMSO,1\n"
    )
    table = {"campaign": "t", "table": {"paths": [str(tmp_path / "t.csv")], "negcon": ["DMSO"]}}
    campaign = load_campaign(table)
    assert (campaign.from_images, campaign.plate_names, campaign.plates) == (False, ["P1"], {})
    message = str(refusal(table | {"embeddings": {"deep": {"kind": "weak"}}}))
    assert "they are learned from images" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("P1,A01,DMSO,1\nP1,a1,x,2\n", ["plate P1, well A01 a second time", "one row a well"]),
        ("P1,A01,y,1\nP1,A02,x,2\n", ["no negative control", "table.negcon"]),
        ("P1,well9,DMSO,1\n", ["row 2", "'well9'"]),
        ("../P1,A01,DMSO,1\n", ["'../P1'", "a plate name"]),
        ("", ["no row", "table.paths"]),
    ],
)
def test_tables_are_checked_before_any_job(tmp_path, text, said):
    (tmp_path / "t.csv").write_text("Metadata_Plate,Metadata_Well,Metadata_Perturbation,Cells_AreaShape_Area\n" + text)
    table = {"campaign": "t", "table": {"paths": [str(tmp_path / "t.csv")], "negcon": ["DMSO"]}}
    message = str(refusal(table))
    for part in said:
        assert part in message


def test_a_table_without_features(tmp_path):
    (tmp_path / "t.csv").write_text("Metadata_Plate,Metadata_Well,Metadata_Perturbation\nP1,A01,DMSO\n")
    table = {"campaign": "t", "table": {"paths": [str(tmp_path / "t.csv")], "negcon": ["DMSO"]}}
    assert "no column like Nuclei_*" in str(refusal(table))


def test_planning_imports_nothing_heavy():
    import subprocess
    import sys

    code = "import sys; sys.path.insert(0, 'workflow/lib'); import platewise.plan.campaign; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "zarr", "scanpy", "skimage", "scipy", "numba", "anndata", "plotly"} & set(loaded)


GROUPS = [{"group": "AreaShape"}, {"group": "Intensity"}]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            {"size": {"feature": "Nuclei_AreaShape_Aera"}},
            ["key profiles.cells.size.feature", "'Nuclei_AreaShape_Aera'", "nearest are Nuclei_AreaShape_Area,"],
        ),
        (
            {"outliers": {"features": ["Cells_Intensity_MeanIntensity_DAPI"]}},
            ["key profiles.cells.outliers.features", "nearest are Cells_Intensity_", "images.channels: DNA, ER, RNA"],
        ),
        (
            {"outliers": {"features": ["Cells_Granularity_1_DNA"]}},
            ["'Cells_Granularity_1_DNA'", "measure it, too, with `- group: Granularity` in measure.groups"],
        ),
        (
            {"outliers": {"features": ["Cells_Shape_Area"]}},
            ["'Cells_Shape_Area'", "Shape is no group of features; these are AreaShape, Intensity, Texture"],
        ),
        (
            {"outliers": {"features": ["Cytoplasm_Neighbors_NumberOfNeighbors_Adjacent"]}},
            ["Neighbors is measured of Nuclei and Cells only"],
        ),
    ],
)
def test_rules_on_features_that_are_not_measured_are_refused(raw, rules, said):
    error = refusal(raw | {"measure": {"groups": GROUPS}, "profiles": {"cells": rules}})
    assert len(error.problems) == 1
    for part in said:
        assert part in str(error)


def test_rules_on_measured_features_pass(raw):
    features = ["Nuclei_Intensity_MeanIntensity_DNA", "Cells_Texture_Entropy_ER_3_Mean_64"]
    rules = {"size": {}, "outliers": {"features": features}}
    assert load_campaign(raw | {"profiles": {"cells": rules}}).config.profiles.cells.features[1:] == features


def table_campaign(tmp_path, rows, metadata="", **columns):
    header = f"Metadata_Plate,Metadata_Well,Metadata_Perturbation,{metadata}Cells_AreaShape_Area"
    (tmp_path / "t.csv").write_text(f"{header}\n{rows}")
    return {"campaign": "t", "table": {"paths": [str(tmp_path / "t.csv")], "negcon": ["DMSO"], "columns": columns}}


def test_rules_on_cells_are_refused_where_there_are_none(tmp_path):
    message = str(refusal(table_campaign(tmp_path, "P1,A01,DMSO,1\n") | {"profiles": {"cells": {"size": {}}}}))
    assert "key profiles.cells: found rules, in a campaign that starts from profiles of wells" in message


def annotated(raw, tmp_path, mechanisms):
    (tmp_path / "moa.tsv").write_text("compound\tmoa\nDMSO\tvehicle\nx\tHDAC inhibitor|toxin\ny\t\n")
    raw["metadata"] |= {"table": str(tmp_path / "moa.tsv"), "moa": "moa"}
    return raw | {"shortlist": {"mechanism": "near", "mechanisms": mechanisms}}


def test_mechanisms_that_nothing_is_annotated_with_are_refused(raw, tmp_path):
    assert load_campaign(annotated(raw, tmp_path, ["toxin", "HDAC inhibitor"])).config.shortlist.mechanism == "near"
    error = refusal(annotated(raw, tmp_path, ["HDAC inhibitors", "toxin", "tubulin"]))
    place = "config.yaml, key shortlist.mechanisms: found"
    assert [str(problem) for problem in error.problems] == [
        f"{place} 'HDAC inhibitors'; expected one of HDAC inhibitor, toxin. Hint: did you mean 'HDAC inhibitor'?",
        f"{place} 'tubulin'; expected one of HDAC inhibitor, toxin. Hint: correct or remove the name",
    ]
    # What a control does is no mechanism.
    assert "'vehicle'" in str(refusal(annotated(raw, tmp_path, ["vehicle"])))
    del raw["metadata"]["moa"]
    message = str(refusal(raw | {"shortlist": {"mechanism": "far", "mechanisms": ["toxin"]}}))
    assert "no perturbation of the campaign is annotated" in message
    assert "metadata.moa or metadata.annotations" in message


def test_mechanisms_of_a_table_are_read_at_planning(tmp_path):
    rows = "P1,A01,DMSO,,9,1\nP1,A02,x,toxin,9,1\nP1,A03,y,lost,0,1\n"
    raw = table_campaign(tmp_path, rows, "what,Metadata_CellCount,", moa="what", cell_count="Metadata_CellCount")
    asked = {"mechanism": "near", "mechanisms": ["toxin"]}
    assert load_campaign(raw | {"shortlist": asked}).plate_names == ["P1"]
    # The well without cells has no profile.
    assert "'lost'; expected one of toxin" in str(refusal(raw | {"shortlist": asked | {"mechanisms": ["lost"]}}))
    del raw["table"]["columns"]["moa"]
    assert "say where mechanisms are with table.columns.moa" in str(refusal(raw | {"shortlist": asked}))


def alleles(tmp_path, own, **columns):
    rows = f"P1,A01,DMSO,,1\nP1,A02,WT,,1\nP1,A03,mutant,{own},1\n"
    return table_campaign(tmp_path, rows, "wt,", **columns)


def test_variants_of_a_table_are_those_that_its_column_names(tmp_path):
    campaign = load_campaign(alleles(tmp_path, "WT", wild_type="wt"))
    assert campaign.variants == [("mutant", "WT")]
    job = next(job for job in list_jobs(campaign) if job.rule == "score_variants")
    names = ["classical.selected.parquet", "classical.selection.parquet"]
    assert [path.rpartition("/")[2] for path in job.inputs] == names
    assert job.outputs[0] in list_jobs(campaign)[-1].inputs


@pytest.mark.parametrize(
    ("wild_type", "column", "said"),
    [
        ("", "wt", "t.csv, column wt: found no wild type of a perturbation that a well was given"),
        (
            "GENE",
            "wt",
            "of mutant: found 'GENE'; expected a perturbation that a well was given. Hint: correct the name",
        ),
        ("WT1", "wt", "did you mean 'WT'? Else correct the name, or leave the cell empty"),
        ("WT", "wt2", "expected also wt2"),
    ],
)
def test_wild_types_that_are_not_in_a_table_are_refused(tmp_path, wild_type, column, said):
    assert said in str(refusal(alleles(tmp_path, wild_type, wild_type=column)))


def test_variants_of_a_table_may_be_named_in_a_sheet(tmp_path):
    raw = alleles(tmp_path, "")
    assert load_campaign(raw).variants == []
    sheet = tmp_path / "known.tsv"
    raw["metadata"] = {"key": "name", "table": str(sheet), "wild_type": "wt"}
    sheet.write_text("name\twt\nmutant\tWT\nabsent\tWT\n")
    assert load_campaign(raw).variants == [("mutant", "WT")]
    sheet.write_text("name\twt\nmutant\tWT2\n")
    assert "known.tsv, column wt, of mutant: found 'WT2'" in str(refusal(raw))
    sheet.write_text("name\twt\nMutant\tWT\n")
    assert "known.tsv, column wt: found no wild type of a perturbation that a well was given" in str(refusal(raw))
    raw["table"]["columns"]["wild_type"] = "wt"
    assert "'wt' and table.columns.wild_type, too, which is 'wt'" in str(refusal(raw))
    del raw["table"]["columns"]["wild_type"], raw["metadata"]["table"]
    assert "key metadata.wild_type: found 'wt' and no metadata.table" in str(refusal(raw))


def ploidy_rules(campaign):
    return sorted({job.rule for job in list_jobs(campaign) if "ploidy" in job.rule})


def test_dna_content_is_scored_where_it_is_measured_and_not_switched_off(raw):
    rules = ["fit_ploidy", "score_ploidy"]
    assert ploidy_rules(load_campaign(raw)) == rules
    assert load_campaign(raw).config.ploidy_channel == "DNA"
    assert load_campaign(raw | {"ploidy": {"channel": "ER"}}).config.ploidy_channel == "ER"
    assert ploidy_rules(load_campaign(raw | {"ploidy": None})) == []
    assert ploidy_rules(load_campaign(raw | {"measure": {"groups": GROUPS}})) == rules
    for group in GROUPS:
        assert ploidy_rules(load_campaign(raw | {"measure": {"groups": [group]}})) == []


def test_a_dna_channel_of_which_nothing_is_measured_is_refused(raw):
    message = str(refusal(raw | {"ploidy": {"channel": "DNA"}, "measure": {"groups": GROUPS[:1]}}))
    for part in ("key ploidy.channel", "only AreaShape is measured", "AreaShape and Intensity among measure.groups"):
        assert part in message
