"""The page that compares engines: the numbers of its tables and figures are those of the scores."""

import io
from dataclasses import replace

import numpy as np
import pytest
from html_pages import Page
from PIL import Image
from small_campaign import HOSTILE
from small_evaluation import CONTENDERS, IMAGES, OTHER, REFERENCE, make_tables, write_evaluation

from platewise.report.colours import rgb
from platewise.report.segmentation_figures import figure_cost
from platewise.report.segmentation_gallery import (
    BOTH_OUTLINE,
    FOUND_OUTLINE,
    TRUE_OUTLINE,
    choose_examples,
    draw_example,
)
from platewise.segmentation.summary import SPEED


@pytest.fixture(scope="module")
def bare_page(tmp_path_factory) -> Page:
    tables = make_tables()
    kept = tables.rows[tables.rows["Engine"] == REFERENCE]
    target = tmp_path_factory.mktemp("bare") / "segmentation.html"
    summary = tables.summary[tables.summary["Engine"] == REFERENCE]
    alone = type(tables)(kept, summary, tables.differences.iloc[:0])
    write_evaluation(target, tables=alone, contenders=CONTENDERS[:1], gallery=None, home=None)
    return Page(target)


def test_the_head_counts_what_was_compared(segmentation_page):
    assert "2 contenders on the same 40 annotated images of small & <brave>; reference: flow" in (
        segmentation_page.one("header").text()
    )
    tiles = [tile.text() for tile in segmentation_page.find("div", class_="tile")]
    assert tiles[:4] == ["40 images", "400 annotated objects", "22 groups of images that belong together", "2 folds"]


def test_the_answer_gives_the_references_scores_and_how_others_stand_to_it(segmentation_page):
    verdict = segmentation_page.one("div", class_="verdict").text()
    # Mean of 0.9002 - 0.001 * (0..39).
    assert "F1@0.7 0.881 (0.8" in verdict
    assert f"flow is better than {HOSTILE}: +0.400 in F1@0.7 (+0.400 to +0.400), p = 0.0002" in verdict
    # Four images of the other class are too few to say so.
    assert verdict.endswith("class by class, better on round dots.")
    assert "blobs & <b>bulbs</b>: fewer than 30 images, too few for a claim" in segmentation_page.root.text()


def test_all_scores_by_class_with_the_best_marked(segmentation_page):
    rows = segmentation_page.rows("Means over images")
    assert [row["Contender"] for row in rows] == [REFERENCE, OTHER] * 3
    # All images, then blobs, then dots: means over places 36..39 and 0..35.
    assert [row["F1@0.7"].split()[0] for row in rows] == ["0.881", "0.481", "0.863", "0.463", "0.883", "0.483"]
    assert [row["missed@0.7"].split()[0] for row in rows[:2]] == ["0.119", "0.519"]
    best = [cell.text() for cell in segmentation_page.one("table", id="table-scores").find("b")]
    assert best == [cell.split()[0] for row in rows[::2] for name, cell in row.items() if name != "Contender"]
    groups = [head.text() for head in segmentation_page.find("th", class_="group")]
    assert groups[1] == "blobs & <b>bulbs</b> 4 images in 4 groups: too few for a claim"


def test_what_each_contender_costs(segmentation_page):
    first, second = segmentation_page.rows("What each contender costs")
    assert first["Contender"] == "flow reference"
    assert (first["Images annotated"], first["Parameters set"], second["Parameters set"]) == ("120", "0", "2")
    # Seconds by megapixels: 1 by 0.5, and 0.1 by 0.5.
    assert (first["CPU s per MP"], second["CPU s per MP"]) == ("2.0", "0.20")
    assert first["Memory, MB"] == "250"
    assert second["Besides"] == "none"


def test_contenders_that_may_have_seen_the_images_are_marked(tmp_path, segmentation_page):
    assert "†" not in segmentation_page.root.text()
    assert "in images that it has not learned from?" in segmentation_page.root.text()
    brought = ("shipped weights", "shipped scale network")
    contenders = [replace(CONTENDERS[0], annotated=None, brought=brought), CONTENDERS[1]]
    write_evaluation(tmp_path / "segmentation.html", contenders=contenders)
    page = Page(tmp_path / "segmentation.html")
    text = page.root.text()
    assert "in images that it may have learned from?" in text
    assert f"{REFERENCE}: shipped weights, shipped scale network" in text
    assert "made without its fold, but for what is marked by †" in text
    captions = [caption.text() for caption in page.find("figcaption")]
    told = [caption for caption in captions if f"{REFERENCE}: weights that were not made here may have seen" in caption]
    assert len(told) == 3
    assert any("with a dot in it: not known" in caption for caption in captions)
    cost = page.rows("What each contender costs")
    assert [(row["Contender"], row["Images annotated"]) for row in cost] == [
        (f"{REFERENCE} † reference", "not known"),
        (OTHER, "0"),
    ]
    assert [row["Contender"] for row in page.rows("Means over images")] == [f"{REFERENCE} †", OTHER] * 3
    mark, _ = page.figures()["figure-cost"]["data"]
    assert (mark["marker"]["symbol"], mark["marker"]["color"]) == ("circle-dot", "#ffffff")
    assert mark["hovertext"][0].endswith("annotated images: not known<br>parameters set: 0")


def test_differences_are_of_contenders_only(segmentation_page):
    rows = segmentation_page.rows("Differences from flow")
    assert {row["Contender"] for row in rows} == {OTHER}
    assert {(row["Images"], row["Score"]) for row in rows} == {
        (kind, score)
        for kind in ("all images", "blobs & <b>bulbs</b>", "round dots")
        for score in ("F1@0.7", "F1@0.5", "DSB score")
    }
    assert {row["Difference"] for row in rows} == {"-0.400"}


def test_the_parts_of_an_ensemble(segmentation_page):
    rows = segmentation_page.rows("Parts of flow")
    assert [(row["Contender"], row["Members"]) for row in rows] == [
        ("flow", "x, y"),
        ("flow only x", "x"),
        ("flow only y", "y"),
    ]
    assert [row["F1@0.7"] for row in rows[1:]] == ["0.861 -0.020, p = 0.0002", "0.681 -0.200, p = 0.0002"]
    (drawn,) = [
        trace for trace in segmentation_page.figures()["figure-ablation-0"]["data"] if trace["name"] == "F1@0.7"
    ]
    assert drawn["x"] == [-0.02, -0.2]


def test_the_figure_of_classes_has_a_mark_an_engine_and_class(segmentation_page):
    figure = segmentation_page.figures()["figure-classes"]
    traces = figure["data"]
    assert [(trace["name"], trace["yaxis"]) for trace in traces] == [
        ("flow", "y"),
        ("flow", "y2"),
        ('&lt;script&gt;alert("owned")&lt;/script&gt;', "y"),
        ('&lt;script&gt;alert("owned")&lt;/script&gt;', "y2"),
    ]
    assert traces[0]["y"] == pytest.approx([0.8807, 0.8627, 0.8827])
    # Both engines beside one another around the place of each class.
    assert [round(x) for x in traces[0]["x"]] == [0, 1, 2]
    assert all(one < other for one, other in zip(traces[0]["x"], traces[2]["x"], strict=True))
    assert figure["layout"]["xaxis2"]["ticktext"] == [
        "all images<br>40 images",
        "blobs &amp; &lt;b&gt;bulbs&lt;/b&gt;<br>4 images*",
        "round dots<br>36 images",
    ]
    low = traces[0]["y"][2] - traces[0]["error_y"]["arrayminus"][2]
    assert 0.87 < low < 0.8827


def test_the_figure_of_costs_draws_seconds_scores_and_annotated_images(segmentation_page):
    figure = segmentation_page.figures()["figure-cost"]
    first, second = figure["data"]
    assert (first["x"], second["x"]) == ([2.0], [0.2])
    assert first["y"] == pytest.approx([0.8807])
    assert first["marker"]["size"] > second["marker"]["size"]
    assert second["marker"]["color"] == "#ffffff"
    # On a logarithmic axis, ranges are powers of ten.
    low, high = figure["layout"]["xaxis"]["range"]
    assert low < np.log10(0.2) < np.log10(2) < high


def test_an_engine_that_takes_no_measurable_time_is_still_drawn():
    summary = make_tables().summary
    summary.loc[summary["Measure"] == SPEED, ["Value", "Low", "High"]] = 0.0
    figure = figure_cost(summary, {REFERENCE: 0}, {REFERENCE: 12}, "f1@0.7")
    assert np.isfinite(figure["layout"]["xaxis"]["range"]).all()


def test_the_figure_of_thresholds_has_a_panel_a_class(segmentation_page):
    figure = segmentation_page.figures()["figure-thresholds"]
    assert len(figure["data"]) == 2 * 3
    assert figure["data"][0]["x"] == [0.5, 0.6, 0.7, 0.8, 0.9]
    titles = [note["text"] for note in figure["layout"]["annotations"]]
    assert titles == ["all images", "blobs &amp; &lt;b&gt;bulbs&lt;/b&gt;", "round dots"]


def test_training_curves_are_drawn_fold_by_fold(segmentation_page):
    traces = segmentation_page.figures()["figure-training"]["data"]
    # Trained on all images, nothing is held out.
    assert [(trace["name"], trace["line"]["dash"]) for trace in traces] == [
        ("fold 0", "solid"),
        ("fold 0", "dot"),
        ("fold 1", "solid"),
        ("fold 1", "dot"),
        ("all", "dot"),
    ]
    assert traces[0]["y"] == [1.5, 1.0, 0.75]
    assert [trace["showlegend"] for trace in traces] == [True, False, True, False, True]


def test_pictures_show_the_worst_and_the_median_image_of_each_class(segmentation_page):
    pictures = segmentation_page.one("div", class_="pictures").find("figure")
    words = [picture.find("figcaption")[0].text() for picture in pictures]
    names = [name for name, *_ in IMAGES]
    assert words == [
        f"blobs & <b>bulbs</b>, worst image F1@0.7 0.861, 10 true and 11 found {names[39]}",
        f"blobs & <b>bulbs</b>, median image F1@0.7 0.863, 10 true and 11 found {names[37]}",
        f"round dots, worst image F1@0.7 0.865, 10 true and 11 found {names[35]}",
        f"round dots, median image F1@0.7 0.883, 10 true and 11 found {names[17]}",
    ]
    assert all(picture.find("img")[0].attributes["src"].startswith("data:image/png;base64,") for picture in pictures)


def test_a_page_of_one_engine_alone(bare_page):
    assert "In short" in bare_page.root.text()
    assert not bare_page.find("section", **{"aria-labelledby": "differences"})
    assert not bare_page.find("section", **{"aria-labelledby": "ablation"})
    assert not bare_page.find("section", **{"aria-labelledby": "training"})
    assert not bare_page.find("section", **{"aria-labelledby": "pictures"})
    assert not bare_page.find("p", class_="crumbs")
    # Alone, nothing is the best.
    assert not bare_page.one("table", id="table-scores").find("b")


def test_links_inside_the_page_lead_somewhere(segmentation_page):
    places = {element.attributes.get("id") for element in segmentation_page.root.walk()}
    links = [link.attributes["href"] for link in segmentation_page.find("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= places
    assert [link for link in links if not link.startswith("#")] == ["index.html"]


def test_every_figure_has_its_place(segmentation_page):
    assert set(segmentation_page.figures()) == {
        div.attributes["id"]
        for div in segmentation_page.find("div")
        if div.attributes.get("class", "").startswith("plot ")
    }


def decode(png):
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def square(top, left, shape=(400, 400), side=10):
    label = np.zeros(shape, np.int32)
    label[top : top + side, left : left + side] = 1
    return label


def test_outlines_tell_truth_prediction_and_both():
    picture = decode(
        draw_example(np.zeros((1, 380, 380), np.float32), square(10, 10, (380, 380)), square(10, 15, (380, 380)))
    )
    assert picture.shape == (380, 380, 3)
    for place, colour in (((15, 10), TRUE_OUTLINE), ((15, 24), FOUND_OUTLINE), ((10, 17), BOTH_OUTLINE)):
        assert tuple(picture[place]) == rgb(colour)
    # Inside both, and outside: the image itself.
    assert tuple(picture[12, 17]) == (0, 0, 0)
    assert tuple(picture[300, 300]) == (0, 0, 0)


def test_a_small_image_is_shown_whole_and_larger():
    assert decode(draw_example(np.zeros((3, 100, 50)), square(5, 5, (100, 50)), square(5, 5, (100, 50)))).shape == (
        400,
        200,
        3,
    )


def test_a_large_image_is_cut_to_where_it_is_wrong():
    shape = (1000, 1200)
    true = square(20, 20, shape) + 2 * square(900, 1100, shape)
    found = square(20, 20, shape) + 2 * square(900, 1104, shape)
    picture = decode(draw_example(np.zeros((1, *shape), np.float32), true, found))
    assert picture.shape == (384, 384, 3)
    # Of the right square nothing is seen; of the wrong one both outlines.
    assert (picture == rgb(TRUE_OUTLINE)).all(axis=2).any()
    assert (picture == rgb(FOUND_OUTLINE)).all(axis=2).any()


def test_colours_stay_colours_and_grey_becomes_grey():
    nothing = np.zeros((384, 384), np.int32)
    red = np.zeros((3, 384, 384), np.float32)
    red[0, :, 192:] = 1000
    assert tuple(decode(draw_example(red, nothing, nothing))[100, 300]) == (225, 0, 0)
    two = np.stack([red[0], np.zeros((384, 384), np.float32)])
    assert tuple(decode(draw_example(two, nothing, nothing))[100, 300]) == (225, 225, 225)


def test_examples_of_equal_score_are_chosen_by_the_finer_one():
    rows = make_tables().rows.copy()
    rows.loc[:, "f1@0.7"] = 0.0
    found = choose_examples(rows, REFERENCE)
    assert found["Which"].tolist() == ["worst", "median"] * 2
    assert found["Image"].tolist() == [IMAGES[place][0] for place in (39, 37, 35, 17)]
    single = choose_examples(rows[rows["Image"] == "dots00"], REFERENCE)
    assert single[["Image", "Which"]].to_numpy().tolist() == [["dots00", "worst"]]
