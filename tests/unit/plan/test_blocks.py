import re

from platewise.plan.blocks import BLOCK_PATTERN, cut_fields, cut_wells
from platewise.plan.wells import FORMATS, well_name


def all_wells(size):
    plate = FORMATS[size]
    return [well_name(row, column) for row in range(plate.rows) for column in range(plate.columns)]


def test_a_full_384_plate_is_24_blocks_of_16_in_plate_order():
    blocks = cut_wells(all_wells(384), FORMATS[384], 16)
    assert len(blocks) == 24
    assert list(blocks)[:3] == ["A01-A16", "A17-B08", "B09-B24"]
    assert [well for wells in blocks.values() for well in wells] == all_wells(384)


def test_adding_a_well_renames_no_block():
    few = cut_wells(["A03", "P24"], FORMATS[384], 16)
    more = cut_wells(["A03", "A04", "B09", "P24"], FORMATS[384], 16)
    assert few == {"A01-A16": ["A03"], "P09-P24": ["P24"]}
    assert set(few) < set(more)
    assert more["A01-A16"] == ["A03", "A04"]


def test_one_well_a_block_is_named_for_the_well():
    assert cut_wells(["B02", "A01"], FORMATS[96], 1) == {"A01": ["A01"], "B02": ["B02"]}


def test_the_last_block_ends_with_the_plate():
    assert list(cut_wells(["H12"], FORMATS[96], 20)) == ["G09-H12"]


def test_blocks_of_fields():
    assert cut_fields(["A01"], 2) == {"A01-f01": ("A01", 1), "A01-f02": ("A01", 2)}


def test_every_name_fits_the_wildcard_constraint():
    names = [
        *cut_wells(all_wells(1536), FORMATS[1536], 7),
        *cut_wells(["A01"], FORMATS[96], 1),
        *cut_fields(["A01"], 120),
    ]
    assert all(re.fullmatch(BLOCK_PATTERN, name) for name in names)
