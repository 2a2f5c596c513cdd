"""Pairs of a wild type and a variant: one with an effect of its own, one with that of its wild type."""

import dataclasses
import json

import numpy as np
import pandas as pd

from platewise.plan.variants import list_variants
from platewise.simulate.campaign import _stamp, render_campaign
from platewise.simulate.compounds import effect
from platewise.simulate.designs import preset


def test_a_variant_does_something_else_or_exactly_the_same():
    first, changed, second, silent = preset("variants").compounds
    assert (changed.wild_type, silent.wild_type) == (first.name, second.name)
    assert (first.wild_type, second.wild_type) == ("", "")
    assert np.array_equal(effect(second, 10.0), effect(silent, 10.0))
    assert np.linalg.norm(effect(first, 10.0) - effect(changed, 10.0)) > 0.5
    assert np.linalg.norm(effect(first, 10.0)) > 0.3


def test_the_table_names_wild_types_and_no_mechanisms(tmp_path):
    small = dataclasses.replace(
        preset("tiny"), moas=(), alleles=(("WT", "M", "HDAC inhibitor", "CDK inhibitor"),), field_size=128
    )
    render_campaign(small, tmp_path)
    known = pd.read_csv(tmp_path / "metadata" / "external_metadata.tsv", sep="\t", keep_default_na=False)
    assert known.to_dict("list") == {
        "perturbation": ["DMSO", "WT", "M"],
        "moa": ["", "", ""],
        "control_type": ["negcon", "", ""],
        "wild_type": ["", "", "WT"],
    }


def test_designs_without_alleles_keep_their_stamp():
    facts = json.loads(_stamp(preset("demo"), 0))
    assert "alleles" not in facts["design"]
    assert all("wild_type" not in compound for compound in facts["compounds"])
    assert json.loads(_stamp(preset("variants"), 0))["design"]["alleles"][0][1] == "GENE1-R50W"


def test_no_plates_have_no_variants():
    assert list_variants([]) == []
