import threading
import time

import pytest

from platewise.ahead import run_ahead


def test_results_come_in_order_and_from_one_thread():
    threads = set()

    def square(number):
        threads.add(threading.get_ident())
        return number**2

    assert [(item, future.result()) for item, future in run_ahead(square, range(20), 3)] == [
        (number, number**2) for number in range(20)
    ]
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert list(run_ahead(square, [])) == []


@pytest.mark.parametrize("depth", [1, 3])
def test_no_more_is_begun_than_the_depth_allows(depth):
    begun = []
    for item, future in run_ahead(begun.append, range(12), depth):
        future.result()
        # So much is really begun, however busy the machine is, and no more.
        deadline = time.monotonic() + 30
        while len(begun) < min(item + 1 + depth, 12) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.02)
        assert len(begun) == min(item + 1 + depth, 12)


def test_an_error_is_raised_at_its_own_place():
    def fail(number):
        if number == 2:
            raise ValueError("two")
        return number

    results = run_ahead(fail, range(4))
    futures = dict(results)
    assert [futures[number].result() for number in (0, 1, 3)] == [0, 1, 3]
    with pytest.raises(ValueError, match="two"):
        futures[2].result()


def test_reading_goes_on_while_the_caller_works():
    # Each side sleeps 0.1 s: one after the other would take 1 s.
    start = time.monotonic()
    for _, future in run_ahead(lambda _: time.sleep(0.1), range(5)):
        future.result()
        time.sleep(0.1)
    assert time.monotonic() - start < 0.9


def test_nothing_is_begun_after_the_caller_left():
    begun = []
    reading = run_ahead(lambda item: begun.append(item) or time.sleep(0.02), range(50), 30)
    next(reading)
    reading.close()
    count = len(begun)
    time.sleep(0.1)
    assert len(begun) == count < 30
