"""Two hosts: two network namespaces that only a veth pair joins. Ranks in both meet by TCP and under mpirun, data passes
unchanged (`joist doctor --parallel` checks every element). Skips where the system does not let this process make namespaces."""
# ctest: TIMEOUT 180 RUN_SERIAL ON
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

JOIST = os.environ["JOIST"]
TAG = f"j{os.getpid() % 100000}"
HOSTS = {f"{TAG}a": "10.213.77.1", f"{TAG}b": "10.213.77.2"}
A, B = HOSTS


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def inside(host):
    return ["ip", "netns", "exec", host]


def make_hosts():
    for host in HOSTS:
        ip("netns", "add", host)
    ip("link", "add", f"{TAG}0", "netns", A, "type", "veth", "peer", "name", f"{TAG}1", "netns", B)
    for host, device in zip(HOSTS, (f"{TAG}0", f"{TAG}1")):
        ip("-n", host, "addr", "add", HOSTS[host] + "/24", "dev", device)
        ip("-n", host, "link", "set", device, "up")
        ip("-n", host, "link", "set", "lo", "up")


def remove_hosts():
    for host in HOSTS:
        ip("netns", "del", host, check=False)


def check(result, transport, ranks):
    assert result["transport"] == transport, result["transport"]
    assert len(result["ranks"]) == ranks
    assert result["pairs"] and all(pair["wrong_elements"] == 0 for pair in result["pairs"])
    assert result["all_reduce"]["wrong_elements"] == 0
    rates = ", ".join(f'{pair["bytes_per_second"] / 1e9:.2f}' for pair in result["pairs"])
    print(f"{transport}: {ranks} ranks on two hosts, pairs at {rates} GB/s")


def tcp(folder):
    ranks = []
    for rank, host in enumerate((A, B, B, A)):
        environment = dict(os.environ, RANK=str(rank), WORLD_SIZE="4", MASTER_ADDR=HOSTS[A], MASTER_PORT="29611",
                           JOIST_TOKEN="two hosts", OMP_NUM_THREADS="1")
        command = [*inside(host), JOIST, "doctor", "--parallel"]
        if rank == 0:
            command += ["--json", str(folder / "tcp.json")]
        ranks.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    for rank, process in enumerate(ranks):
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, f"rank {rank}: {output}"
    check(json.loads((folder / "tcp.json").read_text()), "tcp", 4)


def mpi(folder):
    if not shutil.which("mpirun"):
        return print("mpi: not tried, mpirun is not installed")
    if not list(pathlib.Path(JOIST).parent.parent.glob("lib/libjoist_mpi.so")):
        return print("mpi: not tried, joist was built without MPI")
    agent = folder / "agent"  # in place of ssh: mpirun starts its daemon in the other namespace
    agent.write_text(f'#!/bin/sh\nshift\nexec ip netns exec {B} unshare --uts sh -c "hostname other-host; $*"\n')
    agent.chmod(0o755)
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="1",
                       OMPI_MCA_mpi_yield_when_idle="1")
    network = "10.213.77.0/24"
    command = [*inside(A), "mpirun", "-np", "2", "--host", ",".join(HOSTS.values()), "--bind-to", "none",
               "--mca", "plm_rsh_agent", str(agent), "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", network,
               "--mca", "oob_tcp_if_include", network, JOIST, "doctor", "--parallel", "--json", str(folder / "mpi.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    check(json.loads((folder / "mpi.json").read_text()), "mpi", 2)


def main():
    if not shutil.which("ip"):
        skip("iproute2 is not installed")
    try:
        make_hosts()
    except subprocess.CalledProcessError as error:
        remove_hosts()
        skip(f"no network namespaces here: {error.stderr.strip()}")
    try:
        with tempfile.TemporaryDirectory() as name:
            tcp(pathlib.Path(name))
            mpi(pathlib.Path(name))
    finally:
        remove_hosts()


main()
