import pytest

from platewise.plan.wells import normal_well, parse_well, well_name


@pytest.mark.parametrize("text", ["a1", "A1", "A01", " A01 ", "a001"])
def test_every_spelling_of_a_well_gives_one_name(text):
    assert normal_well(text) == "A01"


def test_the_last_well_of_a_1536_plate():
    assert parse_well("AF48") == (31, 47)
    assert well_name(31, 47) == "AF48"


@pytest.mark.parametrize("text", ["", "A0", "1A", "A100", "AG01", "A-1", "A01/..", "Ä01"])
def test_what_is_no_well_is_refused_and_named(text):
    with pytest.raises(ValueError, match="not a well name"):
        parse_well(text)
