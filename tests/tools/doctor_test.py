"""joist doctor --parallel and --predict: alone, as two ranks by TCP, what it finds wrong, and the figures of the cost model."""
# ctest: TIMEOUT 120
import json
import os
import pathlib
import socket
import subprocess
import tempfile

JOIST = os.environ["JOIST"]


def run(*words, **more):
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    environment.update(more)
    return subprocess.Popen([JOIST, "doctor", *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)


def finished(process, code=0):
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, (process.returncode, output)
    return output


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def two_ranks(file, threads):
    port = free_port()
    ranks = [run("--parallel", "--json", str(file), RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1",
                 MASTER_PORT=port, OMP_NUM_THREADS=threads) for rank in (0, 1)]
    outputs = [finished(rank) for rank in ranks]
    assert "rank 0 of 2 (local 0), launcher kubeflow, met by tcp at 127.0.0.1:" + port in outputs[0], outputs[0]
    assert outputs[1] == "", outputs[1]  # rank 0 speaks for all
    return json.loads(file.read_text())


with tempfile.TemporaryDirectory() as name:
    file = pathlib.Path(name) / "doctor.json"
    output = finished(run("--parallel", "--json", str(file)))
    assert "one process" in output and "every element right" in output, output
    alone = json.loads(file.read_text())
    assert alone["transport"] == "threads" and len(alone["ranks"]) == 2 and alone["problems"] == []

    result = two_ranks(file, "1")
    assert result["transport"] == "tcp" and result["pairs"][0]["wrong_elements"] == 0
    assert result["all_reduce"]["bytes"] == 16 << 20 and result["all_reduce"]["bus_bytes_per_second"] > 0
    assert [problem["what"] for problem in result["problems"]] == ["the ranks met without a secret"]
    crowded = [problem["what"] for problem in two_ranks(file, "4096")["problems"]]
    assert any("2 ranks with 8192 threads together share" in what for what in crowded), crowded

    output = finished(run("--parallel", RANK="0", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="x"), 2)
    assert '"x" is not a number' in output, output

    finished(run("--predict", "--nodes", "128", "--node-gigabits", "25", "--json", str(file)))
    rows = json.loads(file.read_text())
    assert [row["ranks"] for row in rows] == [8, 16, 32, 64, 128, 256, 512, 1024]
    assert abs(rows[-1]["efficiency"] - 0.53) < 0.01 and abs(rows[-1]["overlapped_efficiency"] - 0.75) < 0.01, rows[-1]
    assert "--predict" in finished(run("--nodes", "4"), 2)
