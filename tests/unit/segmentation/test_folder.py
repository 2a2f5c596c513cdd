"""A folder of images to a folder of labels: what is done is kept, what is bad is named, nothing is mixed."""

import os
import time

import numpy as np
import pytest
import tifffile
from PIL import Image
from stub_networks import cones, disks

from platewise.errors import DataError
from platewise.segmentation.folder import cells_work, nuclei_work, segment_folder
from platewise.segmentation.pictures import list_pictures, read_label, write_label


class Threshold:
    """Nuclei are what is brighter than 50, one number a row of connected pixels; counts what it is asked."""

    halvings = 0

    def __init__(self):
        self.asked = []

    def segment(self, images):
        from skimage.measure import label

        self.asked.append(len(images))
        return [label(image[0] > 50, connectivity=1).astype(np.int32) for image in images]


class Box:
    """Cells are the nuclei, grown by one pixel to the right; remembers what it was given."""

    halvings = 0

    def segment(self, images, nuclei, nuclear):
        self.given = images, nuclei, nuclear
        return [np.maximum(label, np.roll(label, 1, axis=1)) for label in nuclei]


@pytest.fixture
def folder(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for number in range(4):
        pixels = np.zeros((20, 30), np.uint8)
        pixels[5:8, 2 : 2 + 6 * number : 6] = 200
        Image.fromarray(pixels).save(images / f"i{number}.png")
    return images


def work_on(folder, engine=None, **keys):
    files = list_pictures(folder)
    arguments = {"made_with": {"engine": 1}} | keys
    return list(
        segment_folder(files, folder.parent / "out", nuclei_work(engine or Threshold(), files, None), **arguments)
    )


def test_each_image_has_a_label_of_its_name(folder):
    outcomes = work_on(folder)
    assert [(outcome.name, outcome.count, outcome.error) for outcome in outcomes] == [
        (f"i{number}", number, "") for number in range(4)
    ]
    for outcome in outcomes:
        assert outcome.label == folder.parent / "out" / f"{outcome.name}.png"
        assert read_label(outcome.label).max() == outcome.count


@pytest.mark.parametrize("group", [1, 3, 4, 9])
def test_groups_change_nothing_and_are_full(folder, group):
    engine = Threshold()
    outcomes = work_on(folder, engine, group=group)
    assert [outcome.count for outcome in outcomes] == [0, 1, 2, 3]
    assert engine.asked == [group] * (4 // group) + ([4 % group] if 4 % group else [])


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("bad", ["i0", "i3"])
def test_bad_image_is_named_and_the_others_go_on(folder, bad, group):
    (folder / f"{bad}.png").write_bytes(b"broken")
    outcomes = {outcome.name: outcome for outcome in work_on(folder, group=group)}
    assert len(outcomes) == 4
    assert f"{bad}.png: cannot be read" in outcomes[bad].error
    assert outcomes[bad].label is None
    assert sum(outcome.label is not None for outcome in outcomes.values()) == 3


@pytest.mark.parametrize("group", [1, 3])
def test_image_that_an_engine_cannot_use_is_named_and_the_others_go_on(folder, group):
    class Particular(Threshold):
        def segment(self, images):
            found = super().segment(images)
            if any(label.max() == 2 for label in found):
                raise DataError("two nuclei: cannot be")
            return found

    outcomes = work_on(folder, Particular(), group=group)
    assert [(outcome.name, outcome.error, outcome.count) for outcome in outcomes] == [
        ("i0", "", 0),
        ("i1", "", 1),
        ("i2", "two nuclei: cannot be", 0),
        ("i3", "", 3),
    ]


def test_image_that_is_not_finite_is_named(folder):
    (folder / "i1.png").unlink()
    tifffile.imwrite(folder / "i1.tif", np.full((5, 5), np.nan, np.float32))
    assert "25 pixels are NaN" in work_on(folder)[1].error


def test_second_run_keeps_what_is_newer_than_its_image(folder):
    work_on(folder)
    os.utime(folder / "i2.png", (time.time() + 5,) * 2)
    engine = Threshold()
    outcomes = {outcome.name: outcome for outcome in work_on(folder, engine)}
    assert engine.asked == [1]
    assert {name for name, outcome in outcomes.items() if outcome.seconds} == {"i2"}
    assert outcomes["i3"].count == 3


def test_run_that_is_ended_goes_on(folder):
    files = list_pictures(folder)
    running = segment_folder(files, folder.parent / "out", nuclei_work(Threshold(), files, None), {"engine": 1})
    next(running)
    next(running)
    running.close()
    engine = Threshold()
    assert [outcome.count for outcome in work_on(folder, engine)] == [0, 1, 2, 3]
    assert len(engine.asked) == 2


def test_labels_made_otherwise_are_not_mixed(folder):
    work_on(folder)
    with pytest.raises(DataError, match=r"i0\.png: was made with other weights, settings or nuclei.*--overwrite"):
        work_on(folder, made_with={"engine": 2})
    engine = Threshold()
    work_on(folder, engine, made_with={"engine": 2}, overwrite=True)
    assert sum(engine.asked) == 4


def test_labels_of_other_images_made_otherwise_do_not_pass_for_these(folder, tmp_path):
    """One folder of labels, two of images: settings that the second was run with are not those of the first."""
    work_on(folder)
    others = tmp_path / "others"
    others.mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(others / "o.png")
    files = list_pictures(others)
    list(segment_folder(files, tmp_path / "out", nuclei_work(Threshold(), files, None), {"engine": 2}))
    with pytest.raises(DataError, match=r"i0\.png: was made with other"):
        work_on(folder, made_with={"engine": 2})
    # And each with its own settings goes on.
    engine = Threshold()
    work_on(folder, engine)
    list(segment_folder(files, tmp_path / "out", nuclei_work(engine, files, None), {"engine": 2}))
    assert engine.asked == []


def test_overwriting_one_image_of_a_folder_leaves_the_others_what_they_are(folder):
    work_on(folder)
    one = {"i1": folder / "i1.png"}
    list(segment_folder(one, folder.parent / "out", nuclei_work(Threshold(), one, None), {"engine": 2}, overwrite=True))
    with pytest.raises(DataError, match=r"i0\.png: was made with other"):
        work_on(folder, made_with={"engine": 2})
    with pytest.raises(DataError, match=r"i1\.png: was made with other"):
        work_on(folder)


def test_a_damaged_label_is_made_anew(folder):
    work_on(folder)
    label = folder.parent / "out" / "i2.png"
    label.write_bytes(label.read_bytes()[:40])
    engine = Threshold()
    assert [outcome.count for outcome in sorted(work_on(folder, engine), key=lambda one: one.name)] == [0, 1, 2, 3]
    assert engine.asked == [1]


def test_labels_of_somebody_else_are_left_alone(folder):
    mine = write_label(folder.parent / "out", "i1", np.ones((2, 2), np.int32))
    with pytest.raises(DataError, match=r"i1\.png: was made with other"):
        work_on(folder)
    assert read_label(mine).shape == (2, 2)


def test_overwriting_that_is_ended_leaves_nothing_old(folder):
    work_on(folder)
    files = list_pictures(folder)
    work = nuclei_work(Threshold(), files, None)
    running = segment_folder(files, folder.parent / "out", work, {"engine": 2}, overwrite=True)
    next(running)
    running.close()
    assert [path.name for path in (folder.parent / "out").glob("*.png")] == ["i0.png"]


def test_labels_never_go_where_the_images_are(folder):
    files = list_pictures(folder)
    with pytest.raises(DataError, match=r"images: is the folder of i0\.png, which is read. Hint"):
        list(segment_folder(files, folder, nuclei_work(Threshold(), files, None), {}))


def test_cells_never_go_where_their_nuclei_are(folder, given):
    files = list_pictures(folder)
    with pytest.raises(DataError, match=r"nuclei: is the folder of i0\.png, which is read. Hint"):
        list(segment_folder(files, given["i0"].parent, cells_work(Box(), files, None, given, None), {}, overwrite=True))
    assert all(path.is_file() for path in given.values())


@pytest.fixture
def given(folder, tmp_path):
    """Nuclei for each image: two, numbered 1 and 2."""
    nuclei = disks((20, 30), [(5, 5), (12, 20)], 3)
    return {name: write_label(tmp_path / "nuclei", name, nuclei) for name in list_pictures(folder)}


@pytest.mark.parametrize(("numbers", "suffix"), [((7, 14), ".png"), ((5, 2_000_000_000), ".tif")])
def test_cells_have_the_numbers_of_their_nuclei(folder, given, tmp_path, numbers, suffix):
    nuclei = disks((20, 30), [(5, 5), (12, 20)], 3)
    named = np.array([0, *numbers], np.int32)[nuclei]
    files = list_pictures(folder)
    given = {name: write_label(tmp_path / "nuclei", name, named) for name in files}
    engine = Box()
    for there in (False, True):
        (*_, last) = segment_folder(files, tmp_path / "out", cells_work(engine, files, None, given, None), {})
        assert (last.label.suffix, last.count, last.seconds == 0) == (suffix, 2, there)
    np.testing.assert_array_equal(read_label(last.label), np.maximum(named, np.roll(named, 1, axis=1)))
    # What engines see is numbered without gaps: they count up to the largest.
    images, labels, nuclear = engine.given
    assert images[0].shape == (1, 20, 30)
    np.testing.assert_array_equal(labels[0], nuclei)
    np.testing.assert_array_equal(nuclear[0], nuclei > 0)


def test_engines_grow_cells_from_nuclei_of_any_number(folder, given, tmp_path):
    from platewise.config.segmentation import SeededCells
    from platewise.segmentation.seeded import SeededCellsEngine

    files = {"i3": list_pictures(folder)["i3"]}
    named = np.array([0, 5, 2_000_000_000], np.int32)[disks((20, 30), [(5, 5), (12, 20)], 3)]
    large = {"i3": write_label(tmp_path / "large", "i3", named)}
    found = []
    for nuclei, out in ((given, "a"), (large, "b")):
        work = cells_work(SeededCellsEngine(SeededCells()), files, None, nuclei, None)
        (outcome,) = segment_folder(files, tmp_path / out, work, {})
        found.append(read_label(outcome.label))
    np.testing.assert_array_equal(found[1], np.array([0, 5, 2_000_000_000])[found[0]])


def test_cells_are_made_anew_when_their_nuclei_are_newer(folder, given, tmp_path):
    files = list_pictures(folder)
    run = [files, tmp_path / "out", cells_work(Box(), files, None, given, None), {}]
    list(segment_folder(*run))
    nuclei = np.zeros((20, 30), np.int32)
    nuclei[2:5, 2:5] = 3
    os.utime(write_label(tmp_path / "nuclei", "i2", nuclei), (time.time() + 5,) * 2)
    outcomes = {outcome.name: outcome for outcome in segment_folder(*run)}
    assert {name for name, outcome in outcomes.items() if outcome.seconds} == {"i2"}
    assert np.unique(read_label(outcomes["i2"].label)).tolist() == [0, 3]


def test_cells_whose_nuclei_are_gone_are_named(folder, given, tmp_path):
    files = list_pictures(folder)
    list(segment_folder(files, tmp_path / "out", cells_work(Box(), files, None, given, None), {}))
    del given["i1"]
    again = segment_folder(files, tmp_path / "out", cells_work(Box(), files, None, given, None), {})
    assert [outcome.name for outcome in again if "has no nuclei of its name" in outcome.error] == ["i1"]


def test_nuclei_are_found_in_images_of_their_channel(folder, tmp_path):
    shown = tmp_path / "dna"
    shown.mkdir()
    for name in list_pictures(folder):
        tifffile.imwrite(shown / f"{name}.tif", cones(disks((20, 30), [(10, 8), (10, 20)], 4), 4)[0])
    files, engine = list_pictures(folder), Box()
    (first, *_) = segment_folder(
        files, tmp_path / "o", cells_work(engine, files, None, list_pictures(shown), Threshold()), {}
    )
    assert engine.given[1][0].max() == 1, "all of it is brighter than 50"
    assert engine.given[2][0].shape == (20, 30)
    assert first.label is not None


def test_all_channels_of_a_file_show_the_cells(tmp_path):
    stack = np.random.default_rng(0).random((3, 20, 30)).astype(np.float32)
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", stack, photometric="minisblack")
    files = list_pictures(tmp_path / "images")
    given = {"a": write_label(tmp_path / "nuclei", "a", disks((20, 30), [(5, 5)], 3))}
    for channel, expected in ((None, stack), (1, stack[1:2])):
        engine = Box()
        work = cells_work(engine, files, channel, given, None)
        list(segment_folder(files, tmp_path / f"out{channel}", work, {}))
        np.testing.assert_array_equal(engine.given[0][0], expected)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_cells_without_nuclei_are_looked_for_in_all_channels_together(tmp_path, channels):
    stack = np.zeros((channels, 20, 30), np.uint16)
    stack[0, 5:10, 5:10], stack[-1, 12:17, 20:26] = 900, 300
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", stack, photometric="minisblack")
    files = list_pictures(tmp_path / "images")
    work = nuclei_work(Threshold(), files, None, together=True)
    seen = work.read("a")
    assert seen.shape == (1, 20, 30)
    assert min(seen[0, 7, 7], seen[0, 14, 22]) > 10 * abs(seen[0, 0, 0])


def test_nuclei_that_do_not_fit_are_named(folder, tmp_path):
    files = list_pictures(folder)
    camera = np.random.default_rng(0).integers(100, 4000, (20, 30)).astype(np.int32)
    given = {
        "i0": write_label(tmp_path / "nuclei", "i0", np.ones((20, 31), np.int32)),
        "i1": write_label(tmp_path / "nuclei", "i1", camera),
        "i2": write_label(tmp_path / "nuclei", "i2", disks((20, 30), [(5, 5)], 3)),
    }
    outcomes = list(segment_folder(files, tmp_path / "out", cells_work(Box(), files, None, given, None), {}))
    errors = [outcome.error for outcome in outcomes]
    assert "20 x 31 pixels; its image" in errors[0]
    assert "looks like an image, not like labels" in errors[1]
    assert errors[2] == ""
    assert "has no nuclei of its name" in errors[3]
