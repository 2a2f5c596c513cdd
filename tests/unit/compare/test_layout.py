from small_run import wells_table

from platewise.columns import DOSE, MOA, PERTURBATION, WELL
from platewise.compare.layout import compare_layout

CAMPAIGN_TABLES = [
    "profiles/classical.none.parquet",
    "profiles/classical.none.consensus.parquet",
    "network/classical.none/edges.parquet",
    "network/classical.none/nodes.parquet",
    "evaluation/classical.none.scores.parquet",
    "evaluation/classical.none.batches.parquet",
]
WELLS = "plates/P2/profiles/classical.wells.parquet"


def test_the_same_layout(pair):
    section = compare_layout(pair())
    assert section.moved is False
    assert section.facts == {
        "plates": 2,
        "kinds_of_one_run": 0,
        "plates_only_old": 0,
        "plates_only_new": 0,
        "wells": 16,
        "treatments_changed": 0,
        "wells_only_old": 0,
        "wells_only_new": 0,
    }
    assert section.sentences == ["Compared: 2 plates, 16 wells with classical profiles; nothing is in one run only."]


def test_lost_wells_and_other_treatments_are_listed(pair):
    table = wells_table("P2")
    table.loc[table[WELL] == "A03", [PERTURBATION, MOA]] = ["W", "other"]
    table.loc[table[WELL] == "A04", DOSE] = 2.0
    section = compare_layout(pair(tables={WELLS: table[table[WELL] != "A08"]}))
    assert section.moved is True
    assert section.rows("wells").to_numpy().tolist() == [["P2", "A08", "OLD"]]
    assert section.rows("treatments").to_numpy().tolist() == [
        ["P2", "A03", PERTURBATION, "X", "W"],
        ["P2", "A03", MOA, "kinase", "other"],
        ["P2", "A04", DOSE, "1", "2"],
    ]
    assert "2 wells with another treatment." in section.sentences
    assert "1 well with classical profiles only in OLD: P2 A08." in section.sentences


def test_plates_of_one_run_are_named(pair):
    found = pair(tables={"plates/P3/profiles/classical.wells.parquet": wells_table("P2")})
    section = compare_layout(found)
    assert section.moved is True
    assert section.facts["plates_only_new"] == 1
    assert "1 plate only in NEW: P3." in section.sentences


def test_kinds_of_profiles_of_one_run_are_named(pair):
    found = pair(
        tables={"plates/P1/profiles/deep.wells.parquet": wells_table("P1")},
        leave_out=[f"campaign/{path}" for path in CAMPAIGN_TABLES],
    )
    section = compare_layout(found)
    assert section.moved is True
    assert section.sentences[1:] == ["Only NEW has features deep.", "Only OLD has profiles classical.none."]


def test_without_well_profiles_nothing_is_claimed(pair):
    names = [f"plates/{plate}/profiles/classical.wells.parquet" for plate in ("P1", "P2")]
    section = compare_layout(pair(leave_out=names))
    assert section.facts["kinds_of_one_run"] == 1
    assert section.sentences[-1:] == ["No plate has well profiles in both: wells and treatments are not compared."]
