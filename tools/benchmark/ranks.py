#!/usr/bin/env python3
"""What several processes cost: pictures per second of the detector yolo_n, trained by one process and through mpirun.

    tools/benchmark/ranks.py                       about five minutes on two cores; the table of the README
    tools/benchmark/ranks.py --repeat 5 --json out.json

Every arrangement trains the same pictures with the same global batch; the arrangements take turns, `--repeat` times. The first
epoch of a run, which decodes the pictures, is left out. Printed are the median of all epochs and the fastest one. On a machine
whose cores others use as well the median says what they did meanwhile; the fastest epoch is the one that was left alone, so the
costs are taken from it.
"""
import argparse
import csv
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2] / "tests" / "tools" / "training"))
from training_runs import make_data  # noqa: E402: pictures drawn with the standard library


def mpirun(ranks):
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return ["mpirun", *root, "--oversubscribe", "--bind-to", "none", "-np", str(ranks)]


def pictures_per_second(joist, data, out, prefix, threads, arguments):
    shutil.rmtree(out, ignore_errors=True)
    command = [*prefix, joist, "train", "--data", str(data), "--out", str(out), "--model", "yolo_n", "--size", str(arguments.size),
               "--batch", str(arguments.batch), "--epochs", str(arguments.epochs), "--mosaic", "0", "--threads", str(threads),
               "--loader-threads", "1", "--save-every", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}\n{done.stderr}")
    rows = list(csv.DictReader((out / "log.csv").read_text().splitlines()))
    return [float(row["samples_per_second"]) for row in rows[1:]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--joist", default=os.environ.get("JOIST", str(HERE.parents[2] / "build" / "release" / "bin" / "joist")))
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    if not shutil.which("mpirun"):
        sys.exit("ranks.py: no mpirun: apt-get install libopenmpi-dev openmpi-bin")

    arrangements = [("one process, 1 thread", [], 1), ("mpirun -np 1, 1 thread", mpirun(1), 1),
                    ("one process, 2 threads", [], 2), ("mpirun -np 2, 1 thread each", mpirun(2), 1)]
    figures = {name: [] for name, _, _ in arrangements}
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(pathlib.Path(folder) / "data", pictures=arguments.pictures, side=arguments.size)
        for _ in range(arguments.repeat):
            for name, prefix, threads in arrangements:
                figures[name].extend(pictures_per_second(arguments.joist, data, pathlib.Path(folder) / "run", prefix, threads, arguments))
    fastest = {name: max(values) for name, values in figures.items()}
    names = list(fastest)
    print(f"yolo_n, {arguments.size}x{arguments.size}, batch {arguments.batch} in all, {os.cpu_count()} cores; pictures/s, "
          f"{arguments.repeat} runs of {arguments.epochs - 1} epochs")
    print(f"{'arrangement':<30}{'fastest':>10}{'median':>10}{'slowest':>10}")
    for name in names:
        print(f"{name:<30}{fastest[name]:>10.2f}{statistics.median(figures[name]):>10.2f}{min(figures[name]):>10.2f}")
    costs = 1 - fastest[names[1]] / fastest[names[0]]
    share = fastest[names[3]] / fastest[names[2]]
    print(f"one rank under mpirun costs {100 * costs:.1f} % (goal: at most 2)")
    print(f"two ranks with one thread reach {share:.3f} of one process with two threads (goal: at least 0.9)")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps({"epochs": figures, "one_rank_costs": costs, "two_ranks_reach": share}, indent=1))


if __name__ == "__main__":
    main()
