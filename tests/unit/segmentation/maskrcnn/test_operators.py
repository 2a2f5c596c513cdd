import sys
from types import ModuleType, SimpleNamespace

import pytest

from platewise.segmentation.maskrcnn.operators import torchvision_operators


@pytest.fixture(autouse=True)
def _forget():
    torchvision_operators.cache_clear()
    yield
    torchvision_operators.cache_clear()


class _Finder:
    """Answers to `import torchvision` with what a broken installation raises."""

    def __init__(self, error):
        self._error = error

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            raise self._error


def break_torchvision(monkeypatch, error):
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Finder(error), *sys.meta_path])


def test_without_torchvision_there_are_none(monkeypatch, caplog):
    break_torchvision(monkeypatch, ModuleNotFoundError("No module named 'torchvision'"))
    assert torchvision_operators() is None
    assert not caplog.records


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist"),
        OSError("libcudart.so: cannot open"),
        ImportError("no C"),
    ],
)
def test_a_broken_torchvision_is_told_and_not_used(monkeypatch, caplog, error):
    break_torchvision(monkeypatch, error)
    assert torchvision_operators() is None
    assert "torchvision does not work" in caplog.text
    assert str(error) in caplog.text


def test_a_working_torchvision_is_used(monkeypatch):
    package, ops = ModuleType("torchvision"), SimpleNamespace(nms=None)
    package.ops = ops
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.ops", ops)
    assert torchvision_operators() is ops
