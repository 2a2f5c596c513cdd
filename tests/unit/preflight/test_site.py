"""What the rules ask for is held against what the cluster has."""

from pathlib import Path

import pytest
import yaml

from platewise.cluster.queue import SEPARATOR, QueueError
from platewise.preflight import site
from platewise.preflight.dry_run import PlannedJob
from platewise.preflight.site import (
    PLACEHOLDERS,
    Asked,
    Node,
    asked_by_rule,
    check_device,
    check_memory_of_jobs,
    check_site,
    parse_partitions,
)

ROOT = Path(__file__).parents[3]
SINFO = [
    "cpu|up|1-00:00:00|c1|idle|8|16000|(null)",
    "cpu|up|1-00:00:00|c2|down*|64|256000+|(null)",
    "gpu|up|infinite|g1|mixed|8|16000|gpu:a100:2(S:0-1),lustre:1",
    "gpu|up|infinite|g2|drained|8|16000|gpu:4",
    "old|down|30:00|o1|idle|4|1|(null)",
]
KNOWN = parse_partitions("\n".join(line.replace("|", SEPARATOR) for line in SINFO))


def asked(**more):
    values = {"rule": "r", "partition": "cpu", "account": "core", "cpus": 1, "mem_mb": 1000, "minutes": 60, "gpus": 0}
    return Asked(**{**values, "gpu_model": None, **more})


def check(*first, last=(), own=("core",)):
    return list(check_site(first, last, KNOWN, None if own is None else set(own)))


def test_partitions_are_read():
    cpu, gpu = KNOWN["cpu"], KNOWN["gpu"]
    assert (cpu.up, cpu.minutes, gpu.minutes) == (True, 1440, None)
    assert cpu.nodes == (Node("c1", True, 8, 16000, {}), Node("c2", False, 64, 256000, {}))
    assert [(node.up, node.gpus) for node in gpu.nodes] == [(True, {"a100": 2}), (False, {"": 4})]
    assert (KNOWN["old"].up, KNOWN["old"].minutes) == (False, 30)


def test_gpus_that_jobs_would_hold_and_not_use_are_told():
    wanted = [asked(), asked(rule="embed_block", gpus=1)]
    (finding,) = check_device("cpu", wanted)
    assert not finding.stops
    assert "gpu: 0 and a partition without GPUs for embed_block" in str(finding)
    assert check_device("auto", wanted) == check_device("cpu", [asked()]) == []


def test_what_fits_is_not_mentioned():
    assert check(asked(), asked(rule="g", partition="gpu", gpus=2, gpu_model="a100"), last=[asked(mem_mb=3000)]) == []


@pytest.mark.parametrize(
    ("more", "place", "said"),
    [
        (
            {"partition": "fat"},
            "profile, slurm_partition of r: found 'fat'; expected one of cpu, gpu, old",
            "Your site",
        ),
        (
            {"partition": "old", "minutes": 20},
            "rule r in partition old: found a partition that takes no jobs",
            "choose another",
        ),
        (
            {"minutes": 1441},
            "rule r in partition cpu: found 1,441 minutes asked for; expected at most 1,440",
            "lower it",
        ),
        ({"mem_mb": 300_000}, "found 1 CPUs and 300,000 MB asked for", "c2, the largest, has 64 CPUs and 256,000 MB"),
        ({"cpus": 65}, "found 65 CPUs and 1,000 MB asked for", "set-resources in the profile (r)"),
        (
            {"gpus": 1},
            "rule r in partition cpu: found 1 GPU asked for, and no node with one",
            "{ slurm_partition: gpu }",
        ),
        ({"gpus": 1, "partition": "gpu", "gpu_model": "h100"}, "found gpu_model 'h100'; expected one of a100", "gpu"),
        ({"gpus": 8, "partition": "gpu"}, "found 8 GPUs asked for; expected no more than a node has", "set-resources"),
        ({"gpus": 1, "partition": "gpu", "mem_mb": 17_000}, "g1, the largest, has 8 CPUs", "lower it"),
        ({"account": "other"}, "profile, slurm_account: found 'other'; expected one of core", "sacctmgr"),
    ],
)
def test_what_does_not_fit_stops(more, place, said):
    (finding,) = check(asked(**more))
    assert finding.stops
    assert place in str(finding)
    assert said in str(finding)


def test_all_nodes_down():
    known = parse_partitions("cpu|up|1-00:00:00|c2|down|64|256000|(null)".replace("|", SEPARATOR))
    (finding,) = check_site([asked()], [], known, {"core"})
    assert finding.stops
    assert "no node that is up" in str(finding)


def test_a_cluster_without_gpus():
    (finding,) = check_site([asked(gpus=1)], [], {"cpu": KNOWN["cpu"]}, {"core"})
    assert finding.stops
    assert "to go on without, write r: { slurm_partition: cpu, gpu: 0 } under set-resources" in str(finding)


def test_what_only_the_last_try_asks_for_is_a_warning():
    (finding,) = check(asked(minutes=720), last=[asked(minutes=2160)])
    assert not finding.stops
    assert "2,160 minutes asked for in the last try; expected at most 1,440" in str(finding)
    # Said once: what already fails the first try fails the last one too.
    assert len(check(asked(minutes=2000), last=[asked(minutes=6000)])) == 1


def test_a_node_that_does_not_tell_its_memory_is_not_judged_by_it():
    known = parse_partitions("cpu|up|infinite|c1|idle|8|1|(null)".replace("|", SEPARATOR))
    assert list(check_site([asked(mem_mb=10**6)], [], known, {"core"})) == []


def test_the_placeholders_are_told():
    (partition,) = check(asked(partition="cpus"), own=["core"])
    assert "the value that the profile came with" not in str(partition)
    known = {"main": KNOWN["cpu"]}
    found = list(check_site([asked(account="lab", partition="cpu")], [], known, {"core"}))
    assert [finding.stops for finding in found] == [True, True]
    assert all("the value that the profile came with" in str(finding) for finding in found)
    # Where SLURM keeps no accounts nobody can tell, but the placeholder is suspicious.
    (account,) = check(asked(account="lab"), own=None)
    assert not account.stops
    assert "Hint: take the line out, or name an account of yours" in str(account)


def test_the_placeholders_are_the_profiles():
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    sections = [profile["default-resources"], *profile["set-resources"].values()]
    for key, values in PLACEHOLDERS.items():
        assert {section[key] for section in sections if key in section} == values


def test_without_a_partition():
    (finding,) = check(asked(partition=None))
    assert not finding.stops
    assert "slurm_partition of r: found none" in str(finding)


def test_the_most_that_any_job_of_a_rule_asks_for():
    def job(rule, threads, **resources):
        return PlannedJob(rule, {}, threads, resources, (), ("x",))

    jobs = [
        job("a", 1, mem_mb=100, runtime=10, slurm_partition="cpu", slurm_account="core"),
        job("a", 2, mem_mb=50, runtime=20, slurm_partition="cpu", slurm_account="core"),
        job("b", 1, mem_mb=10, gpu=1, slurm_partition="gpu", gpu_model="a100", cpus_per_task=6),
        job("b", 1, mem_mb="<TBD>", slurm_partition="gpu", gpu_model="a100"),
    ]
    assert asked_by_rule(jobs) == [
        Asked("a", "cpu", "core", 2, 100, 20, 0, None),
        Asked("b", "gpu", None, 6, 10, 0, 1, "a100"),
    ]


def test_what_slurm_says(monkeypatch):
    answers = {"sacctmgr": "core\nteam\ncore\n", "scontrol": "MaxJobCount = 10000\nMinJobAge               = 60 sec\n"}
    monkeypatch.setattr(site, "ask", lambda *command: answers[command[0]])
    assert site.accounts("me") == {"core", "team"}
    assert site.min_job_age() == 60


def test_a_silent_slurm(monkeypatch):
    def ask(*_command):
        raise QueueError("no answer")

    monkeypatch.setattr(site, "ask", ask)
    assert site.accounts("me") is None
    assert site.min_job_age() is None


def test_jobs_that_slurm_forgets_at_once():
    assert list(check_memory_of_jobs(300)) == list(check_memory_of_jobs(None)) == []
    (finding,) = check_memory_of_jobs(60)
    assert not finding.stops
    assert "MinJobAge: found 60 s; expected 120 s or more" in str(finding)
