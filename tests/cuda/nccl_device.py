"""Two ranks on one GPU, with NCCL: nccl_device.py BUILD. With --deterministic=world-size they have the bits of one rank,
and without it the losses of two ranks on the CPU. Exit code 77 with the reason where no GPU can be used.

NCCL refuses one GPU for two ranks of a machine, and takes machines to be different where NCCL_HOSTID is. Their messages go
through sockets then, and few blocks leave the GPU room for the other rank's kernels."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77
SHARED = {"NCCL_P2P_DISABLE": "1", "NCCL_SHM_DISABLE": "1", "NCCL_NET": "Socket", "NCCL_SOCKET_IFNAME": "lo", "NCCL_MAX_CTAS": "2",
          "CUDA_VISIBLE_DEVICES": "0"}
MOST = 120  # seconds of a run
ALIKE = 0.02  # of a loss: sums in another order, over few steps


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def why_no_gpu(joist):
    text = subprocess.run([joist, "doctor"], capture_output=True, text=True, timeout=60).stdout
    line = next((one for one in text.split("\n") if one.startswith("gpu")), "gpu: joist doctor says nothing of it")
    usable = subprocess.run([joist, "bench", "train", "--model", "mnist_cnn", "--batch", "2", "--steps", "1", "--classes", "2",
                             "--device", "cuda"], capture_output=True, text=True, timeout=60)
    return "" if usable.returncode == 0 else " ".join([line.strip(), *usable.stderr.strip().splitlines()[:1]])


def run(command, ranks, environment):
    port = str(free_port())
    processes = []
    for rank in range(ranks):
        own = {**os.environ, **environment}
        if ranks > 1:
            own |= {"RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(ranks),
                    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NCCL_HOSTID": f"rank{rank}"}
        processes.append(subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    try:
        texts = [process.communicate(timeout=MOST)[0] for process in processes]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.kill()
        sys.exit(f"{ranks} ranks hang: {' '.join(command)}")
    if any(process.returncode for process in processes):
        sys.exit(f"{[process.returncode for process in processes]}: {' '.join(command)}\n" + "\n---\n".join(texts))


def main():
    os.environ["JOIST"] = joist = str(pathlib.Path(sys.argv[1]).resolve() / "bin/joist")
    if why := why_no_gpu(joist):
        print(f"no GPU: {why}")
        sys.exit(SKIPPED)
    sys.path.insert(0, str(ROOT / "tests/tools/training"))
    from training_runs import command, log_without_times, make_data, require_equal, result
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = make_data(folder / "boxes", pictures=12)

        def train(out, ranks, device, *more):
            run(command(data, folder / out, "--epochs", 2, "--warmup", 2, "--loader-threads", 1, "--device", device, *more), ranks, SHARED)
            return folder / out

        exact = [train(f"exact{ranks}", ranks, "cuda", "--deterministic=world-size") for ranks in (1, 2)]
        require_equal(result(exact[1]), result(exact[0]), "two ranks on a GPU with --deterministic=world-size")
        logs = [log_without_times(train(device, 2, device, "--optimizer", "sgd")) for device in ("cuda", "cpu")]
        columns = [at for at, column in enumerate(logs[0][0]) if column.endswith("loss")]
        worst = max(abs(float(a[at]) - float(b[at])) / (1e-6 + abs(float(b[at]))) for a, b in zip(logs[0][1:], logs[1][1:]) for at in columns)
        if worst > ALIKE:
            sys.exit(f"two ranks by NCCL have other losses than on the CPU: {worst:.3f} off\n{logs[0]}\n{logs[1]}")
        print(f"two ranks by NCCL: the bits of one; the CPU's losses but for {worst:.2g}")


if __name__ == "__main__":
    main()
