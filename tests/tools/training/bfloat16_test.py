# ctest: TIMEOUT 300
"""--bf16 on the command line: losses fall as float32's do, to 3 % of the first one in the mean of the last epochs; a stopped run goes on with the same
bits; what a run was is written down and kept; a processor without such products is told."""
import csv
import math
import os
import pathlib
import random
import signal
import struct
import sys
import tempfile

from repeat_test import stop_inside
from training_runs import JOIST, make_data, require_equal, result, run, train

TOLERANCE = 0.03
LOSSES = ("loss", "box_loss", "class_loss", "distance_loss")
TEXTS = pathlib.Path(os.environ["JOIST_SOURCE_DIR"]) / "tests/fixtures/language/lora"


def require(truth, what):
    if not truth:
        sys.exit(what)


def losses(out):
    """Of each epoch; of detectors the sum of their parts."""
    with open(out / "log.csv") as file:
        return [sum(float(row[name]) for name in LOSSES if name in row) for row in csv.DictReader(file)]


def make_digits(folder, classes=4, side=28):
    """Noisy stripes as MNIST's files are; a fifth of the labels is wrong, so that the loss does not vanish."""
    folder.mkdir()
    rng = random.Random(1)
    for split, count in (("train", 256), ("t10k", 64)):
        pixels, labels = bytearray(), bytearray()
        for _ in range(count):
            label = rng.randrange(classes)
            for y in range(side):
                for x in range(side):
                    stripe = (x, y, x + y, x - y)[label] // 2 % 2
                    pixels.append(min(255, max(0, int(rng.gauss(90 + 70 * stripe, 60)))))
            labels.append(label if rng.random() < 0.8 else rng.randrange(classes))
        (folder / f"{split}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, count, side, side) + pixels)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels)


def compare(folder, name, run_with, seeds=1):
    """Runs of one command with --bf16 and without, the means over the seeds compared. Returns the first seed's folder with it."""
    out, curves = {}, {False: [], True: []}
    for seed in range(seeds):
        for more in ([], ["--bf16"]):
            at = folder / (name + "".join(more) + (str(seed) if seed else ""))
            run_with(at, [*more, "--seed", seed])
            out.setdefault(bool(more), at)
            curves[bool(more)].append(losses(at))
    exact, half = ([sum(epoch) / seeds for epoch in zip(*curves[kind])] for kind in (False, True))
    require(exact != half, f"{name}: the losses are those of float32 to the last bit")
    require(half[-1] < 0.8 * half[0], f"{name}: the loss does not fall: {half}")
    last, wanted = sum(half[-4:]) / 4, sum(exact[-4:]) / 4
    apart = abs(last - wanted) / exact[0]
    print(f"{name}: float32 {exact[0]:.4f} to {wanted:.4f}, bfloat16 {half[0]:.4f} to {last:.4f}, {apart:.2%} of the first apart")
    require(math.isfinite(last) and apart < TOLERANCE, f"{name}: {half}, {exact} in float32")
    require("\nbf16 = true\n" in (out[True] / "config.toml").read_text(), f"{name}: not in config.toml")
    require("\nbf16 = false\n" in (out[False] / "config.toml").read_text(), f"{name}: not in config.toml")
    return out[True]


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data, val = make_data(folder / "data"), make_data(folder / "val", pictures=4, seed=2)
        length = ["--val", val, "--epochs", 8]
        # One seed's loss moves by 2 % with the rounding of float32 alone.
        boxes = compare(folder, "detector", lambda out, more: train(data, out, *length, *more), seeds=5)
        make_digits(folder / "digits")
        compare(folder, "classifier", lambda out, more: run(
            JOIST, "train", "--data", folder / "digits", "--val", folder / "digits", "--model", "mnist_cnn", "--batch", 16, "--epochs", 8,
            "--lr", 0.003, "--threads", 1, "--out", out, *more))
        compare(folder, "language", lambda out, more: run(
            JOIST, "train", "--task", "language", "--model", TEXTS / "base", "--data", TEXTS / "texts.jsonl", "--lr", 0.01, "--warmup", 0,
            "--batch", 4, "--epochs", 12, "--threads", 1, "--out", out, *more))

        expected = result(boxes)
        out = folder / "stopped"
        require(stop_inside(data, out, signal.SIGTERM, [*length, "--bf16"]) == 143, "SIGTERM: another exit code")
        other = train(data, out, "--resume", "--bf16=false", expect=2)
        require("--bf16 false (the run has true)" in other.stderr, other.stderr)
        run(JOIST, "train", "--resume", "--out", out)
        require_equal(result(out), expected, "resumed")
        run(JOIST, "train", "--config", boxes / "config.toml", "--out", folder / "config")
        require_equal(result(folder / "config"), expected, "from config.toml")
        run(JOIST, "train", "--config", boxes / "config.toml", "--bf16=false", "--out", folder / "exact")
        require_equal(result(folder / "exact"), result(folder / "detector"), "float32 from config.toml")

        # Without the instructions: said, and the same up to rounding.
        short = ["--epochs", 1, "--bf16"]
        here = train(data, folder / "here", *short)
        older = train(data, folder / "older", *short, env={**os.environ, "JOIST_MAX_CPU_ISA": "avx2"})
        said = [line for line in older.stdout.splitlines() if "no bfloat16 products" in line]
        require(len(said) == 1, older.stdout)
        require("bfloat16" not in run(JOIST, "doctor", env={**os.environ, "JOIST_MAX_CPU_ISA": "avx2"}).stdout, "doctor, with AVX2")
        has_products = "bfloat16 products" in run(JOIST, "doctor").stdout
        require(("no bfloat16 products" in here.stdout) != has_products, here.stdout)
        require(abs(losses(folder / "older")[0] / losses(folder / "here")[0] - 1) < 0.01, "an older processor's losses are others")
        wrong = train(data, folder / "wrong", "--epochs", 1, "--bf16=maybe", expect=2)
        require("--bf16" in wrong.stderr and "true or false" in wrong.stderr, wrong.stderr)


if __name__ == "__main__":
    main()
