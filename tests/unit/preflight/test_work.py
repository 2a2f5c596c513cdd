"""How much work a campaign is: from the plan, and from results, in the same units."""

import pytest

from platewise.plan.campaign import load_campaign
from platewise.preflight.work import Imaged, Work, finished_work, planned_work, table_work

DEEP = {"deep": {"kind": "weak", "epochs": 2, "steps_per_epoch": 5, "train_batch": 10, "downscale": 2}}


def test_planned_work(raw):
    campaign = load_campaign(raw | {"embeddings": DEEP})
    image = Imaged({"A01-A03": 4, "B01-B03": 4}, 1000, 2000)
    work = planned_work(campaign, {"P1": image, "P2": image}, cells_per_area=1.0)
    # Two wells of two fields of 2 megapixels, a cell each; 0.02 x 0.01 of the field is within 20 pixels of the border.
    inner = 8 * 0.98 * 0.99
    crop = 20 * 20 * 2 / 1e6
    expected = Work(
        wells=2, fields=4, area=8, megapixels=16, cells=8, inner=inner, crops=min(inner, 6) * crop, blocks=1
    )
    assert work.blocks["P1"]["A01-A03"] == expected
    assert work.plates["P1"] == Work(flat=8 * 4, frame=4, plates=1)
    # 100 crops of 10 x 10 pixels and two channels.
    assert work.embeddings == {"deep": Work(training=0.02)}
    plate = work.of("P1")
    assert (plate.wells, plate.fields, plate.flat, plate.plates, plate.blocks) == (4, 8, 32, 1, 2)
    assert work.of(embedding="deep").training == pytest.approx(0.02)
    assert (work.total.wells, work.total.area, work.total.plates) == (8, 32, 2)


def test_all_crops_are_kept_when_asked(raw):
    campaign = load_campaign(raw | {"crops": {"size": 20, "keep": "all", "keep_border": True}})
    image = Imaged({"A01-A03": 4, "B01-B03": 4}, 1000, 1000)
    block = planned_work(campaign, {"P1": image, "P2": image}, cells_per_area=100).blocks["P2"]["B01-B03"]
    assert (block.cells, block.inner, block.crops) == (400, 400, pytest.approx(400 * 800 / 1e6))


def test_a_plate_that_could_not_be_read_counts_like_the_others(campaign):
    image = Imaged({"A01-A03": 4, "B01-B03": 4}, 500, 1000)
    work = planned_work(campaign, {"P1": image}, cells_per_area=10)
    assert work.of("P2").fields == 8
    assert work.of("P2").area == pytest.approx(work.of("P1").area) == pytest.approx(4.0)


def test_finished_work(finished):
    work = finished_work(finished)
    assert work.blocks["P1"]["A01-A02"] == Work(wells=2, fields=2, area=2, megapixels=4, cells=100, inner=75, blocks=1)
    assert work.plates["P1"] == Work(flat=12, frame=2, plates=1)
    assert work.total.cells == 400
    assert work.embeddings == {"deep": Work(training=0.02)}


def test_a_campaign_from_a_table():
    work = table_work({"P1": 10, "P2": 20})
    assert (work.of("P2").wells, work.total.wells, work.total.plates, work.total.blocks) == (20, 30, 2, 0)
