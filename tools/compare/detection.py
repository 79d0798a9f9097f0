#!/usr/bin/env python3
"""joist and Ultralytics on the same annotated pictures, on the same machine: the loader's rate, and what is learnt in the same time.

python3 tools/compare/detection.py loader --data site/train.json
    pictures per second and memory of the whole training pipeline, without a model
python3 tools/compare/detection.py train --data site/train.json --val site/val.json --time 20m --seeds 1,2,3
    yolo_n and YOLOv8n from scratch, each for that time; both measured by joist's COCO numbers (pycocotools')
Exit code: 0 done, 1 a side failed, 2 wrong usage.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

import figures

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
UNITS = {"s": 1, "m": 60, "h": 3600}
USUAL_BATCH = 16
SLACK = 1800  # seconds that a run may take beyond its time, for evaluation


def duration(text):
    found = re.fullmatch(r"([0-9.]+)([smh])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a duration such as 20m")
    return float(found[1]) * UNITS[found[2]]


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0))
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data", type=pathlib.Path, required=True, help="annotated pictures to learn from, in any format that joist reads")
    shared.add_argument("--size", type=int, default=320, help="side of the model's input (default 320)")
    shared.add_argument("--batch", type=int, help="of both sides (default: 16; joist chooses its own for training)")
    shared.add_argument("--joist", type=pathlib.Path, default=ROOT / "build/release/bin/joist", help="the command")
    shared.add_argument("--python", type=pathlib.Path, default=ROOT / "build/venv/bin/python3", help="one that has Ultralytics")
    shared.add_argument("--work", type=pathlib.Path, default=ROOT / "build/compare", help="folder of files in between and of the result")
    parts = parser.add_subparsers(dest="task", required=True)
    loader = parts.add_parser("loader", parents=[shared], help="pictures per second of the loaders")
    loader.add_argument("--epochs", type=int, default=3, help="measured, the first one too; at least 2 (default 3)")
    loader.add_argument("--workers", default="0,2", help="Ultralytics' worker processes, with commas between (default 0,2)")
    train = parts.add_parser("train", parents=[shared], help="what is learnt in the same time")
    train.add_argument("--val", type=pathlib.Path, required=True, help="annotated pictures to measure on")
    train.add_argument("--time", default="20m", help="of each training (default 20m)")
    train.add_argument("--seeds", default="0", help="with commas between (default 0)")
    train.add_argument("--threads", type=int, default=cores, help="of each side (default: all cores)")
    train.add_argument("--only", choices=["joist", "ultralytics"], help="one side")
    given = parser.parse_args(arguments)
    if given.task == "loader" and given.epochs < 2:
        parser.error(f"--epochs {given.epochs}: expected at least 2")
    if given.task == "train":
        try:
            duration(given.time)
        except argparse.ArgumentTypeError as error:
            parser.error(f"--time {error}")
    for name in ("data", "val", "joist", "python"):
        place = getattr(given, name, None)
        if place is not None and not place.exists():
            parser.error(f"--{name} {place}: no such file or folder")
    return given


class Failed(Exception):
    """A process ended badly; the text is the end of what it said."""


def run(*command, limit=SLACK, **environment):
    done = subprocess.run([str(part) for part in command], env={**os.environ, **environment}, capture_output=True, text=True,
                          timeout=limit, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\nended with {done.returncode}: "
                     + "\n".join((done.stdout + done.stderr).strip().split("\n")[-8:]))
    return done.stdout


def read(file):
    return json.loads(file.read_text(encoding="utf-8"))


class Sets:
    """The pictures as Ultralytics takes them: YOLO folders, made by joist data convert."""

    def __init__(self, given):
        self.given = given
        self.work = given.work / "detection"
        self.work.mkdir(parents=True, exist_ok=True)
        self.train = self.convert(given.data, "train")
        self.val = self.convert(given.val, "val") if given.task == "train" else self.train
        names = next(self.train.glob("*.yaml")).read_text(encoding="utf-8")
        names = names[names.index("names:"):]
        self.yaml = self.work / "both.yaml"
        self.yaml.write_text(f"train: {self.train.resolve() / 'images'}\nval: {self.val.resolve() / 'images'}\n{names}", encoding="utf-8")

    def convert(self, source, name):
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        run(self.given.joist, "data", "convert", source, "--to", "yolo", "--out", folder)
        return folder

    def peer(self, task, file, *more, threads=1, limit=SLACK):
        run(self.given.python, HERE / "ultralytics_run.py", task, "--data", self.yaml, "--size", self.given.size, "--batch",
            self.given.batch or USUAL_BATCH, "--threads", threads, "--json", file, *more, limit=limit, YOLO_OFFLINE="true",
            OMP_NUM_THREADS=str(threads), PYTHONDONTWRITEBYTECODE="1")
        return read(file)


def compare_loaders(given, sets, say):
    rows = []
    for workers in map(int, given.workers.split(",")):
        threads = max(1, workers)
        ours = sets.work / "loader-joist.json"
        run(given.joist, "bench", "loader", "--data", given.data, "--size", given.size, "--batch", given.batch or USUAL_BATCH,
            "--threads", threads, "--epochs", given.epochs, "--json", ours)
        theirs = sets.peer("loader", sets.work / "loader-ultralytics.json", "--workers", workers, "--epochs", given.epochs)
        rows.append({"threads": threads, "workers": workers, "joist": read(ours), "ultralytics": theirs})
        say(loader_line(rows[-1]))
    return {"loaders": rows}


def loader_line(row):
    ours, theirs = row["joist"], row["ultralytics"]["per_epoch"]
    first = ours["first_epoch_pictures_per_second"], theirs[0]["pictures_per_second"]
    later = ours["pictures_per_second"], statistics.mean(one["pictures_per_second"] for one in theirs[1:])
    memory = ours["peak_rss_bytes"] / 1e6, max(one["pss_bytes"] for one in theirs) / 1e6
    return (f"{row['threads']} threads: joist {first[0]:.0f} pictures/s in the first epoch, {later[0]:.0f} later, {memory[0]:.0f} MB; "
            f"Ultralytics with {row['workers']} workers {first[1]:.0f}, {later[1]:.0f}, {memory[1]:.0f} MB; ratios "
            f"{first[0] / first[1]:.2f}, {later[0] / later[1]:.2f}; memory {memory[0] / memory[1]:.2f}")


def numbers_of(file):
    found = read(file)
    return {"AP": found["AP"], "AP50": found["AP50"], **{one["name"]: one["AP"] for one in found["per_class"]}}


def train_joist(given, sets, seed):
    out = sets.work / f"joist-{seed}"
    shutil.rmtree(out, ignore_errors=True)
    run(given.joist, "train", "--data", given.data, "--val", given.val, "--time", given.time, "--seed", seed, "--size", given.size,
        *(["--batch", given.batch] if given.batch else []), "--threads", given.threads, "--out", out, limit=duration(given.time) + SLACK)
    file = sets.work / f"joist-{seed}.json"
    # The last weights: the best ones were chosen on the very pictures that are measured here.
    run(given.joist, "eval", "--model", out / "last.h5", "--data", given.val, "--threads", given.threads, "--json", file)
    return {"side": "joist", "seed": seed, "epochs": read(out / "metrics.json")["epoch"], **numbers_of(file)}


def train_peer(given, sets, seed):
    boxes, file = sets.work / "boxes.json", sets.work / f"ultralytics-{seed}.json"
    truth = sets.work / "truth.json"
    run(given.joist, "data", "convert", given.val, "--to", "coco", "--out", truth)
    told = sets.peer("train", sets.work / "run.json", "--hours", duration(given.time) / 3600, "--seed", seed, "--truth", truth,
                     "--boxes", boxes, "--out", sets.work / "ultralytics", threads=given.threads, limit=duration(given.time) + SLACK)
    run(given.joist, "metrics", "coco", "--truth", truth, "--detections", boxes, "--json", file)
    return {"side": "ultralytics", "seed": seed, "epochs": told["epochs"], **numbers_of(file)}


SIDES = {"joist": train_joist, "ultralytics": train_peer}


def compare_trainings(given, sets, say):
    rows = []
    for seed in map(int, given.seeds.split(",")):
        for side in [given.only] if given.only else SIDES:
            rows.append(SIDES[side](given, sets, seed))
            say(", ".join(f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in rows[-1].items()))
    means = {}
    for side in dict.fromkeys(row["side"] for row in rows):
        mine = [row for row in rows if row["side"] == side]
        means[side] = {key: statistics.mean(row[key] for row in mine) for key in mine[0] if isinstance(mine[0][key], float)}
        say(f"{side}, mean of {len(mine)}: " + ", ".join(f"{key} {value:.3f}" for key, value in means[side].items()))
    return {"time": given.time, "threads": given.threads, "runs": rows, "means": means}


def main(arguments=None):
    given = options(arguments)
    try:
        sets = Sets(given)
        outcome = (compare_loaders if given.task == "loader" else compare_trainings)(given, sets, lambda text: print(text, flush=True))
    except (Failed, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    file = given.work / f"detection-{given.task}.json"
    file.write_text(json.dumps({"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                                "processor": figures.processor(), "data": str(given.data), **outcome}, indent=1) + "\n", encoding="utf-8")
    print(f"All figures: {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
