"""Rates are straight lines through jobs; those that come with the library cover every rule."""

import re
from pathlib import Path

import pytest

from platewise.errors import PlatewiseError
from platewise.preflight.rates import (
    DENSITY,
    JOB_START,
    MEASURES,
    Rate,
    find_rate,
    fit_line,
    read_rates,
    write_rates,
)
from platewise.preflight.work import UNITS, Work

RULES = Path(__file__).parents[3] / "workflow" / "rules"


def test_a_line_is_found_again():
    assert fit_line([1, 2, 10], [5, 8, 32]) == pytest.approx((2, 3))


def test_nothing_is_negative():
    per_job, per_unit = fit_line([1, 2, 10], [5, 4, 1])
    assert per_unit == 0
    assert 1 <= per_job <= 5


def test_jobs_alike_cannot_tell_the_two_apart():
    assert fit_line([10, 11], [21, 21]) == pytest.approx((0, 2))
    assert fit_line([10, 10], [20, 22], per_job=1) == pytest.approx((1, 2))
    # No job costs less than its share that does not depend on its work.
    assert fit_line([10, 10], [20, 22], per_job=50) == pytest.approx((20, 0.1))


def test_what_does_not_depend_on_work():
    assert fit_line([0, 0], [3, 5]) == (4, 0)


def test_through_the_origin():
    assert fit_line([1, 3], [3, 5], through_origin=True) == pytest.approx((0, 2))


def test_a_rate_beyond_what_was_measured_may_grow_with_the_square():
    rate = Rate("evaluate_network", "cpu", "wells", 1.0, 2.0, 3, 10.0)
    assert (rate.of(Work(wells=5)), rate.at_most(Work(wells=5))) == (11, 11)
    assert (rate.of(Work(wells=40)), rate.at_most(Work(wells=40))) == (81, 1 + 2 * 40 * 4)
    fields = Rate("inventory_plate", "cpu", "fields", 1.0, 2.0, 3, 10.0)
    assert fields.at_most(Work(fields=40)) == fields.of(Work(fields=40))
    assert Rate("a", "files", "job", 7.0, 0.0, 1, 0.0).of(Work(fields=40)) == 7


def test_what_was_not_measured_takes_the_rates_of_its_variant():
    plain, own = Rate("a", "cpu", "wells", 1, 1, 1, 1), Rate("a:learned", "cpu", "wells", 2, 2, 1, 1)
    assert find_rate({("a", "cpu"): plain}, "a:learned", "cpu") is plain
    assert find_rate({("a", "cpu"): plain, ("a:learned", "cpu"): own}, "a:learned", "cpu") is own
    assert find_rate({("a:learned", "cpu"): own}, "a", "cpu") is own
    assert find_rate({}, "a", "cpu") is None


def test_a_table_is_read_as_it_was_written(tmp_path):
    rates = [Rate("a", "cpu", "wells", 1.5, 0.25, 3, 10.0), Rate("b:learned", "bytes", "job", 1e6, 0.0, 1, 0.0)]
    write_rates(rates, tmp_path / "rates.tsv")
    assert read_rates(tmp_path / "rates.tsv") == {(rate.name, rate.quantity): rate for rate in rates}


@pytest.mark.parametrize("row", ["a\tcpu\twells\tmany\t1\t1\t1", "a\tcpu"])
def test_a_broken_table_is_told(tmp_path, row):
    path = tmp_path / "rates.tsv"
    path.write_text(f"name\tquantity\tunit\tper_job\tper_unit\tjobs\tlargest\n{row}\n")
    with pytest.raises(PlatewiseError, match=r"rates.tsv, row 2: found .* Hint: make the table again"):
        read_rates(path)


def test_every_rule_can_be_measured():
    text = "".join(path.read_text() for path in RULES.glob("*.smk"))
    rules = set(re.findall(r"^ *rule (\w+):", text, re.MULTILINE)) | {"inventory_plate"}
    assert rules == {measure.name for measure in MEASURES.values() if measure.times}


def test_units_are_units_of_work():
    units = {unit for measure in MEASURES.values() for unit in (measure.times, measure.space, measure.counts)}
    assert units - {"", "job"} <= set(UNITS)
    assert {measure.rule for measure in MEASURES.values()} - {""} <= set(MEASURES)


def test_the_shipped_table_has_a_rate_for_all_of_it():
    rates = read_rates()
    for name, measure in MEASURES.items():
        for quantity in ("seconds", "cpu", "bytes", "files", "folders"):
            if not measure.times and quantity in ("seconds", "cpu"):
                continue
            rate = rates[name, quantity]
            assert rate.unit == measure.unit(quantity), name
            assert rate.per_job >= 0
            assert rate.per_unit >= 0
    assert 20 < rates[DENSITY, "cells"].per_unit < 500
    assert rates[JOB_START, "seconds"].per_job > 0
