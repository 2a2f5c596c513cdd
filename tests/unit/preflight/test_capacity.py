"""What of a campaign can run at once: jobs, CPUs and GPUs."""

from platewise.preflight.capacity import Capacity, local_capacity, slurm_capacity
from platewise.preflight.dry_run import PlannedJob
from platewise.preflight.site import Node, Partition

KNOWN = {
    "cpu": Partition("cpu", True, None, (Node("c1", True, 8, 1, {}), Node("c2", False, 64, 1, {}))),
    "gpu": Partition("gpu", True, None, (Node("g1", True, 4, 1, {"a100": 2}), Node("g2", True, 4, 1, {"h100": 3}))),
    # The same node as in the other one.
    "all": Partition("all", True, None, (Node("g1", True, 4, 1, {"a100": 2}), Node("c1", True, 8, 1, {}))),
}


def job(partition=None, threads=1, **resources):
    if partition is not None:
        resources["slurm_partition"] = partition
    return PlannedJob("r", {}, threads, resources, (), ("x",))


def test_one_machine_has_threads():
    assert local_capacity([job(threads=2), job(threads=9)], 4) == Capacity((4,), [(2,), (4,)])


def test_nodes_that_are_down_have_nothing():
    # Both the partition's CPUs and those of all; then the jobs.
    jobs = [job("cpu", 2), job("cpu", 32), job("cpu", 1, cpus_per_task=6)]
    assert slurm_capacity(jobs, 100, KNOWN) == Capacity((8, 8, 100), [(2, 2, 1), (8, 8, 1), (6, 6, 1)], cpus=8)


def test_gpus_are_those_of_the_model_and_the_partition():
    any_model = slurm_capacity([job("gpu", gpu=1)], 100, KNOWN)
    assert (any_model.gpus, any_model.cpus) == (5, 8)
    assert any_model == Capacity((5, 5, 8, 8, 100), [(1, 1, 1, 1, 1)], 8, 5)
    assert slurm_capacity([job("gpu", gpu=1, gpu_model="a100")], 100, KNOWN).gpus == 2
    assert slurm_capacity([job("gpu", gpu=0)], 100, KNOWN).gpus == 0


def test_a_node_of_two_partitions_counts_once():
    found = slurm_capacity([job("gpu", gpu=1), job("all", gpu=1)], 100, KNOWN)
    assert (found.gpus, found.cpus) == (5, 16)


def test_partitions_that_are_not_known_limit_nothing():
    assert slurm_capacity([job("other", 64, gpu=8), job()], 3, KNOWN) == Capacity((3,), [(1,), (1,)])


def test_some_of_the_jobs():
    whole = slurm_capacity([job("cpu", 1), job("cpu", 2), job("cpu", 3)], 100, KNOWN)
    assert whole.of([0, 2]) == Capacity((8, 8, 100), [(1, 1, 1), (3, 3, 1)], cpus=8)
