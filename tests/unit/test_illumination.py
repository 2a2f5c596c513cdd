import json
import os
import shutil
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

import platewise.illumination as illumination
from platewise.algorithms import ALGORITHMS
from platewise.config.illumination import NoIllumination, RetrospectiveIllumination
from platewise.config.images import PatternReader, PhenixReader
from platewise.errors import DataError
from platewise.illumination import (
    BOUNDS,
    estimate_flat,
    read_illumination,
    reduce_image,
    run_illumination,
    stack_fields,
)
from platewise.inventory import inventory_plate, write_inventory
from platewise.tables import read_table

GOLDEN = Path(__file__).parent / "golden" / "illumination.json"
SIZE = 192
GRID = 32


def bowl(depth=0.5, tilt=0.1, size=SIZE):
    """Return a vignetting of mean 1, from 0.5 in a corner to 1.2, as deep as that of real 20x images."""
    axis = np.linspace(-1, 1, size)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    light = 1 - depth * ((x - 0.1) ** 2 + 0.8 * y**2) / 2 + tilt * x * (1 - 0.3 * x**2)
    return light / light.mean()


def render(rng, cells, light, background=300.0):
    """Render one field: bright blobs anywhere (also across the border) on a background, under ``light``, with noise."""
    size, margin = light.shape[0], 40
    count = rng.poisson(cells * ((size + 2 * margin) / size) ** 2)
    axis = np.arange(size)
    scene = np.full((size, size), background * rng.lognormal(0, 0.15))
    centres, radii = rng.uniform(-margin, size + margin, (count, 2)), rng.uniform(4, 8, count)
    for (y, x), radius, height in zip(centres, radii, 1500 * rng.lognormal(0, 0.5, count), strict=True):
        profile = [np.exp(-((axis - at) ** 2) / (2 * radius**2)) for at in (y, x)]
        scene += height * np.outer(*profile)
    return rng.poisson(scene * light).astype(np.float32)


def stack_of(seed, fields, cells, light):
    rng = np.random.default_rng(seed)
    return np.stack([reduce_image(render(rng, rng.integers(*cells), light), GRID) for _ in range(fields)])


def error_of(flat, light):
    """Return the root mean square of the relative error, in percent."""
    return 100 * np.sqrt(np.mean((flat / light - 1) ** 2))


# Sparse, of mixed density, crowded; the light alone varies by 18 %. The bounds are a quarter above what was measured.
@pytest.mark.parametrize(
    ("fields", "cells", "bound"),
    [(6, (5, 20), 1.2), (24, (5, 20), 0.6), (24, (2, 80), 3.9), (96, (2, 80), 2), (96, (60, 100), 3.4)],
)
def test_a_planted_vignetting_is_recovered(fields, cells, bound):
    light = bowl()
    estimate = estimate_flat(stack_of(1, fields, cells, light), light.shape, grid=GRID)
    assert error_of(estimate.flat, light) < bound
    assert error_of(np.ones_like(light), light) > 18
    assert (estimate.fields, estimate.note) == (fields, "")
    assert estimate.flat.dtype == np.float32
    assert estimate.flat.mean() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("fields", "cells", "bound"), [(6, (5, 20), 0.5), (24, (5, 20), 0.2), (24, (2, 80), 1.5), (96, (60, 100), 1.5)]
)
def test_none_is_invented_where_there_is_none(fields, cells, bound):
    even = np.ones((SIZE, SIZE))
    errors = [
        error_of(estimate_flat(stack_of(s, fields, cells, even), even.shape, grid=GRID).flat, even) for s in (1, 2)
    ]
    assert np.mean(errors) < bound


def test_more_fields_recover_it_better():
    light = bowl()
    errors = [
        error_of(estimate_flat(stack_of(3, fields, (2, 80), light), light.shape, grid=GRID).flat, light)
        for fields in (6, 24, 96)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_few_fields_leave_the_plate_even_and_say_so():
    light = bowl()
    estimate = estimate_flat(stack_of(1, 5, (5, 20), light), light.shape, grid=GRID)
    np.testing.assert_array_equal(estimate.flat, np.ones((SIZE, SIZE)))
    assert estimate.note == "not corrected: 5 usable fields, 6 are needed (illumination: min_fields)"
    corrected = estimate_flat(stack_of(1, 5, (5, 20), light), light.shape, min_fields=5, grid=GRID)
    assert error_of(corrected.flat, light) < 2


def test_one_field_of_debris_changes_little():
    light = bowl()
    stack = stack_of(1, 12, (5, 20), light)
    clean = estimate_flat(stack, light.shape, grid=GRID).flat
    stack[0, :, : GRID // 2] *= 50
    assert error_of(estimate_flat(stack, light.shape, grid=GRID).flat, clean) < 1.5


def test_brightness_of_fields_does_not_matter():
    light = bowl()
    stack = stack_of(1, 12, (5, 20), light)
    brighter = stack * np.random.default_rng(0).uniform(0.2, 8, 12).astype(np.float32)[:, None, None]
    flats = [estimate_flat(fields, light.shape, grid=GRID).flat for fields in (stack, brighter)]
    np.testing.assert_allclose(*flats, rtol=1e-3)


def test_dark_fields_are_not_counted():
    light = bowl()
    stack = stack_of(1, 12, (5, 20), light)
    stack[3:] = 0
    assert "3 usable fields" in estimate_flat(stack, light.shape, grid=GRID).note


def test_light_is_clipped_and_noted():
    axis = np.linspace(0, 4.5, SIZE)
    light = np.exp(axis)[None, :] * np.ones((SIZE, 1))
    stack = np.stack([reduce_image(light * level, GRID) for level in range(1, 9)])
    estimate = estimate_flat(stack, light.shape, grid=GRID)
    assert estimate.note == "clipped to 0.1 to 10.0 of its mean"
    assert estimate.flat.min() >= 0.9 * BOUNDS[0]


def test_images_need_not_be_square_nor_a_multiple_of_the_grid():
    axis_y, axis_x = np.linspace(-1, 1, 101)[:, None], np.linspace(-1, 1, 230)[None, :]
    light = np.exp(0.3 * axis_x - 0.4 * axis_y**2)
    light /= light.mean()
    stack = np.stack([reduce_image((light * level).astype(np.float32), GRID) for level in range(1, 9)])
    assert stack.shape == (8, GRID, GRID)
    assert error_of(estimate_flat(stack, light.shape, grid=GRID).flat, light) < 0.2


def test_block_means_are_exact():
    image = np.arange(5 * 7, dtype=np.uint16).reshape(5, 7)
    reduced = reduce_image(image, 2)
    expected = [[image[:2, :3].mean(), image[:2, 3:].mean()], [image[2:, :3].mean(), image[2:, 3:].mean()]]
    np.testing.assert_allclose(reduced, expected, rtol=1e-6)
    np.testing.assert_array_equal(reduce_image(image, 64), image)


READER = PatternReader(kind="pattern", pattern=r"(?P<well>\w\d\d)_(?P<site>\d)_(?P<channel>\w+)\.tif")
CHANNELS = {"DNA": "dna", "ER": "er"}
LIGHT = {"DNA": bowl(0.5, 0.1, 96), "ER": bowl(0.3, -0.1, 96)}


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    """Twelve fields of 96 x 96 pixels, each channel under its own light, in two blocks."""
    folder = tmp_path_factory.mktemp("plate")
    rng = np.random.default_rng(5)
    for well in ("A01", "A02", "A03", "A04", "A05", "A06"):
        for site in (1, 2):
            for name, light in LIGHT.items():
                pixels = np.minimum(render(rng, 3, light), 65535).astype(np.uint16)
                tifffile.imwrite(folder / f"{well}_{site}_{name.lower()}.tif", pixels)
    return folder


@pytest.fixture
def images(plate, tmp_path):
    return shutil.copytree(plate, tmp_path / "images")


def inventories(images, folder):
    blocks = {"A01-A03": ["A01", "A02", "A03"], "A04-A06": ["A04", "A05", "A06"]}
    outputs = {block: folder / f"{block}.parquet" for block in blocks}
    write_inventory(
        outputs,
        folder=images,
        reader=READER,
        plate="P",
        wells_by_block={block: [(well, None) for well in wells] for block, wells in blocks.items()},
        channels=CHANNELS,
        max_bad_fields=1,
    )
    return list(outputs.values())


def run(images, folder, channels=("DNA", "ER"), **settings):
    output = folder / "illumination.zarr"
    run_illumination(
        inventories(images, folder), output, channels=list(channels), config=RetrospectiveIllumination(**settings)
    )
    return output


def test_a_plate_is_estimated_stored_and_read_back(images, tmp_path):
    output = run(images, tmp_path)
    flat = read_illumination(output)
    assert (flat.shape, flat.dtype) == ((2, 96, 96), np.float32)
    assert error_of(flat[0], LIGHT["DNA"]) < 3
    assert error_of(flat[1], LIGHT["ER"]) < 3 < 8 < error_of(flat[0], LIGHT["ER"])
    attributes = dict(zarr.open_group(str(output), mode="r", zarr_format=3).attrs)
    assert attributes["channels"] == ["DNA", "ER"]
    assert (attributes["method"], attributes["fields"], attributes["notes"]) == ("retrospective", [12, 12], ["", ""])
    assert attributes["provenance"]["parameters"]["degree"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("A01-A03.parquet", "A04-A06.parquet", "illumination.zarr", "images")
    ]


def test_channels_are_read_in_the_order_asked_for(images, tmp_path):
    output = run(images, tmp_path)
    flat = read_illumination(output)
    np.testing.assert_array_equal(read_illumination(output, ["ER", "DNA"]), flat[::-1])
    with pytest.raises(DataError, match="found no channel AGP; there are DNA, ER"):
        read_illumination(output, ["AGP"])


def test_the_same_input_gives_the_same_bytes_whatever_the_threads(images, tmp_path):
    paths = inventories(images, tmp_path)
    stores = []
    for threads in (1, 3):
        output = tmp_path / str(threads) / "illumination.zarr"
        config = RetrospectiveIllumination(max_fields=7)
        run_illumination(paths, output, channels=["DNA"], config=config, seed=4, threads=threads)
        stores.append({path.relative_to(output): path.read_bytes() for path in output.rglob("*") if path.is_file()})
    assert stores[0] == stores[1]


def test_fields_are_drawn_by_the_seed(images, tmp_path):
    paths, flats = inventories(images, tmp_path), []
    for seed in (0, 0, 1):
        output = tmp_path / "illumination.zarr"
        run_illumination(paths, output, channels=["DNA"], config=RetrospectiveIllumination(max_fields=7), seed=seed)
        flats.append(read_illumination(output))
        assert zarr.open_group(str(output), mode="r").attrs["fields"] == [7]
    np.testing.assert_array_equal(flats[0], flats[1])
    assert not np.array_equal(flats[0], flats[2])


def test_bad_fields_are_left_out(images, tmp_path):
    clean = read_illumination(run(images, tmp_path))
    (images / "A02_1_er.tif").unlink()
    tifffile.imwrite(images / "A05_2_dna.tif", np.zeros((96, 96), np.uint16))
    output = run(images, tmp_path)
    attributes = zarr.open_group(str(output), mode="r").attrs
    assert (attributes["fields"], attributes["left_out"]) == ([10, 10], 1)
    assert error_of(read_illumination(output)[0], clean[0]) < 2


def test_a_plate_without_good_field_is_stored_uncorrected(images, tmp_path):
    for path in images.glob("*_er.tif"):
        path.write_bytes(b"")
    output = run(images, tmp_path)
    assert read_illumination(output) is None
    note = "not corrected: the plate has no good field"
    assert zarr.open_group(str(output), mode="r").attrs["notes"] == [note, note]


def test_with_none_nothing_is_read_and_nothing_divided_out(tmp_path):
    output = tmp_path / "illumination.zarr"
    run_illumination([tmp_path / "none.parquet"], output, channels=["DNA"], config=NoIllumination())
    assert read_illumination(output) is None


@pytest.mark.parametrize("damage", ["missing", "metadata", "chunk", "other values"])
def test_a_damaged_store_is_an_error_never_another_correction(images, tmp_path, damage):
    output = run(images, tmp_path)
    chunk = next(path for path in (output / "flat" / "c").rglob("*") if path.is_file())
    if damage == "missing":
        shutil.rmtree(output)
    elif damage == "metadata":
        (output / "zarr.json").write_text("{")
    elif damage == "chunk":
        chunk.unlink()
    else:
        zarr.open_group(str(output), mode="r+")["flat"][0] = 1
    with pytest.raises(DataError, match="remove it and run again"):
        read_illumination(output)


def test_a_run_that_fails_leaves_the_old_store_and_no_litter(images, tmp_path, monkeypatch):
    output = run(images, tmp_path)
    before = read_illumination(output)
    monkeypatch.setattr(zarr.Group, "create_array", lambda *_, **__: pytest.fail("the disk is full"))
    with pytest.raises(pytest.fail.Exception):
        run(images, tmp_path)
    np.testing.assert_array_equal(read_illumination(output), before)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def table_of(images, tmp_path):
    return pd.concat([read_table(path) for path in inventories(images, tmp_path)], ignore_index=True)


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_images_are_open_than_threads(images, tmp_path, monkeypatch, threads):
    opened, most, lock, read = [0], [0], threading.Lock(), illumination.read_channel

    def counted(row):
        with lock:
            opened[0] += 1
            most[0] = max(most[0], opened[0])
        image = read(row)
        with lock:
            opened[0] -= 1
        return image

    monkeypatch.setattr(illumination, "read_channel", counted)
    lazy, names = stack_fields(table_of(images, tmp_path), ["DNA", "ER"])
    stack = lazy.compute(scheduler="threads", num_workers=threads)
    assert most[0] <= threads
    assert stack.shape == (12, 2, 64, 64)
    assert names[:3] == ["A01 site 1", "A01 site 2", "A02 site 1"]
    assert lazy.chunks[0] == (1,) * 12


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    size, sites = 512, 9
    for site in range(1, sites + 1):
        pixels = np.random.default_rng(site).integers(1, 2**16, (size, size), dtype=np.uint16)
        tifffile.imwrite(tmp_path / f"A01_{site}_dna.tif", pixels)
    table = inventory_plate(tmp_path, READER, "P", {"b": [("A01", None)]}, {"DNA": "dna"})["b"]
    lazy, _ = stack_fields(table, ["DNA"])
    tracemalloc.start()
    stack = lazy.compute(scheduler="threads", num_workers=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stack.shape == (sites, 1, 64, 64)
    # One image as file, pixels and float32, the sums of its block rows, all block means twice, and 1 MB of Python.
    assert peak < 10 * size**2 + 8 * 64 * size + 2 * stack.nbytes + 2**20
    assert peak < 4 * size**2 * sites / 2


@pytest.mark.data
def test_real_fields_show_a_bowl_that_halves_of_them_agree_on(tmp_path):
    data = os.environ.get("PLATEWISE_DATA")
    if not data:
        pytest.skip("set PLATEWISE_DATA to the folder of real data (jump_cpjump1/)")
    wells = ["A21", "D08", "D14", "E18", "F10", "G21", "L09", "M02", "N09", "N14"]
    blocks = {"all": [(well, None) for well in wells]}
    reader = PhenixReader(kind="phenix")
    table = inventory_plate(f"{data}/jump_cpjump1/images", reader, "P", blocks, {"DNA": "5", "Mito": "1"})["all"]
    lazy, _ = stack_fields(table, ["DNA", "Mito"])
    stack = lazy.compute(scheduler="threads", num_workers=1)
    for channel in range(2):
        flat = estimate_flat(stack[:, channel], (1080, 1080)).flat
        corners = flat[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert corners.max() < 0.75
        assert flat[490:590, 490:590].min() > 1.15
        halves = [estimate_flat(stack[first::2, channel], (1080, 1080), min_fields=5).flat for first in (0, 1)]
        assert np.std(np.log(halves[0] / halves[1])) < 0.03 < 0.1 < np.std(np.log(flat))


def test_results_are_those_of_this_algorithm_number():
    # A change here changes every corrected image: raise ALGORITHMS["illumination"] and write the golden file anew.
    axis = np.linspace(-1, 1, GRID)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    light = 1 - 0.3 * (x - 0.1) ** 2 - 0.25 * y**2
    fields = [
        light * (1 + 0.2 * np.sin(5 * (1 + f) * x + f) * np.cos(3 * f * y - f) + 3 * ((x - f / 9) ** 2 + y**2 < 0.02))
        for f in range(8)
    ]
    flat = estimate_flat(np.stack(fields), (64, 64), grid=GRID).flat
    golden = json.loads(GOLDEN.read_text())
    assert golden["algorithm"] == ALGORITHMS["illumination"]
    np.testing.assert_allclose(flat[::31, ::31], golden["flat"], atol=1e-4)
