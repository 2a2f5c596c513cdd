"""Export, a correction by hand, import: exactly that correction comes back."""

import csv
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from platewise.errors import DataError, ProblemsError
from platewise.segmentation.annotate.export import LISTED, Candidate, Content, editable, export_queue
from platewise.segmentation.annotate.importing import import_corrections, part_pieces
from platewise.segmentation.annotate.queue import hash_file, read_queue
from platewise.segmentation.annotations import load_pair, read_index
from platewise.segmentation.ranking import UnsureObject

# The last one is as good as sure.
UNSURE = [UnsureObject(2, 5.0, 12.5, 0.75), UnsureObject(0, 15.0, 3.0, 0.5), UnsureObject(1, 4.5, 5.5, 0.1)]


def drawn():
    """Draw two touching objects and one at the border."""
    label = np.zeros((20, 24), dtype=np.int32)
    label[2:8, 2:10], label[2:8, 10:16], label[14:, 20:] = 1, 2, 3
    return label


def candidate(name, image=None, label=None, uncertainty=0.4, **others):
    if image is None:
        image = np.random.default_rng(len(name)).integers(0, 4000, (1, 20, 24)).astype(np.uint16)
    content = Content(image, drawn() if label is None else label, UNSURE)
    facts = {"group": "plate1", "image_class": "fluorescence", "source": "plate1 A01 field 1"} | others
    return Candidate(name=name, uncertainty=uncertainty, read=lambda: content, **facts)


@pytest.fixture
def folder(tmp_path):
    export_queue([candidate("first"), candidate("second", group="plate2")], tmp_path / "export")
    return tmp_path / "export"


@pytest.fixture
def index(tmp_path):
    return tmp_path / "annotations" / "index.csv"


def edit(folder, name, change):
    """Change a label as napari saves it."""
    path = folder / "labels" / f"{name}.tif"
    label = tifffile.imread(path)
    change(label)
    tifffile.imwrite(path, label, compression="zlib", compressionargs={"level": 1})


def edit_outlines(folder, name, change):
    """Change outlines as QuPath saves them."""
    path = folder / "outlines" / f"{name}.geojson"
    content = json.loads(path.read_text())
    change(content["features"])
    path.write_text(json.dumps(content, indent=2))


def mark(folder, **done):
    """Fill the column ``done`` as a spreadsheet program saves it."""
    with (folder / "queue.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        row["done"] = done.get(row["name"], row["done"])
    with (folder / "queue.csv").open("w", newline="", encoding="utf-8-sig") as handle:
        writer = csv.DictWriter(handle, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def label_of(index, name):
    return load_pair(next(row for row in read_index(index) if row.image.stem == name))[1]


# Export


def test_an_export_is_complete(folder):
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "README.txt",
        "images/first.tif", "images/second.tif",
        "labels/first.tif", "labels/second.tif",
        "outlines/first.geojson", "outlines/second.geojson",
        "queue.csv",
        "unsure/first.csv", "unsure/second.csv",
    ]  # fmt: skip
    rows = read_queue(folder)
    assert [(row.rank, row.name, row.uncertainty, row.objects, row.group) for row in rows] == [
        ("1", "first", "0.4000", "3", "plate1"),
        ("2", "second", "0.4000", "3", "plate2"),
    ]
    assert rows[0].source_sha256 == ""


def test_napari_takes_the_label_for_labels_and_the_places_for_points(folder):
    # Its own rule: whole numbers of 32 or 64 bits are labels, all else is an image.
    assert tifffile.imread(folder / "labels" / "first.tif").dtype == np.int32
    np.testing.assert_array_equal(tifffile.imread(folder / "labels" / "first.tif"), drawn())
    assert tifffile.imread(folder / "images" / "first.tif").dtype == np.uint16
    assert (folder / "unsure" / "first.csv").read_text().splitlines() == [
        "index,axis-0,axis-1,object,uncertainty",
        "0,5.00,12.50,2,0.7500",
        "1,15.00,3.00,0,0.5000",
    ]


def test_colour_images_are_colour_in_editors(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (3, 20, 24)).astype(np.uint8)
    export_queue([candidate("tissue", image)], tmp_path / "export")
    with tifffile.TiffFile(tmp_path / "export" / "images" / "tissue.tif") as tiff:
        assert tiff.pages.first.photometric == tifffile.PHOTOMETRIC.RGB
        np.testing.assert_array_equal(tiff.asarray(), np.moveaxis(image, 0, 2))


def test_at_most_so_many_places_are_listed_and_without_any_there_is_no_file(tmp_path):
    label = drawn()
    many = Content(np.zeros((1, 20, 24), np.uint8), label, [UnsureObject(0, 1, i, 0.5) for i in range(LISTED + 9)])
    none = Content(np.zeros((1, 20, 24), np.uint8), label, [])
    rows = [Candidate(name, "g", "c", "s", 0.1, lambda own=own: own) for name, own in (("many", many), ("none", none))]
    export_queue(rows, tmp_path / "export")
    assert len((tmp_path / "export" / "unsure" / "many.csv").read_text().splitlines()) == LISTED + 1
    assert not (tmp_path / "export" / "unsure" / "none.csv").exists()


def test_a_source_file_is_known_by_its_checksum(tmp_path):
    source = tmp_path / "a.png"
    source.write_bytes(b"pixels")
    export_queue([candidate("a", source=str(source))], tmp_path / "export")
    assert read_queue(tmp_path / "export")[0].source_sha256 == hash_file(source)


def test_numbers_that_editors_do_not_show_are_stretched():
    for kept in (np.zeros((1, 2, 2), np.uint8), np.ones((1, 2, 2), np.uint16), np.zeros((3, 2, 2), np.uint8)):
        assert editable(kept) is kept
    stretched = editable(np.array([[[-1.0, 0.0], [1.0, 3.0]]], np.float32))
    assert (stretched.dtype, stretched.tolist()) == (np.uint16, [[[0, 16384], [32768, 65535]]])
    # One factor for all channels: what is grey stays grey.
    colour = editable(np.stack([np.full((1, 2), value, np.uint16) for value in (0, 1000, 2000)]))
    assert (colour.dtype, colour[:, 0, 0].tolist()) == (np.uint8, [0, 128, 255])
    assert editable(np.full((1, 1, 2), 7.5)).tolist() == [[[0, 0]]]


def test_a_folder_in_use_is_left_alone(folder):
    before = (folder / "queue.csv").read_bytes()
    with pytest.raises(DataError, match="is there already, and may hold edits"):
        export_queue([candidate("third")], folder)
    assert (folder / "queue.csv").read_bytes() == before


def test_two_images_of_one_name_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(DataError, match="another image has the name a"):
        export_queue([candidate("a"), candidate("a")], tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


def test_too_many_objects_are_refused(tmp_path):
    label = np.arange(65_537, dtype=np.int32).reshape(1, -1)
    with pytest.raises(DataError, match="65536 objects are more than 65535"):
        export_queue([candidate("a", np.zeros((1, 1, 65_537), np.uint8), label)], tmp_path / "export")


# Import


def test_an_edited_label_comes_back_exactly(folder, index):
    expected = drawn()
    expected[10:12, 4:9] = 9
    expected[2:8, 12:16] = 0

    def change(label):
        label[:] = expected

    edit(folder, "first", change)
    report = import_corrections(folder, index)
    assert (report.added, report.untouched, report.notes) == (["first"], ["second"], {})
    assert index.read_text().splitlines() == [
        "image,label,group,class",
        "images/first.tif,labels/first.png,plate1,fluorescence",
    ]
    (annotation,) = read_index(index)
    image, label = load_pair(annotation)
    np.testing.assert_array_equal(image[0], tifffile.imread(folder / "images" / "first.tif"))
    # Numbered without gaps on reading: 9 becomes 4.
    np.testing.assert_array_equal(label, np.where(expected == 9, 4, expected))
    np.testing.assert_array_equal(np.unique(np.asarray(Image.open(annotation.label))), [0, 1, 2, 3, 9])


def test_edited_outlines_come_back_exactly(folder, index):
    def change(features):
        # Object 2 moves by two pixels, object 3 is removed, and one is drawn.
        moved = next(feature for feature in features if feature["properties"]["name"] == "2")
        moved["geometry"]["coordinates"] = [[[x + 2, y] for x, y in moved["geometry"]["coordinates"][0]]]
        features[:] = [feature for feature in features if feature["properties"]["name"] != "3"]
        ring = [[4, 12], [9, 12], [9, 16], [4, 16], [4, 12]]
        features.append({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}})

    expected = drawn()
    expected[expected >= 2] = 0
    expected[2:8, 12:18], expected[12:16, 4:9] = 2, 3
    edit_outlines(folder, "second", change)
    report = import_corrections(folder, index)
    assert report.added == ["second"]
    assert report.notes == {"second": ("new objects: 3", "1 features that are no areas were passed over")}
    np.testing.assert_array_equal(label_of(index, "second"), expected)
    assert read_index(index)[0].group == "plate2"


def test_an_image_without_changes_needs_a_word(folder, index):
    report = import_corrections(folder, index)
    assert (report.added, report.untouched) == ([], ["first", "second"])
    assert not index.exists()
    mark(folder, second="Yes")
    assert import_corrections(folder, index).added == ["second"]
    np.testing.assert_array_equal(label_of(index, "second"), drawn())
    report = import_corrections(folder, index, accept_unchanged=True)
    assert (report.added, report.replaced) == (["first"], ["second"])


def test_saving_without_a_change_is_no_change(folder, index):
    edit(folder, "first", lambda label: None)
    assert import_corrections(folder, index).untouched == ["first", "second"]


def test_an_unfinished_image_is_left_out(folder, index):
    edit(folder, "first", lambda label: label.fill(0))
    mark(folder, first="no")
    report = import_corrections(folder, index)
    assert (report.added, report.unfinished, report.untouched) == ([], ["first"], ["second"])


def test_an_image_without_objects_is_a_training_pair(folder, index):
    edit(folder, "first", lambda label: label.fill(0))
    assert import_corrections(folder, index).added == ["first"]
    assert not label_of(index, "first").any()


def test_a_second_import_brings_up_to_date_without_a_second_row(folder, index):
    mark(folder, first="yes", second="yes")
    import_corrections(folder, index)

    def remove(label):
        label[label == 3] = 0

    edit(folder, "first", remove)
    report = import_corrections(folder, index)
    assert (report.added, report.replaced) == ([], ["first", "second"])
    assert len(read_index(index)) == 2
    assert label_of(index, "first").max() == 2


def test_images_of_nuclei_and_cells_keep_both_channels(tmp_path, index):
    image = np.random.default_rng(3).integers(0, 65535, (2, 20, 24)).astype(np.uint16)
    export_queue([candidate("cells", image)], tmp_path / "export")
    import_corrections(tmp_path / "export", index, accept_unchanged=True)
    np.testing.assert_array_equal(load_pair(read_index(index)[0])[0], image)


def test_an_index_with_more_columns_keeps_them(folder, index):
    index.parent.mkdir()
    index.write_text("note,image,label,group,class\nmine,a.png,b.png,g,tissue\n")
    edit(folder, "first", lambda label: label.fill(0))
    import_corrections(folder, index)
    assert index.read_text().splitlines() == [
        "image,label,group,class,note",
        "a.png,b.png,g,tissue,mine",
        "images/first.tif,labels/first.png,plate1,fluorescence,",
    ]


def test_a_number_on_several_pieces_becomes_several_objects(folder, index):
    def change(label):
        label[2:8, 12:14] = 0  # leaves columns 10, 11 and 14, 15 of object 2
        label[2:5, 10] = 0

    edit(folder, "first", change)
    report = import_corrections(folder, index)
    assert report.notes == {"first": ("objects in several pieces, each now an object: 2",)}
    label = label_of(index, "first")
    # The right piece, 12 pixels, keeps the number; the left one has 9.
    assert [int((label == number).sum()) for number in (2, 4)] == [12, 9]


def test_pieces_that_touch_at_a_corner_are_one():
    label = np.array([[5, 0, 5], [0, 5, 0], [0, 0, 0], [7, 0, 0]])
    parted, numbers = part_pieces(label)
    np.testing.assert_array_equal(parted, label)
    assert numbers == []
    parted, numbers = part_pieces(np.array([[5, 0, 5, 5, 0, 5, 7]]))
    assert (parted.tolist(), numbers) == ([[8, 0, 5, 5, 0, 9, 7]], [5])


def test_pieces_of_the_largest_number_have_numbers_too():
    largest = np.iinfo(np.int32).max
    parted, numbers = part_pieces(np.array([[largest, 0, largest, largest, 0, 7]], np.int32))
    assert (parted.tolist(), numbers) == ([[3, 0, 2, 2, 0, 1]], [largest])


def test_numbers_beyond_16_bits_are_counted_anew(folder, index):
    def change(label):
        label[label == 2] = 70_000

    edit(folder, "first", change)
    import_corrections(folder, index)
    np.testing.assert_array_equal(np.unique(label_of(index, "first")), [0, 1, 2, 3])
    assert label_of(index, "first")[4, 12] == 3


def test_both_changed_needs_a_choice(folder, index):
    edit(folder, "first", lambda label: label.fill(0))
    edit_outlines(folder, "first", lambda features: features.pop(0))
    with pytest.raises(DataError, match=r"both this and .*first.geojson were changed.*--prefer"):
        import_corrections(folder, index)
    import_corrections(folder, index, prefer="outlines")
    assert label_of(index, "first").max() == 2
    import_corrections(folder, index, prefer="labels")
    assert not label_of(index, "first").any()


def test_everything_that_is_wrong_is_told_at_once_and_nothing_written(folder, index):
    tifffile.imwrite(folder / "labels" / "first.tif", np.zeros((20, 23), np.int32))
    tifffile.imwrite(folder / "labels" / "second.tif", np.zeros((20, 24), np.float32))
    with pytest.raises(DataError) as raised:
        import_corrections(folder, index)
    assert "first.tif: found 20 x 23 pixels; expected the size of its image, 20 x 24. Hint" in str(raised.value)
    assert "second.tif: found shape (20, 24) of type float32" in str(raised.value)
    assert not index.parent.exists()


def test_a_changed_image_is_refused(folder, index):
    tifffile.imwrite(folder / "images" / "first.tif", np.zeros((20, 24), np.uint16))
    with pytest.raises(DataError, match="is not the image that was exported"):
        import_corrections(folder, index)


@pytest.mark.parametrize("part", ["images/first.tif", "labels/first.tif", "outlines/first.geojson"])
def test_a_missing_file_is_named(folder, index, part):
    (folder / part).unlink()
    with pytest.raises(DataError, match=part):
        import_corrections(folder, index)


def test_another_image_of_the_same_name_is_not_replaced(folder, index, tmp_path):
    mark(folder, first="yes")
    import_corrections(folder, index)
    other = np.full((1, 20, 24), 9, np.uint16)
    export_queue([candidate("first", other)], tmp_path / "other")
    with pytest.raises(DataError, match="another image of this name is there"):
        import_corrections(tmp_path / "other", index, accept_unchanged=True)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_label_of_another_image_is_not_replaced(folder, index, suffix):
    """An index that lists `images/first.png`: its label has the name that the corrected one would get."""
    labels = index.parent / "labels"
    labels.mkdir(parents=True)
    mine = labels / f"first{suffix}"
    mine.write_bytes(b"mine")
    index.write_text(f"image,label,group,class\nimages/first.png,labels/first{suffix},g,fluorescence\n")
    before = index.read_text()
    with pytest.raises(DataError, match=rf"first{suffix}: is there already, and is not the label of .*first.tif. Hint"):
        import_corrections(folder, index, accept_unchanged=True)
    assert (mine.read_bytes(), index.read_text()) == (b"mine", before)


def test_a_queue_is_not_imported_into_its_own_folder(folder):
    label = (folder / "labels/first.tif").read_bytes()
    with pytest.raises(DataError, match=r"lies in the queue's own folder, whose labels it would replace\. Hint"):
        import_corrections(folder, folder / "index.csv", accept_unchanged=True)
    assert (folder / "labels/first.tif").read_bytes() == label


# Queue


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("first", "../first", "a name of a file"),
        ("first", "second", "each name once"),
        ("plate1", "", "column group: found an empty cell"),
        ("fluorescence", " ", "column image_class: found an empty cell"),
    ],
)
def test_a_queue_that_was_spoilt_is_refused_by_row(folder, old, new, message):
    text = (folder / "queue.csv").read_text()
    (folder / "queue.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(ProblemsError, match=message):
        read_queue(folder)


def test_an_unknown_mark_is_refused(folder):
    mark(folder, second="maybe")
    with pytest.raises(ProblemsError, match="row 3, column done: found 'maybe'; expected yes, no or nothing"):
        read_queue(folder)


def test_a_queue_without_a_column_is_refused(folder):
    text = (folder / "queue.csv").read_text()
    (folder / "queue.csv").write_text(text.replace("label_hash", "hash"))
    with pytest.raises(DataError, match="the columns label_hash are missing"):
        read_queue(folder)


def test_a_folder_that_is_no_export_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"queue.csv: cannot be read .* Hint: name a folder that"):
        read_queue(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"), [("index.txt", "", "expected .csv"), ("index.csv", "image,label\n", "group, class")]
)
def test_an_index_that_is_none_is_refused(folder, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ProblemsError, match=message):
        import_corrections(folder, tmp_path / name, accept_unchanged=True)
