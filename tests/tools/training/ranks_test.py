# ctest: TIMEOUT 300 RUN_SERIAL ON
"""Several processes train one model: with --deterministic=world-size 1, 2, 3 and 4 give the same bits, for the detector (batch norm), a
small transformer (in bfloat16) and a language model; what some saved after SIGTERM on one of them, any other number goes on with; only rank 0 writes and speaks."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from training_runs import JOIST, make_data, require_equal, result, write_png

QUIET = {"OMP_WAIT_POLICY": "passive", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
         "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
         "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none"}


LANGUAGE = pathlib.Path(os.environ["JOIST_SOURCE_DIR"]) / "tests/fixtures/language/lora"
SHAPES = {"detector": ["--size", "64", "--batch", "7"], "transformer": ["--model", "vit_tiny", "--size", "32", "--batch", "9", "--bf16"],
          "language": ["--model", str(LANGUAGE / "base"), "--size", "64", "--batch", "9", "--lora", "r=4"]}


def train_command(data, out, kind, *more):
    shape = SHAPES[kind]
    return [JOIST, "train", "--data", str(data), "--out", str(out), *shape, "--epochs", "2", "--threads", "1", "--loader-threads", "1",
            *([] if kind == "language" else ["--average-tau", "5"]), "--warmup", "2", "--deterministic=world-size", *map(str, more)]


def make_classes(folder):
    rng = random.Random(4)
    for number in range(19):
        place = folder / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        write_png(place / f"{number:02}.png", 40, 40, [bytes(rng.randrange(256) for _ in range(40 * 3)) for _ in range(40)])
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(ranks, command, launcher):
    """The processes of a run; torchrun's variables, or mpirun as the only one."""
    environment = {**os.environ, **QUIET}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    if ranks == 1 and launcher != "mpirun":
        return [subprocess.Popen(command, env=environment, **output)]
    if launcher == "mpirun":
        return [subprocess.Popen(["mpirun", "-np", str(ranks), *command], env=environment, **output)]
    port = str(free_port())
    return [subprocess.Popen(command, env={**environment, "RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank),
                                           "LOCAL_WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}, **output)
            for rank in range(ranks)]


def finish(processes, expect=0):
    """All outputs; ends the test where a process did not end as expected."""
    try:
        texts = [process.communicate(timeout=200)[0] for process in processes]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.kill()
        sys.exit("a process hangs: " + " ".join(map(str, processes[0].args)))
    for process, text in zip(processes, texts):
        if process.returncode != expect:
            sys.exit(f"{' '.join(map(str, process.args))}\nended with {process.returncode}, not {expect}\n" + "\n---\n".join(texts))
    return texts


def main():
    launchers = ["torchrun"] + (["mpirun"] if shutil.which("mpirun") else [])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = {"detector": make_data(folder / "boxes", pictures=14), "transformer": make_classes(folder / "classes"),
                "language": LANGUAGE / "texts.jsonl"}
        for kind, path in data.items():
            alone = folder / f"{kind}1"
            finish(start(1, train_command(path, alone, kind), "none"))
            expected = result(alone)
            for ranks, launcher in ((2, launchers[0]), (4, launchers[-1])) if kind == "detector" else ((3, launchers[0]),):
                out = folder / f"{kind}{ranks}"
                texts = finish(start(ranks, train_command(path, out, kind), launcher))
                require_equal(result(out), expected, f"{kind}, {ranks} ranks by {launcher}")
                if sum(text.count("results: ") for text in texts) != 1:
                    sys.exit("rank 0 alone speaks:\n" + "\n---\n".join(texts))
                if {file.name for file in out.iterdir()} != {file.name for file in alone.iterdir()}:
                    sys.exit(f"other files: {sorted(out.iterdir())}")

        # SIGTERM on the second rank: all save once and end; another number goes on by the same command.
        out = folder / "stopped"
        processes = start(2, train_command(data["detector"], out, "detector", "--resume"), "torchrun")
        until = time.monotonic() + 100
        while not (out / "last.h5").exists() and time.monotonic() < until:
            time.sleep(0.01)
        processes[1].send_signal(signal.SIGTERM)
        texts = finish(processes, expect=128 + signal.SIGTERM)
        if sum(text.count("everything is saved") for text in texts) != 1:
            sys.exit("one rank says that it saved:\n" + "\n---\n".join(texts))
        finish(start(3, train_command(data["detector"], out, "detector", "--resume"), "torchrun"))
        require_equal(result(out), result(folder / "detector1"), "stopped on 2 ranks, finished on 3")


if __name__ == "__main__":
    main()
