"""A real SLURM on this machine, for tests: two CPU nodes and two GPU nodes with two GPUs each, all of them slurmd here.

Everything lies in one folder and on ports of its own, so that a cluster that the machine may belong to is not touched:
slurmdbd on a MariaDB without network, slurmctld, four slurmd; munge is the machine's. No systemd, no cgroups.

    python tests/slurm/cluster.py up FOLDER      # starts what does not run, prints the line that selects it
    python tests/slurm/cluster.py down FOLDER
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

CPU_NODES = ("c1", "c2")
GPU_NODES = ("g1", "g2")
NODES = CPU_NODES + GPU_NODES
GPUS_PER_NODE = 2
ACCOUNT = "lab"
PACKAGES = ("slurmctld", "slurmd", "slurm-client", "slurmdbd", "munge", "mariadb-server")
_PROGRAMS = ("slurmctld", "slurmd", "squeue", "slurmdbd", "munged", "mariadbd")
_PORT = 27000
_PATIENCE_S = 90

SLURM_CONF = """\
ClusterName=platewise
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
MpiDefault=none
# No systemd, no cgroups: processes are followed through /proc.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
# The kernel refuses a job more than four times the memory it asked for (RLIMIT_AS), as on a node with a limit.
VSizeFactor=400
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmctldPort={controller_port}
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool/%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
# The nodes claim more than this machine has.
SlurmdParameters=config_overrides
ReturnToService=2
# Soon, so that a dead node is noticed while a test waits.
SlurmdTimeout=20
SlurmctldTimeout=60
InactiveLimit=0
MinJobAge=300
KillWait=5
CompleteWait=0
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=5,batch_sched_delay=0,bf_interval=5,sched_min_interval=0
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={database_port}
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
JobCompType=jobcomp/none
{nodes}
PartitionName=cpu Nodes={cpu_nodes} Default=YES MaxTime=1-00:00:00 DefMemPerCPU=500 State=UP
PartitionName=gpu Nodes={gpu_nodes} MaxTime=1-00:00:00 DefMemPerCPU=500 State=UP
"""

SLURMDBD_CONF = """\
AuthType=auth/munge
DbdHost=localhost
DbdPort={database_port}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageLoc=slurm
StorageUser=slurm
StoragePass=slurm
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
"""


class ClusterError(RuntimeError):
    """The cluster does not do what the tests need."""


class Cluster:
    """The cluster in ``folder``; its commands answer wherever ``environment`` is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        programs = os.environ["PATH"].removeprefix(f"{self.folder / 'bin'}:")
        self.environment = {
            "SLURM_CONF": str(self.folder / "etc" / "slurm.conf"),
            "PATH": f"{self.folder / 'bin'}:{programs}",
        }

    def up(self) -> None:
        """Start what does not run, and wait until every node is idle."""
        missing = [program for program in _PROGRAMS if shutil.which(program) is None]
        if missing:
            raise ClusterError(f"not installed: {', '.join(missing)}. Hint: apt-get install {' '.join(PACKAGES)}")
        if os.getuid() != 0:
            raise ClusterError("slurmd needs root to start jobs. Hint: run the tests as root, in a container.")
        for name in ("bin", "etc", "run", "log", "spool", "state", "gpus"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._configure()
        self._start_munge()
        self._start_database()
        self.start("slurmdbd")
        self._wait(lambda: self._answers("sacctmgr", "-n", "list", "cluster"), "slurmdbd")
        self.start("slurmctld")
        self._wait(lambda: self._answers("scontrol", "ping"), "slurmctld")
        self._account()
        for node in NODES:
            self.start(f"slurmd.{node}")
        self.wait_until_idle()

    def down(self) -> None:
        """Cancel all jobs and stop the daemons."""
        self._ask("scancel", "--quiet", "--state=PENDING", check=False)
        self._ask("scancel", "--quiet", "--signal=KILL", "--state=RUNNING", check=False)
        daemons = [*(f"slurmd.{node}" for node in NODES), "slurmctld", "slurmdbd", "mariadbd"]
        for daemon in daemons:
            self._signal(daemon, signal.SIGTERM)
        for daemon in daemons:
            pid = self.pid(daemon)
            if pid is not None:
                with suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
                    psutil.Process(pid).wait(15)
                self._signal(daemon, signal.SIGKILL)

    def start(self, daemon: str) -> None:
        """Start ``slurmctld``, ``slurmdbd`` or ``slurmd.NODE`` unless it runs."""
        if self.pid(daemon) is not None:
            return
        name, _, node = daemon.partition(".")
        if node:
            (self.folder / "spool" / node).mkdir(exist_ok=True)
        arguments = ["-N", node] if node else []
        environment = self.environment | {"MYSQL_UNIX_PORT": str(self._database / "socket")}
        subprocess.run([name, *arguments], env=os.environ | environment, check=True)

    def kill(self, daemon: str) -> None:
        """Kill a daemon with SIGKILL; what it had started lives on."""
        pid = self.pid(daemon)
        if pid is None:
            raise ClusterError(f"{daemon} does not run")
        os.kill(pid, signal.SIGKILL)
        self._wait(lambda: not psutil.pid_exists(pid), f"the end of {daemon}")

    def pid(self, daemon: str) -> int | None:
        """Return the process number of a daemon that runs."""
        folder = self._database if daemon == "mariadbd" else self.folder / "run"
        try:
            pid = int((folder / f"{daemon}.pid").read_text())
            # A daemon that was killed leaves its file, and its number may be another's by now.
            alive = psutil.Process(pid).name() == daemon.partition(".")[0]
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None
        return pid if alive else None

    def wait_until_idle(self) -> None:
        """Wait until every node takes jobs and none has one; nodes that were lost are taken back."""

        def idle() -> bool:
            lines = self._ask("sinfo", "-h", "-N", "-o", "%N %t").split("\n")
            states = dict(line.split() for line in lines if line)
            for node, state in states.items():
                if state.startswith(("down", "drain")) and self.pid(f"slurmd.{node}") is not None:
                    self._ask("scontrol", "update", f"nodename={node}", "state=resume", check=False)
            return set(states.values()) == {"idle"} and len(states) == len(NODES)

        self._wait(idle, "all nodes to be idle")

    def state(self, node: str) -> str:
        """Return SLURM's word for the state of a node."""
        return self._ask("sinfo", "-h", "-N", "-n", node, "-o", "%t").strip()

    def accounted(self, fields: str, *options: str) -> list[list[str]]:
        """Return what ``sacct`` tells of all jobs, a list of fields a job."""
        text = self._ask("sacct", "-n", "-P", "-X", "--starttime=now-1day", f"--format={fields}", *options)
        return [line.split("|") for line in text.splitlines()]

    @property
    def _database(self) -> Path:
        return self.folder / "database"

    def _configure(self) -> None:
        nodes = []
        gpus = []
        for number, node in enumerate(NODES):
            gres = f" Gres=gpu:fake:{GPUS_PER_NODE}" if node in GPU_NODES else ""
            nodes.append(
                f"NodeName={node} NodeAddr=127.0.0.1 NodeHostname={socket.gethostname().partition('.')[0]} "
                f"Port={_PORT + 10 + number} CPUs=8 RealMemory=16000{gres} State=UNKNOWN"
            )
        for node in GPU_NODES:
            for number in range(GPUS_PER_NODE):
                device = self.folder / "gpus" / f"{node}-{number}"
                if not device.exists():
                    # A device file that exists is all SLURM asks of a GPU: then it sets CUDA_VISIBLE_DEVICES.
                    os.mknod(device, 0o020666, os.makedev(1, 3))
            files = f"{self.folder}/gpus/{node}-[0-{GPUS_PER_NODE - 1}]"
            gpus.append(f"NodeName={node} Name=gpu Type=fake File={files}")
        values = {
            "host": socket.gethostname().partition(".")[0],
            "folder": self.folder,
            "controller_port": _PORT,
            "database_port": _PORT + 1,
            "nodes": "\n".join(nodes),
            "cpu_nodes": ",".join(CPU_NODES),
            "gpu_nodes": ",".join(GPU_NODES),
        }
        # The executor takes SLURM_CONF out of the environment before it calls srun.
        srun = self.folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/etc/slurm.conf exec /usr/bin/srun "$@"\n')
        srun.chmod(0o755)
        etc = self.folder / "etc"
        (etc / "slurm.conf").write_text(SLURM_CONF.format(**values))
        (etc / "gres.conf").write_text("\n".join(gpus) + "\n")
        (etc / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nConstrainCores=no\nConstrainRAMSpace=no\n")
        (etc / "plugstack.conf").write_text("")
        database = etc / "slurmdbd.conf"
        database.touch(mode=0o600)
        database.write_text(SLURMDBD_CONF.format(**values))

    def _start_munge(self) -> None:
        """Start the machine's munge if it does not run: SLURM's database looks for it at its usual place only."""
        if self._answers("munge", "-n"):
            return
        key = Path("/etc/munge/munge.key")
        if not key.exists():
            key.write_bytes(os.urandom(128))
            shutil.chown(key, "munge", "munge")
            key.chmod(0o400)
        for folder, mode in (("/run/munge", 0o755), ("/var/log/munge", 0o700), ("/var/lib/munge", 0o700)):
            Path(folder).mkdir(exist_ok=True)
            shutil.chown(folder, "munge", "munge")
            Path(folder).chmod(mode)
        subprocess.run(["munged"], check=True, user="munge", group="munge", extra_groups=[], capture_output=True)
        self._wait(lambda: self._answers("munge", "-n"), "munged")

    def _start_database(self) -> None:
        folder, sock = self._database, self._database / "socket"
        if self.pid("mariadbd") is None:
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, "mysql", "mysql")
            if not (folder / "mysql").exists():
                install = ["mariadb-install-db", "--user=mysql", f"--datadir={folder}", "--skip-test-db"]
                install.append("--auth-root-authentication-method=socket")
                subprocess.run(install, check=True, capture_output=True)
            log = (self.folder / "log" / "mariadbd.log").open("a")
            command = ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={folder}", f"--socket={sock}"]
            command += ["--skip-networking", f"--pid-file={folder / 'mariadbd.pid'}", "--skip-log-bin"]
            command += ["--innodb-buffer-pool-size=128M", "--innodb-flush-log-at-trx-commit=2"]
            subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            self._wait(lambda: self._answers("mariadb-admin", f"--socket={sock}", "ping"), "mariadbd")
        statements = (
            "create database if not exists slurm; "
            "create user if not exists 'slurm'@'localhost' identified by 'slurm'; "
            "grant all on slurm.* to 'slurm'@'localhost';"
        )
        self._ask("mariadb", f"--socket={sock}", "-e", statements)

    def _account(self) -> None:
        """Give root the account; every step may have been done before."""
        self._ask("sacctmgr", "-i", "add", "account", ACCOUNT, "Description=lab", "Organization=lab", check=False)
        self._ask("sacctmgr", "-i", "add", "user", "root", f"Account={ACCOUNT}", "AdminLevel=Admin", check=False)
        self._ask(
            "sacctmgr", "-i", "modify", "user", "where", "name=root", "set", f"DefaultAccount={ACCOUNT}", check=False
        )

        def known() -> bool:
            return "root" in self._ask("sacctmgr", "-n", "-P", "list", "assoc", f"account={ACCOUNT}", "format=user")

        self._wait(known, f"the account {ACCOUNT}")

    def _ask(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        if check and done.returncode != 0:
            raise ClusterError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _answers(self, *command: str) -> bool:
        done = subprocess.run(command, env=os.environ | self.environment, capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    def _signal(self, daemon: str, number: signal.Signals) -> None:
        pid = self.pid(daemon)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                logs = "".join(f"\n--- {path.name}\n{path.read_text()[-1500:]}" for path in self._logs())
                raise ClusterError(f"waited {_PATIENCE_S} s in vain for {what}{logs}")
            time.sleep(0.2)

    def _logs(self) -> list[Path]:
        return sorted((self.folder / "log").glob("*.log"))


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.exit(__doc__)
    cluster = Cluster(Path(sys.argv[2]))
    if sys.argv[1] == "down":
        cluster.down()
        return
    cluster.up()
    print(f"export SLURM_CONF={cluster.environment['SLURM_CONF']} PATH={cluster.folder}/bin:$PATH")


if __name__ == "__main__":
    main()
