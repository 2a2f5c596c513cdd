"""Devices: a GPU that was asked for is there, or it is an error."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from platewise.device import choose_device, gpu_allotted, halve_on_oom, reproducible, torch_threads
from platewise.errors import DeviceError


@pytest.fixture
def cuda(monkeypatch):
    def set_available(available):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: available)

    return set_available


@pytest.mark.parametrize(
    ("requested", "allotted", "available", "chosen"),
    [
        ("auto", False, False, "cpu"),
        ("auto", False, True, "cuda"),
        ("auto", True, True, "cuda"),
        ("cuda", False, True, "cuda"),
        ("cuda", True, True, "cuda"),
        ("cpu", False, True, "cpu"),
        ("cpu", True, True, "cpu"),
        ("cpu", True, False, "cpu"),
    ],
)
def test_device_is_chosen(cuda, requested, allotted, available, chosen):
    cuda(available)
    assert choose_device(requested, allotted).type == chosen


@pytest.mark.parametrize(
    ("requested", "allotted", "why"),
    [("cuda", False, "device: cuda"), ("cuda", True, "device: cuda"), ("auto", True, "allotted a GPU")],
)
def test_missing_cuda_is_an_error_where_it_was_promised(cuda, requested, allotted, why):
    cuda(False)
    with pytest.raises(DeviceError, match=rf"{why}.*finds no CUDA device.*device: cpu"):
        choose_device(requested, allotted)


def test_unknown_device_is_an_error():
    with pytest.raises(DeviceError, match="found 'gpu'; expected auto, cpu or cuda"):
        choose_device("gpu", False)


@pytest.mark.parametrize(
    ("gpu", "environment", "allotted"),
    [
        (0, {}, False),
        (1, {}, False),  # the same rule on a laptop: nothing was reserved
        (1, {"SLURM_JOB_ID": "7"}, True),
        (0, {"SLURM_JOB_ID": "7"}, False),
        (0, {"CUDA_VISIBLE_DEVICES": "0"}, True),
        (0, {"CUDA_VISIBLE_DEVICES": "GPU-8932f937"}, True),
        (0, {"CUDA_VISIBLE_DEVICES": ""}, False),
        (0, {"CUDA_VISIBLE_DEVICES": "-1"}, False),
        (0, {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, False),
        (1, {"CUDA_VISIBLE_DEVICES": "", "SLURM_JOB_ID": "7"}, True),
    ],
)
def test_allotted_gpu(gpu, environment, allotted):
    assert gpu_allotted(gpu, environment) is allotted


def test_allotted_gpu_reads_the_environment_of_the_process(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert gpu_allotted()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert not gpu_allotted()


def fits(limit, tried):
    def work(batch):
        tried.append(batch)
        if batch > limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return f"done with {batch}"

    return work


def test_batch_is_halved_until_it_fits():
    tried = []
    halved = halve_on_oom(fits(30, tried), 250)
    assert tried == [250, 125, 62, 31, 15]
    assert (halved.result, halved.batch, halved.halvings) == ("done with 15", 15, 4)


def test_batch_that_fits_is_left_alone():
    tried = []
    halved = halve_on_oom(fits(30, tried), 30)
    assert (tried, halved.batch, halved.halvings) == ([30], 30, 0)


def test_a_batch_of_one_that_does_not_fit_is_an_error():
    tried = []
    with pytest.raises(DeviceError, match="out of memory with a batch of 1"):
        halve_on_oom(fits(0, tried), 4)
    assert tried == [4, 2, 1]


def test_other_errors_are_not_swallowed():
    def broken(batch):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        halve_on_oom(broken, 8)
    with pytest.raises(ValueError, match="at least 1"):
        halve_on_oom(broken, 0)


def test_threads_are_set_and_put_back():
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_importing_the_module_or_the_config_does_not_import_torch():
    code = (
        "import sys; import platewise.device, platewise.config.embedding, platewise.config.crops;"
        "print([name for name in ('torch', 'zarr', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.strip() == "[]"


def test_torch_is_left_as_it_was():
    assert not torch.are_deterministic_algorithms_enabled()
    with reproducible():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
