"""A Slurm of two nodes on this machine, as a program: controller and nodes in namespaces of their own, as machines are.

Run as the first process of new pid, network, mount and host name namespaces (`unshare`): whatever is started in them
ends with it, however it ends. Prints a line when jobs can be submitted. Then it runs commands for the tests, a JSON
list of words a line, and answers each with a line of JSON; it ends when its stdin does.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

NODES = ("node1", "node2")
_CONF = """\
ClusterName=tests
SlurmctldHost=home(10.66.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldParameters=enable_configless
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=60
InactiveLimit=0
SlurmdTimeout=20
SchedulerParameters=sched_interval=2,bf_interval=2,requeue_delay=1
NodeName=node1 NodeAddr=10.66.0.11 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1
NodeName=node2 NodeAddr=10.66.0.12 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 MaxTime=INFINITE State=UP PreemptMode=REQUEUE
PartitionName=high Nodes=ALL PriorityTier=9 MaxTime=INFINITE State=UP PreemptMode=OFF
"""
_HOSTS = "127.0.0.1 localhost\n10.66.0.1 home\n10.66.0.11 node1\n10.66.0.12 node2\n"
_NODE = """\
set -e
mount -t proc proc /proc
mount -t tmpfs tmpfs /dev/shm
hostname {name}
until ip link show eth0 >/dev/null 2>&1; do read -r -t 0.1 <> <(:) || :; done
ip link set lo up
ip addr add {address}/24 dev eth0
ip link set eth0 up
ip route add default via 10.66.0.1
mkdir -p /tmp/ray
mount -t tmpfs tmpfs /tmp/ray
slurmd -D -N {name} -f {conf} &
wait
"""


def main(folder: Path) -> None:
    """Start everything, say so, and serve."""
    _be_home(folder)
    conf = folder / "slurm.conf"
    conf.write_text(_CONF.format(folder=folder))
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
    (folder / "state").mkdir()
    log = (folder / "processes.log").open("ab")
    _munge(folder, log)
    subprocess.Popen(["slurmctld", "-D", "-i", "-f", str(conf)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    for number, name in enumerate(NODES):
        _start_node(name, number, conf, log)
    os.environ["SLURM_CONF"] = str(conf)
    _await_nodes()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_done(json.loads(line))), flush=True)


def _be_home(folder: Path) -> None:
    hosts = folder / "hosts"
    hosts.write_text(_HOSTS)
    for words in (
        ["mount", "-t", "proc", "proc", "/proc"],
        ["mount", "--bind", str(hosts), "/etc/hosts"],
        ["hostname", "home"],
        ["ip", "link", "set", "lo", "up"],
        ["ip", "link", "add", "bridge0", "type", "bridge"],
        ["ip", "addr", "add", "10.66.0.1/24", "dev", "bridge0"],
        ["ip", "link", "set", "bridge0", "up"],
    ):
        subprocess.run(words, check=True)


def _munge(folder: Path, log: object) -> None:
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(128))
    options = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    words = [f"--{name}={folder}/munge.{suffix}" for name, suffix in options.items()]
    subprocess.run(["munged", "--force", *words], check=True, stdout=log, stderr=log)  # type: ignore[call-overload]  # a file


def _start_node(name: str, number: int, conf: Path, log: object) -> None:
    script = _NODE.format(name=name, address=f"10.66.0.{11 + number}", conf=conf)
    words = ["unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child", "bash", "-c", script]
    node = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # type: ignore[call-overload]  # a file
    link = f"veth{number}"
    subprocess.run(["ip", "link", "add", link, "type", "veth", "peer", "name", f"{link}n"], check=True)
    subprocess.run(["ip", "link", "set", link, "master", "bridge0", "up"], check=True)
    moved = ["ip", "link", "set", f"{link}n", "name", "eth0", "netns", str(node.pid)]
    until = time.monotonic() + 30
    while Path(f"/proc/{node.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
        assert time.monotonic() < until, f"{name} got no network of its own"
    subprocess.run(moved, check=True)


def _await_nodes() -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if str(_done(["sinfo", "-h", "-N", "-p", "low", "-o", "%T"])["out"]).split() == ["idle"] * len(NODES):
            return
    sys.exit("the nodes did not come up")


def _done(words: list[str]) -> dict[str, object]:
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
