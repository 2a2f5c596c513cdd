"""What `sacct` prints (SLURM 22.05, executor 2.8) and what is made of it."""

import subprocess

import pytest

from platewise.cluster import accounting, queue
from platewise.cluster.accounting import Attempt, parse_attempts, parse_memory, read_attempts
from platewise.cluster.queue import QueueError

RUN = "6222188d-e6d2-4811-8cce-3f40f628e778"
COMMENT = "rule_segment_block_wildcards_P1_A01-A16"


def submit_line(folder, attempt=1, config="config.yaml", comment=COMMENT):
    return (
        f"sbatch --parsable --job-name {RUN} --output {folder}/logs/%j.log --export=ALL --comment {comment} -A lab "
        f"-p cpu -t 240 --mem 2000 --ntasks=1 --cpus-per-task=2 -D {folder} "
        "--wrap=python -m snakemake --snakefile 'Snakefile' "
        f"--target-jobs 'segment_block:plate=P1,block=A01-A16' --cores 'all' --attempt {attempt} --latency-wait 30 "
        f"--configfiles '{folder}/{config}' --default-resources base64//dG1w --mode 'remote'"
    )


def job(number, folder, state="COMPLETED", steps=("189272K", "402956K"), step_state=None, **changes):
    """The lines of a job: its own, the batch step's, the inner Snakemake's."""
    values = {
        "JobIDRaw": str(number),
        "JobName": RUN,
        "State": state,
        "WorkDir": str(folder),
        "ReqMem": "2000M",
        "MaxRSS": "",
        "TimelimitRaw": "240",
        "ElapsedRaw": "90",
        "TotalCPU": "01:04.524",
        "AllocCPUS": "2",
        "AllocTRES": "billing=2,cpu=2,gres/gpu:a100=1,gres/gpu=1,mem=2000M,node=1",
        "Comment": "",
        "SubmitLine": submit_line(folder),
    } | changes
    lines = [values]
    for name, held in zip(("batch", "0", "extern"), steps, strict=False):
        empty = dict.fromkeys(values, "") | {"JobName": name, "State": step_state or state, "MaxRSS": held}
        lines.append(empty | {"JobIDRaw": f"{number}.{name}"})
    return "".join("\x1f".join(line.values()) + "\n" for line in lines)


def parse(text, folder):
    return list(parse_attempts(text, folder, folder / "config.yaml"))


def test_a_job(tmp_path):
    (found,) = parse(job(5, tmp_path), tmp_path)
    memory = (189272 + 402956) / 1024
    assert found == Attempt(
        "segment_block", "P1_A01-A16", RUN, 1, "COMPLETED", memory, 2000, 90, 240, cpu_s=64, cpus=2, gpus=1
    )


def test_the_comment_is_taken_where_the_site_stores_it(tmp_path):
    stored = job(5, tmp_path, Comment="rule_train_embedding_wildcards_deep")
    assert [(found.rule, found.wildcards) for found in parse(stored, tmp_path)] == [("train_embedding", "deep")]


def test_an_older_sacct_has_no_submit_line(tmp_path):
    (found,) = parse(job(5, tmp_path, Comment=COMMENT, SubmitLine=""), tmp_path)
    assert (found.rule, found.number) == ("segment_block", 0)


def test_a_submit_line_that_was_cut(tmp_path):
    line = submit_line(tmp_path)
    (found,) = parse(job(5, tmp_path, SubmitLine=line[: line.index("A01-A16' ")]), tmp_path)
    assert (found.wildcards, found.number) == ("P1_A01-A16", 0)


def test_a_submit_line_with_line_breaks(tmp_path):
    broken = submit_line(tmp_path) + "\necho one\necho two"
    assert len(parse(job(5, tmp_path, SubmitLine=broken) + job(6, tmp_path), tmp_path)) == 2


def test_further_tries(tmp_path):
    text = job(5, tmp_path, "TIMEOUT") + job(6, tmp_path, SubmitLine=submit_line(tmp_path, attempt=2), ReqMem="4G")
    assert [(found.state, found.number, found.asked_mb) for found in parse(text, tmp_path)] == [
        ("TIMEOUT", 1, 2000),
        ("COMPLETED", 2, 4096),
    ]


def test_memory_that_ran_out_may_show_in_the_step_alone(tmp_path):
    (found,) = parse(job(5, tmp_path, "FAILED", step_state="OUT_OF_MEMORY"), tmp_path)
    assert found.state == "OUT_OF_MEMORY"


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "CANCELLED by 0", "NODE_FAIL", "PREEMPTED"])
def test_what_tells_nothing_is_left_out(tmp_path, state):
    assert parse(job(5, tmp_path, state), tmp_path) == []


def test_other_folders_campaigns_and_programs_are_left_out(tmp_path):
    text = (
        job(5, "/elsewhere")
        + job(6, tmp_path, SubmitLine=submit_line(tmp_path, config="other.yaml"))
        + job(7, tmp_path, JobName="bash")
        + job(8, tmp_path, SubmitLine="sbatch --comment mine job.sh")
    )
    assert parse(text, tmp_path) == []


def test_a_step_that_nobody_looked_at(tmp_path):
    # Half of the job's memory would be half the truth.
    (found,) = parse(job(5, tmp_path, steps=("189272K", "")), tmp_path)
    assert found.memory_mb is None


def test_the_login_step_is_not_the_jobs(tmp_path):
    (found,) = parse(job(5, tmp_path, steps=("1024K", "2048K", "512000K")), tmp_path)
    assert found.memory_mb == 3


def test_without_limits(tmp_path):
    (found,) = parse(job(5, tmp_path, ReqMem="0", TimelimitRaw="UNLIMITED", AllocTRES="cpu=2"), tmp_path)
    assert (found.asked_mb, found.asked_min, found.gpus) == (None, None, 0)


def test_memory_asked_for_each_cpu(tmp_path):
    (found,) = parse(job(5, tmp_path, ReqMem="2Gc"), tmp_path)
    assert found.asked_mb == 4096


@pytest.mark.parametrize(
    ("text", "amount"), [("2048K", 2), ("1.50G", 1536), ("3M", 3), ("1T", 1024**2), ("", None), ("0", None)]
)
def test_parse_memory(text, amount):
    assert parse_memory(text) == amount


def leave_log(folder):
    """What a run that used SLURM leaves: without it, SLURM is not asked."""
    log = folder / ".snakemake" / "log" / "a.snakemake.log"
    log.parent.mkdir(parents=True)
    log.write_text("SLURM run ID: 4ffd9912-5052-4632-8a22-5a5372d68b56\n")


def test_sacct_is_asked_for_ones_own_jobs(tmp_path, monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=job(5, tmp_path), stderr="")

    monkeypatch.setattr(accounting.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(accounting.getpass, "getuser", lambda: "ada")
    monkeypatch.setattr(queue.subprocess, "run", run)
    leave_log(tmp_path)
    assert len(read_attempts(tmp_path, tmp_path / "config.yaml", days=7)) == 1
    assert asked[0][:3] == ("sacct", "--user=ada", "--starttime=now-7days")


def test_a_machine_without_slurm(tmp_path, monkeypatch):
    monkeypatch.setattr(accounting.shutil, "which", lambda _: None)
    assert read_attempts(tmp_path, tmp_path / "config.yaml", days=7) == []


def test_accounting_that_does_not_answer(tmp_path, monkeypatch):
    def run(command, **_):
        return subprocess.CompletedProcess(command, 1, stdout="", stderr="Slurm accounting storage is disabled")

    monkeypatch.setattr(accounting.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(queue.subprocess, "run", run)
    leave_log(tmp_path)
    with pytest.raises(QueueError, match="sacct failed: Slurm accounting storage is disabled"):
        read_attempts(tmp_path, tmp_path / "config.yaml", days=7)
