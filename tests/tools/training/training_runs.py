"""Small training runs for the tests of this folder: pictures drawn with the standard library only, and the command run on them."""
import hashlib
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import zlib

JOIST = os.environ.get("JOIST", "joist")
SETTINGS = ["--size", "64", "--batch", "4", "--threads", "1", "--average-tau", "5"]


def write_png(path, width, height, rows):
    """rows: bytes of width * 3 each."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 1)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", data) + chunk(b"IEND", b""))


def make_data(folder, pictures=12, seed=1, side=64):
    """A COCO data set of noisy pictures with red and green rectangles. Returns the annotation file."""
    rng = random.Random(seed)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    images, annotations = [], []
    for number in range(pictures):
        pixels = [bytearray(rng.randrange(60, 90) for _ in range(side * 3)) for _ in range(side)]
        for _ in range(rng.randint(1, 3)):
            width, height = rng.randint(12, 28), rng.randint(12, 28)
            x, y = rng.randint(0, side - width), rng.randint(0, side - height)
            category = rng.randint(1, 2)
            colour = bytes([220, 40, 40]) if category == 1 else bytes([40, 200, 60])
            for row in pixels[y:y + height]:
                row[x * 3:(x + width) * 3] = colour * width
            annotations.append({"id": len(annotations) + 1, "image_id": number + 1, "category_id": category,
                                "bbox": [x, y, width, height], "area": width * height, "iscrowd": 0})
        name = f"picture{number:03}.png"
        write_png(folder / name, side, side, [bytes(row) for row in pixels])
        images.append({"id": number + 1, "file_name": name, "width": side, "height": side})
    file = folder / "annotations.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations,
                                "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "green"}]}))
    return file


def command(data, out, *more):
    return [JOIST, "train", "--data", str(data), "--out", str(out), *SETTINGS, *map(str, more)]


def run(*arguments, expect=0, **keywords):
    """Runs a command to its end; returns it, with its output."""
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=300, **keywords)
    if expect is not None and done.returncode != expect:
        sys.exit(f"{' '.join(map(str, arguments))}\nended with {done.returncode}, not {expect}\n{done.stdout}\n{done.stderr}")
    return done


def train(data, out, *more, expect=0, **keywords):
    return run(*command(data, out, *more), expect=expect, **keywords)


def digests(file):
    """SHA-256 of every array of a checkpoint: weights, average, optimizer."""
    listing = pathlib.Path(str(file) + ".json")
    run(JOIST, "inspect", file, "--digests", "--json", listing)
    return {entry["name"]: entry["sha256"] for entry in json.loads(listing.read_text())}


def log_without_times(out):
    """log.csv but for the columns that tell how fast it was."""
    rows = [line.split(",") for line in (pathlib.Path(out) / "log.csv").read_text().splitlines()]
    kept = [i for i, name in enumerate(rows[0]) if name not in ("seconds", "samples_per_second")]
    return [[row[i] for i in kept] for row in rows]


def result(out):
    """All that must be the same in two runs that are the same."""
    out = pathlib.Path(out)
    return {"last": digests(out / "last.h5"), "best": hashlib.sha256((out / "best.h5").read_bytes()).hexdigest(),
            "log": log_without_times(out)}


def require_equal(found, expected, what):
    if found == expected:
        return
    for part in expected:
        if found[part] != expected[part]:
            if isinstance(expected[part], dict):
                differing = [name for name in expected[part] if found[part].get(name) != expected[part][name]]
                print(f"{part}: {len(differing)} arrays differ, first {differing[:3]}")
            else:
                print(f"{part}:\n  {found[part]}\n  expected\n  {expected[part]}")
    sys.exit(f"{what}: not the same")
