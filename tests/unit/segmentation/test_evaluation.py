"""Engines over annotated images: what is counted, kept and measured."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from platewise.errors import DataError
from platewise.segmentation import cost
from platewise.segmentation.evaluation import COLUMNS, Annotated, read_prediction, score_folders, score_images


def squares(shift=0):
    label = np.zeros((20, 30), np.int32)
    label[2:8, 2 + shift : 8 + shift] = 1
    label[12:18, 12 + shift : 18 + shift] = 2
    return label


def annotated(name, label, image_class="dots", group="", fold=0):
    return Annotated(name, (label > 0)[None].astype(np.float32), label, group or name, image_class, fold)


def test_a_row_an_image_with_its_scores_and_costs():
    seen = []

    def predict(one):
        seen.append(one.image.shape)
        return squares()

    pairs = [annotated("a", squares(), "dots", "g1", 3), annotated("b", squares(1), "blobs", "g2", 4)]
    rows = score_images(predict, iter(pairs), "mine")

    assert list(rows.columns) == list(COLUMNS)
    assert rows[["Engine", "Image", "Class", "Group", "Fold"]].to_numpy().tolist() == [
        ["mine", "a", "dots", "g1", 3],
        ["mine", "b", "blobs", "g2", 4],
    ]
    # Shifted by one of six columns: 30 shared of 42.
    assert rows["f1@0.9"].tolist() == [1, 0]
    assert rows["pq"].tolist() == pytest.approx([1, 30 / 42])
    assert rows[["Objects", "Predicted", "Megapixels"]].to_numpy().tolist() == [[2, 2, 0.0006]] * 2
    # The first image once more beforehand: first times are not counted.
    assert seen == [(1, 20, 30)] * 3


def test_the_first_time_is_not_counted_and_cpu_seconds_stand_beside_those_that_pass(monkeypatch):
    clocks = {"cpu": 0.0, "wall": 0.0}
    monkeypatch.setattr(cost.time, "process_time", lambda: clocks["cpu"])
    monkeypatch.setattr(cost.time, "perf_counter", lambda: clocks["wall"])
    spent = iter([(100.0, 50.0), (4.0, 2.0), (1.0, 8.0)])

    def predict(_):
        cpu, wall = next(spent)
        clocks["cpu"] += cpu
        clocks["wall"] += wall
        return squares()

    rows = score_images(predict, [annotated(name, squares()) for name in "ab"], "mine")

    assert rows[["Seconds", "WallSeconds"]].to_numpy().tolist() == [[4, 2], [1, 8]]


# In a process of its own: what other tests held and give back would be in these peaks too.
PEAKS = """
import numpy as np
from platewise.segmentation.evaluation import Annotated, score_images

def annotated(name, side):
    label = np.zeros((20, side), np.int32)
    return Annotated(name, np.zeros((1, 20, side), np.float32), label, name, "dots", 0)

def predict(one):
    if one.image.shape[-1] == 31:
        np.ones(60_000_000, np.uint8)  # given back at once
    return np.zeros(one.image.shape[-2:], np.int32)

# The first one loads what scoring needs.
images = [annotated("z", 20), annotated("a", 20), annotated("b", 31), annotated("c", 20)]
print(*score_images(predict, images, "mine")["PeakMB"][1:])
"""


def test_the_peak_of_memory_is_that_of_its_own_image():
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    before, large, after = map(float, done.stdout.split())

    assert large - before == pytest.approx(60, abs=3)
    assert after == pytest.approx(before, abs=3)


def test_where_the_peak_cannot_be_reset_it_is_the_highest_ever(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "_CLEAR", tmp_path / "missing" / "clear_refs")
    with cost.measured() as whole:
        pass
    monkeypatch.setattr(cost, "_STATUS", tmp_path)
    with cost.measured() as again:
        pass
    assert again.peak_mb >= whole.peak_mb > 10


def test_predictions_come_back_as_they_were_and_the_same_labels_give_the_same_bytes(tmp_path):
    many = np.arange(20 * 30, dtype=np.int32).reshape(20, 30) + 64_900
    found = {20: squares(), 40: many.repeat(2, axis=0)}
    pairs = [annotated("a", squares()), annotated("folder/b", np.zeros((40, 30), np.int32))]
    for name in ("one.zip", "two.zip"):
        score_images(lambda one: found[one.image.shape[1]], pairs, "mine", tmp_path / name)

    np.testing.assert_array_equal(read_prediction(tmp_path / "one.zip", "a"), squares())
    np.testing.assert_array_equal(read_prediction(tmp_path / "one.zip", "folder/b"), found[40])
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive, Image.open(io.BytesIO(archive.read("a.png"))) as picture:
        assert picture.mode == "I;16"


def test_more_objects_than_a_prediction_can_number_are_refused_and_no_file_is_left(tmp_path):
    many = np.arange(65536, dtype=np.int32).reshape(256, 256) + 1
    with pytest.raises(DataError, match=r"a: 65536 objects are more than a 16-bit PNG can number. Hint"):
        score_images(lambda _: many, [annotated("a", many)], "mine", tmp_path / "labels.zip")
    assert list(tmp_path.iterdir()) == []


def test_predictions_that_are_not_there_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none.zip: no labels of a in it .* Hint"):
        read_prediction(tmp_path / "none.zip", "a")
    score_images(lambda _: squares(), [annotated("a", squares())], "mine", tmp_path / "one.zip")
    with pytest.raises(DataError, match=r"one.zip: no labels of b in it"):
        read_prediction(tmp_path / "one.zip", "b")
    (tmp_path / "one.zip").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"one.zip: no labels of a in it"):
        read_prediction(tmp_path / "one.zip", "a")


def test_a_label_of_another_size_is_refused():
    wrong = Annotated("a", np.zeros((1, 20, 31), np.float32), squares(), "g", "dots")
    with pytest.raises(DataError, match=r"a: the image has \(20, 31\) pixels, its label \(20, 30\). Hint"):
        score_images(lambda _: squares(), [wrong], "mine")


def test_no_image_is_an_error():
    with pytest.raises(DataError, match=r"mine: no image to evaluate on. Hint"):
        score_images(lambda _: squares(), [], "mine")


def save(folder, name, label):
    folder.mkdir(exist_ok=True)
    Image.fromarray(label).save(folder / name)


def test_two_folders_are_scored_by_name(tmp_path):
    save(tmp_path / "true", "b.png", squares().astype(np.uint16))
    save(tmp_path / "true", "a.png", squares().astype(np.uint8))
    save(tmp_path / "found", "a.tif", squares(1))
    save(tmp_path / "found", "b.png", squares().astype(np.uint8))

    rows = score_folders(tmp_path / "found", tmp_path / "true")

    assert rows["Image"].tolist() == ["a", "b"]
    assert rows["pq"].tolist() == pytest.approx([30 / 42, 1])
    assert rows[["Objects", "Predicted"]].to_numpy().tolist() == [[2, 2], [2, 2]]


def test_folders_with_labels_of_other_sizes_are_refused(tmp_path):
    save(tmp_path / "true", "a.png", squares().astype(np.uint16))
    save(tmp_path / "found", "a.png", squares()[:, :20].astype(np.uint16))
    with pytest.raises(DataError, match=r"found/a.png: has \(20, 20\) pixels .*true/a.png has \(20, 30\). Hint"):
        score_folders(tmp_path / "found", tmp_path / "true")


def folders(tmp_path, predicted, true):
    for folder, names in (("found", predicted), ("true", true)):
        for name in names:
            save(tmp_path / folder, name, squares().astype(np.uint8))
    return tmp_path / "found", tmp_path / "true"


def test_images_that_one_folder_lacks_are_named(tmp_path):
    found, true = folders(tmp_path, ["a.png", "z.png"], ["a.png", "b.png", "c.png", "d.png", "e.png"])
    with pytest.raises(DataError, match=r"found: no label image for b, c, d and 1 more, which .*true has. Hint"):
        score_folders(found, true)
    for name in "bcde":
        save(found, f"{name}.png", squares().astype(np.uint8))
    with pytest.raises(DataError, match=r"true: no label image for z, which .*found has. Hint"):
        score_folders(found, true)


def test_two_files_of_one_name_are_refused(tmp_path):
    found, true = folders(tmp_path, ["a.png", "a.tif"], ["a.png"])
    with pytest.raises(DataError, match=r"a.tif: has the same name as a.png, but for the suffix"):
        score_folders(found, true)


def test_a_picture_of_labels_is_named(tmp_path):
    found, true = folders(tmp_path, [], ["a.png"])
    save(found, "a.png", np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(DataError, match=r"found/a.png: found shape \(20, 30, 3\) .*, which is no label image. Hint"):
        score_folders(found, true)


def test_a_folder_without_labels_is_named(tmp_path):
    found, true = folders(tmp_path, ["a.png"], [])
    true.mkdir()
    with pytest.raises(DataError, match=r"true: no image. Hint"):
        score_folders(found, true)
