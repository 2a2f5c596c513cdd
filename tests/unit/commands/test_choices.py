"""Where networks run, and with how many threads."""

import pytest
import torch

from platewise.commands.choices import Device, networks_on
from platewise.device import torch_threads
from platewise.errors import DeviceError


@pytest.mark.parametrize(("asked", "expected"), [(3, 3), (0, 2)])
def test_threads_are_those_asked_for_or_those_torch_has(asked, expected):
    with torch_threads(2):
        with networks_on(Device.cpu, asked) as device:
            assert (device.type, torch.get_num_threads()) == ("cpu", expected)
        assert torch.get_num_threads() == 2


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="finds no CUDA device"), networks_on(Device.cuda, 0):
        pass
