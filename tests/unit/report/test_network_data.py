"""What the network's page holds, held against tables that are known by heart."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from small_tables import (
    AREA,
    DNA,
    FACTS,
    HOSTILE,
    NAMES,
    TEXTURE,
    edges,
    evidence,
    many,
    movers,
    neighbours,
    nodes,
    shortlist,
    treatments,
    wells,
)

from platewise.columns import DOSE, PERTURBATION
from platewise.report.html import embed_json
from platewise.report.network_data import network_data
from platewise.report.network_evidence import Limits, rounded

DMSO, A, BAD, GAMMA = range(4)


def made(limits=None, facts=FACTS, connected=True, **changes):
    tables = nodes(), edges(int(connected)), neighbours(connected), shortlist()
    return network_data(*tables, evidence(**changes), facts, limits)


def test_nodes_are_as_in_their_table():
    data = made()
    assert data["names"] == NAMES
    assert data["moas"] == ["actin|kinase", "kinase"]
    assert data["moa"] == [-1, 1, 0, -1]
    assert data["control"] == ["negcon", "", "poscon", ""]
    assert data["community"] == [1, 0, 0, 2]
    assert data["stability"] == [0.875, None, None]
    # Who is on its own needs no colour.
    assert [mark is not None for mark in data["community_marks"]] == [True, False, False]
    assert data["x"] == [0, 0.1235, 1, -1]
    assert data["cells"] == [100, 80, None, 50.12]
    assert (data["hub"], data["bridge"]) == ([0, 1, 0, 0], [0, 0, 1, 0])


def test_what_the_shortlist_says_and_what_it_does_not():
    data = made()
    assert data["rank"] == [None, 1, None, None]
    assert data["reason"] == [None, "active (q = 0.01)", "does not replicate", "not known to be active: one well"]
    assert data["active"] == [None, 1, 1, 0]
    assert data["reproducible"] == [None, 1, 0, 0]
    assert data["q"] == [None, 0.01, 0.02, None]
    assert data["count_ratio"] == [None, 0.8, 0.31, None]


def test_neighbours_are_the_nearest_and_what_is_connected():
    data = made()
    # Number, similarity, p, q and 2 for a connection plus 1 for a shared mechanism.
    assert data["neighbours"][A] == [
        *[GAMMA, 0.95, 0.02, 0.06, 0],
        *[DMSO, 0.94, 0.3, 0.8, 0],
        # Not among its two nearest, and a connection all the same.
        *[BAD, 0.912, 0.00012, 0.0046, 3],
    ]
    assert data["neighbours"][BAD] == [A, 0.912, 0.00012, 0.0046, 3, GAMMA, 0.1, 0.4, 0.9, 0]
    assert data["neighbours"][DMSO][:5] == [A, 0.2, 0.3, None, 0]
    assert data["lines"] == [A, BAD, 1]
    assert data["about"]["edges"] == 1
    assert data["about"]["neighbours_cut"] == 0


def test_without_connections_there_are_neighbours_still():
    data = made(connected=False)
    assert data["lines"] == []
    assert data["neighbours"][A] == [GAMMA, 0.95, 0.02, 0.06, 0, DMSO, 0.94, 0.3, 0.8, 0]
    assert data["neighbours"][BAD][4] == 1


def test_a_limit_of_neighbours_keeps_the_nearest_and_is_said():
    data = made(Limits(neighbours=2))
    assert data["neighbours"][A] == [GAMMA, 0.95, 0.02, 0.06, 0, DMSO, 0.94, 0.3, 0.8, 0]
    assert data["about"]["neighbours_cut"] == 1
    assert data["about"]["limits"]["neighbours"] == 2


def test_the_best_connected_are_drawn():
    data = made(facts=dataclasses.replace(FACTS, max_nodes=2))
    assert data["drawn"] == [0, 1, 1, 0]
    assert data["lines"] == [A, BAD, 1]
    one = made(facts=dataclasses.replace(FACTS, max_nodes=1))
    assert one["drawn"] == [0, 1, 0, 0]
    # A line with an end that is not drawn is not drawn.
    assert one["lines"] == []


def test_doses_are_numbered_by_perturbation_and_what_was_tested_at_each():
    data = made()
    # DMSO, a at 1 and 10, the hostile one at 0.5, γ.
    assert data["starts"] == [0, 1, 3, 4, 5]
    assert data["doses"] == [None, 1, 10, 0.5, None]
    assert data["dose_precision"] == [None, 0.9, None, 0.5, None]
    assert data["dose_q"] == [None, 0.01, None, 0.2, None]
    assert data["dose_active"] == [None, 1, 0, 0, None]
    assert data["dose_note"] == ["", "", "one well", "two wells cannot show it", ""]


def test_wells_with_their_plates_and_exemplars():
    data = made()
    # An address is quoted, so that no name of a plate leads elsewhere; P2 has no page.
    assert data["plates"] == [["../P3", "b2", "plates/..%2FP3.html"], ["P1", "b1", "plates/P1.html"], ["P2", "b2", ""]]
    assert data["wells"][A] == [1, "A02", 1, 80, 1, 2, "A03", 1, 90, 1, 1, "A04", 2, None, 0]
    assert data["wells"][BAD] == [0, "A06", 3, 61, 0, 2, "A06", 3, 60, 0]
    # Wells, batches, and positions of one treatment at most.
    assert data["span"] == [[2, 2, 1], [3, 2, 2], [2, 1, 1], [1, 1, 1]]
    assert data["batches"] == 2


def test_negative_controls_are_left_out_where_they_are_no_node():
    own = nodes().drop(index=0).reset_index(drop=True)
    near = neighbours().query("Metadata_Perturbation != 'DMSO' and Neighbour != 'DMSO'")
    table = wells()
    # The same substance, once as a control and once as a treatment.
    table.loc[0, PERTURBATION] = "a"
    data = network_data(own, edges(), near, shortlist(), evidence(wells=table, include_negcon=False), FACTS)
    assert data["names"] == NAMES[1:]
    assert data["span"][0] == [3, 2, 2]


def test_a_limit_of_wells_keeps_the_exemplars():
    data = made(Limits(wells=3), wells=many(20))
    assert [data["wells"][A][place : place + 5][1] for place in (0, 5, 10)] == ["A02", "B00", "B01"]
    assert data["span"][A] == [20, 1, 20]
    assert data["wells"][GAMMA] == []
    assert data["span"][GAMMA] == [0, 0, 0]


def test_features_that_moved_with_their_words():
    (moved,) = made()["moved"]
    names = [name for name, *_ in moved["features"]]
    assert names == [DNA, AREA]
    assert moved["features"][1] == [AREA, "nuclei larger", "nuclei smaller", "size of nuclei"]
    # Sure ones, the largest first; what is not sure stands only where nothing is.
    assert moved["list"][1] == [0, -3, 0.004, 1, 2.5, 0.004]
    assert moved["list"][2] == [1, 4, None]
    assert moved["list"][3] == [1, 1, 0.4]
    assert (moved["moved"], moved["tested"]) == ([None, 2, 0, 0, None], [None, 900, 900, 900, None])
    assert moved["words"][1] == "nuclei 1.6x larger"
    assert moved["note"][2] == "one well: nothing can be sure"


def test_features_without_words_have_none():
    table = movers().assign(Feature=TEXTURE)
    (moved,) = made(movers={"deep": table}, treatments={"deep": treatments()})["moved"]
    assert moved["features"] == [[TEXTURE, "", "", ""]]


@pytest.mark.parametrize("kinds", [(), ("classical",)])
def test_no_movers(kinds):
    empty = {kind: movers()[:0] for kind in kinds}
    data = made(movers=empty, treatments={kind: treatments()[:0] for kind in kinds})
    assert data["kinds"] == list(kinds)
    assert all(moved["list"] == [[]] * 5 for moved in data["moved"])
    assert data["told"] == [1] * 5


def test_limits_of_features_keep_those_that_moved_most():
    data = made(Limits(features=1, unsure=1))
    assert data["most_features"] == 1
    assert data["moved"][0]["list"][1] == [0, -3, 0.004]
    # Five treatments, one kind: ten rows in all are two of each.
    assert made(Limits(rows=10, unsure=1))["most_features"] == 2


def test_of_many_doses_those_are_told_under_which_most_moved():
    doses = pd.DataFrame([[*treatments().iloc[0]]] * 4, columns=treatments().columns)
    doses = doses.assign(**{DOSE: [1.0, 2.0, 3.0, 4.0], "Moved": [5, 1, 5, 9]})
    rows = pd.concat([movers()[:1].assign(**{DOSE: dose}) for dose in doses[DOSE]])
    data = made(Limits(doses=2), treatments={"classical": doses}, movers={"classical": rows})
    own = slice(*data["starts"][A : A + 2])
    assert data["doses"][own] == [1, 2, 3, 4, 10]
    # Of equal ones the higher dose.
    assert data["told"][own] == [0, 0, 1, 1, 0]
    (moved,) = data["moved"]
    assert [len(row) // 3 for row in moved["list"][own]] == [0, 0, 1, 1, 0]
    assert [bool(words) for words in moved["words"][own]] == [False, False, True, True, False]
    assert moved["moved"][own] == [5, 1, 5, 9, None]


def test_hostile_names_can_be_embedded_and_come_back():
    data = made()
    text = embed_json(data)
    assert "<" not in text
    assert json.loads(str(text)) == data
    assert HOSTILE in data["names"]


def test_a_network_of_nothing():
    data = network_data(
        nodes()[:0],
        edges(0),
        neighbours()[:0],
        shortlist()[:0],
        evidence(wells=wells()[:0], activity=evidence().activity[:0], movers={}, treatments={}),
        FACTS,
    )
    assert data["names"] == data["neighbours"] == data["wells"] == data["plates"] == []
    assert data["starts"] == [0]
    assert data["batches"] == 0


def test_numbers_are_short():
    assert rounded([1.0, 0.123456, np.nan, np.inf, 1e-9, -120000.0], 3) == [1, 0.123, None, None, 1e-9, -120000]
