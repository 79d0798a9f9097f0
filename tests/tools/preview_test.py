"""joist data preview: the pictures of a training with a list of one's own, and what is refused."""
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest
import zlib

JOIST = os.environ["JOIST"]


def run(*arguments, expect=0):
    done = subprocess.run([JOIST, *map(str, arguments)], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == expect, (arguments, done.returncode, done.stdout, done.stderr)
    return done


def png(path, width, height, colour, box=None):
    """One colour, and a dark box (x, y, width, height)."""
    x, y, w, h = box or (0, 0, 0, 0)
    plain = b"\0" + bytes(colour) * width
    dark = b"\0" + bytes(colour) * x + bytes((20, 10, 60)) * w + bytes(colour) * (width - x - w)
    rows = b"".join(dark if y <= row < y + h else plain for row in range(height))
    chunk = lambda name, body: struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Preview(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.folder.name)
        images, annotations = [], []
        for i in range(4):
            png(self.at / f"工地{i}.png", 80 + i, 60, (40 * i, 200, 90), (10, 12, 30, 20))
            images.append({"id": i + 1, "file_name": f"工地{i}.png", "width": 80 + i, "height": 60})
            annotations.append({"id": i + 1, "image_id": i + 1, "category_id": 1, "bbox": [10, 12, 30, 20], "area": 600,
                                "iscrowd": 0})
        (self.at / "train.json").write_text(json.dumps(
            {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "安全帽"}]}))

    def tearDown(self):
        self.folder.cleanup()

    def preview(self, *arguments, **expected):
        return run("data", "preview", self.at / "train.json", "--out", self.at / "out", *arguments, **expected)

    def result(self):
        return json.loads((self.at / "out" / "preview.json").read_text())

    def test_shows_the_list_of_a_configuration_file(self):
        (self.at / "run.toml").write_text('[[augment]]\nop = "flip_horizontal"\np = 1\n\n[[augment]]\nop = "one_of"\n'
                                          'of = [{op = "rain"}, {op = "fog", strength = 0.3}]\n')
        self.preview("--config", self.at / "run.toml", "--count", 4, "--size", 80)
        result = self.result()
        self.assertEqual(len(result["pictures"]), 4)
        self.assertIn("strength = 0.3", result["augment"])
        picture = result["pictures"][0]
        self.assertEqual(picture["boxes"][0]["class"], "安全帽")
        for value, expected in zip(picture["boxes"][0]["box"], [40, 22, 30, 20]):  # mirrored, in the middle of 80 × 80
            self.assertAlmostEqual(value, expected, delta=0.01)
        page = (self.at / "out" / "preview.html").read_text()
        self.assertIn("flip_horizontal", page)
        self.assertNotIn("http://", page)
        self.assertEqual((self.at / "out" / "preview.png").read_bytes()[:4], b"\x89PNG")

    def test_is_the_same_again_and_differs_by_epoch(self):
        def boxes(*arguments):
            self.preview("--augment", "site", "--size", 64, "--count", 6, *arguments)
            return [p["boxes"] for p in self.result()["pictures"]], (self.at / "out" / "preview.png").read_bytes()
        first = boxes()
        self.assertEqual(first, boxes())
        self.assertNotEqual(first, boxes("--epoch", 1))

    def test_lists_what_there_is(self):
        self.assertIn("copy_paste", run("data", "preview", "--operations").stdout)
        text = run("data", "preview", "--list", "small").stdout
        (self.at / "small.toml").write_text(text)
        self.preview("--config", self.at / "small.toml", "--count", 2, "--size", 64)
        self.assertEqual(self.result()["augment"], text)
        self.preview("--each", "--size", 48)
        self.assertGreater(len(self.result()["pictures"]), 100)

    def test_names_what_is_wrong_with_a_list(self):
        for text, parts in (('[[augment]]\nop = "fogg"\n', ["list.toml:1", "fogg", "fog"]),
                            ('[[augment]]\nop = "fog"\nstrenth = 1\n', ["strenth", "strength"]),
                            ('[[augment]]\nop = "fog"\nstrength = 7\n', ["strength is 7", "0 to 1"]),
                            ('[[augment]]\nstrength = 7\n', ["op ="]),
                            ('augment = 3\n', ["augment"]),
                            ('augment = "snow"\n', ["snow", "site"])):
            (self.at / "list.toml").write_text(text)
            done = self.preview("--config", self.at / "list.toml", expect=2)
            for part in parts:
                self.assertIn(part, done.stderr)
        self.assertIn("--count", self.preview("--count", 0, expect=2).stderr)
        run("data", "preview", expect=2)
        done = run("train", "--data", self.at / "train.json", "--augment", "site", "--mosaic", "0.5", "--epochs", 1,
                   "--labels", "drop", "--out", self.at / "run", expect=2)
        self.assertIn("--mosaic", done.stderr)

    def test_a_run_with_a_list_trains_repeats_and_records_it(self):
        (self.at / "run.toml").write_text('epochs = 1\nbatch = 2\nsize = 32\nthreads = 1\n[[augment]]\nop = "mosaic"\n'
                                          '[[augment]]\nop = "affine"\n[[augment]]\nop = "mixup"\np = 0.5\n')
        logs = []
        for name in ("a", "b"):
            run("train", "--config", self.at / "run.toml", "--data", self.at / "train.json", "--out", self.at / name)
            logs.append([row.split(",")[:6] for row in (self.at / name / "log.csv").read_text().splitlines()])
        self.assertEqual(logs[0], logs[1])
        self.assertIn('op = "mixup", p = 0.5', (self.at / "a" / "config.toml").read_text())
        run("train", "--config", self.at / "a" / "config.toml", "--out", self.at / "c")
        self.assertEqual(logs[0], [row.split(",")[:6] for row in (self.at / "c" / "log.csv").read_text().splitlines()])

    def test_tiles_go_with_the_model(self):
        run("train", "--data", self.at / "train.json", "--val", self.at / "train.json", "--tile", 48, "--size", 32,
            "--batch", 4, "--epochs", 1, "--threads", 1, "--out", self.at / "run")
        best = self.at / "run" / "best.h5"
        found = {}
        for model in (best, self.at / "run" / "last.h5"):
            run("predict", "--model", model, "--source", self.at, "--out", self.at / "seen", "--json", self.at / "found.json",
                "--confidence", "0.001")
            found[model] = json.loads((self.at / "found.json").read_text())
        self.assertTrue(any(one["bbox"][0] + one["bbox"][2] > 50 for one in found[best]))  # beyond the first tile
        run("eval", "--model", best, "--data", self.at / "train.json", "--json", self.at / "ap.json")
        ap = json.loads((self.at / "ap.json").read_text())
        recorded = json.loads((self.at / "run" / "metrics.json").read_text())
        self.assertAlmostEqual(ap["AP"], recorded["best"]["AP"] if "best" in recorded else recorded["AP"], places=6)
        run("train", "--data", self.at / "train.json", "--tile", 48, "--tile-overlap", "0.95", "--epochs", 1, "--out",
            self.at / "x", expect=2)


if __name__ == "__main__":
    unittest.main()
