"""The index of annotated images and the pairs that it names: read, or refused by name."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from platewise.config.annotations import AnnotationColumns
from platewise.errors import ConfigError, DataError
from platewise.segmentation.annotations import Annotation, load_pair, read_index


def write(path, text):
    path.write_text(text)
    return path


def test_rows_are_read_with_paths_beside_the_index(tmp_path):
    index = write(tmp_path / "index.csv", "file,mask,plate,kind\nx/1.png,y/1.png,p1,grey\n\nx/2.png,y/2.png,p2,rgb\n")
    columns = AnnotationColumns(image="file", label="mask", group="plate", image_class="kind")
    assert read_index(index, columns) == [
        Annotation("x/1.png", tmp_path / "x/1.png", tmp_path / "y/1.png", "p1", "grey"),
        Annotation("x/2.png", tmp_path / "x/2.png", tmp_path / "y/2.png", "p2", "rgb"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,label,group\na,b,c\n", "found the columns image, label, group; expected also class"),
        ("image,label,group,class\n", "found no row; expected a row for each annotated image"),
        ("image,label,group,class\na,b,,d\n", "row 2, column group: found an empty cell"),
        ("image,label,group,class\na,b,c,d\na,e,f,g\n", "row 3, column image: found 'a', as in row 2"),
        ('image,label,group,class\na,"b,c,d\n', "expected cells whose quotation marks come in pairs"),
    ],
    ids=["column", "empty", "cell", "twice", "quotes"],
)
def test_a_wrong_index_is_refused(tmp_path, text, told):
    with pytest.raises(ConfigError, match="the annotated images cannot be used") as error:
        read_index(write(tmp_path / "index.csv", text))
    assert told in str(error.value)
    assert "Hint: " in str(error.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as error:
        read_index(write(tmp_path / "index.csv", "image,label,group,class\na,b,,d\na,b,c,\n"))
    assert len(error.value.problems) == 2


def test_a_missing_index_is_told_with_who_asks_for_it(tmp_path):
    with pytest.raises(ConfigError, match=r"config, key annotations.mine.index: found '.*none.csv'; expected a file"):
        read_index(tmp_path / "none.csv", place="config, key annotations.mine.index")


@pytest.fixture
def pair(tmp_path):
    """A grey image of 4 x 5 pixels with two objects, numbered 7 and 300."""
    label = np.zeros((4, 5), np.uint16)
    label[0, :2], label[3, 3:] = 300, 7
    Image.fromarray(np.arange(20, dtype=np.uint8).reshape(4, 5)).save(tmp_path / "image.png")
    Image.fromarray(label).save(tmp_path / "label.png")
    return Annotation("image.png", tmp_path / "image.png", tmp_path / "label.png", "g", "c")


def test_objects_are_numbered_without_gaps_in_the_order_of_their_numbers(pair):
    image, label = load_pair(pair)
    assert (image.shape, image.dtype, label.dtype) == ((1, 4, 5), np.uint8, np.int32)
    assert label.tolist() == [[2, 2, 0, 0, 0], [0] * 5, [0] * 5, [0, 0, 0, 1, 1]]


@pytest.mark.parametrize("channels", [2, 3])
def test_cells_have_two_channels_and_colour_images_three(pair, channels):
    tifffile.imwrite(pair.image.with_suffix(".tif"), np.ones((channels, 4, 5), np.uint16), photometric="minisblack")
    image, _ = load_pair(Annotation("", pair.image.with_suffix(".tif"), pair.label, "g", "c"))
    assert image.shape == (channels, 4, 5)


def test_an_image_of_more_channels_is_refused(pair):
    tifffile.imwrite(pair.image.with_suffix(".tif"), np.ones((5, 4, 5), np.uint16), photometric="minisblack")
    with pytest.raises(DataError, match=r"image.tif: found 5 channels; expected 1 \(grey\), 2 .* Hint: "):
        load_pair(Annotation("", pair.image.with_suffix(".tif"), pair.label, "g", "c"))


def test_a_label_of_another_size_is_refused(pair):
    Image.fromarray(np.zeros((2, 5), np.uint16)).save(pair.label)
    with pytest.raises(DataError, match=r"label.png: found a label of 2 x 5 pixels; .* 4 x 5. Hint: export the label"):
        load_pair(pair)


@pytest.mark.parametrize("name", ["image", "label"])
def test_a_file_that_is_missing_or_damaged_is_named(pair, name):
    path = getattr(pair, name)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError, match=f"{name}.png"):
        load_pair(pair)
    path.unlink()
    with pytest.raises(DataError, match=f"{name}.png"):
        load_pair(pair)
