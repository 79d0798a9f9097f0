"""What helps with small sets, from the command line: trials, freezing, balancing, patience, mirror images, tiles."""
import json
import pathlib
import unittest

from preview_test import Preview as Pictures, png, run


class SmallSets(Pictures):
    # Only the pictures of the other test, not its tests.
    for name in [name for name in dir(Pictures) if name.startswith("test")]:
        locals()[name] = None

    def train(self, out, *arguments, **expected):
        return run("train", "--data", self.at / "train.json", "--val", self.at / "train.json", "--size", 64, "--batch", 4,
                   "--threads", 1, "--out", self.at / out, *arguments, **expected)

    def test_trials_before_a_training(self):
        self.train("rate", "--find-rate", "--epochs", 1)
        found = json.loads((self.at / "rate" / "find_rate.json").read_text())
        self.assertGreater(len(found["points"]), 20)
        self.assertIn("svg", (self.at / "rate" / "find_rate.html").read_text())
        self.assertFalse((self.at / "rate" / "last.h5").exists())
        done = self.train("test", "--overfit-one-batch", "--epochs", 1, "--mosaic", 0, "--size", 128)
        self.assertIn("one batch can be learnt", done.stdout)
        self.assertTrue(json.loads((self.at / "test" / "overfit.json").read_text())["passed"])
        done = self.train("test", "--overfit-one-batch", "--epochs", 1, "--lr", "1e-9", "--size", 32, "--batch", 2, expect=3)
        self.assertIn("learns a single batch", done.stderr)

    def test_nothing_found_is_explained(self):
        done = self.train("short", "--epochs", 3, "--lr", "1e-8")
        for part in ("AP is still 0.0000 after 3 steps", "4 pictures are few", "steps are few", "learn each object"):
            self.assertIn(part, done.stderr)

    def test_options_of_a_run_are_kept_and_checked(self):
        self.train("run", "--epochs", 2, "--balance", "0.5", "--class-weights", "0.5", "--freeze", "stem,down*,stage*", "--patience", 5,
                   "--unreadable", "skip", "--cache-folder", self.at / "kept")
        text = (self.at / "run" / "config.toml").read_text()
        for part in ("balance = 0.5", "class-weights = 0.5", 'freeze = "stem,down*,stage*"', "patience = 5", 'unreadable = "skip"'):
            self.assertIn(part, text)
        self.assertEqual(len(list((self.at / "kept").rglob("*.pixels"))), 4)
        self.assertIn("stemm", self.train("x", "--epochs", 1, "--freeze", "stemm", expect=2).stderr)
        self.assertIn("--balance", self.train("x", "--epochs", 1, "--balance", 2, expect=2).stderr)

    def test_sizes_change_the_same_way_again_and_the_batch_is_chosen(self):
        logs = []
        for name in ("a", "b"):
            run("train", "--data", self.at / "train.json", "--size", 64, "--batch", 0, "--threads", 1, "--epochs", 2,
                "--multi-scale", "0.5", "--close-mosaic", 0, "--out", self.at / name)
            logs.append([row.split(",")[:6] for row in (self.at / name / "log.csv").read_text().splitlines()])
        self.assertEqual(logs[0], logs[1])
        self.assertIn("\nbatch = 2\n", (self.at / "a" / "config.toml").read_text())  # of four pictures
        run("train", "--data", self.at / "train.json", "--size", 64, "--batch", 2, "--threads", 1, "--epochs", 2,
            "--close-mosaic", 0, "--out", self.at / "c")
        self.assertNotEqual(logs[0], [row.split(",")[:6] for row in (self.at / "c" / "log.csv").read_text().splitlines()])

    def test_a_picture_that_cannot_be_read_is_named(self):
        victim = self.at / "工地2.png"
        data = bytearray(victim.read_bytes())
        data[60] ^= 255  # inside the compressed rows: headers and end are whole
        victim.write_bytes(data)
        done = self.train("strict", "--epochs", 1, expect=3)
        self.assertIn("工地2.png", done.stderr)
        done = run("train", "--data", self.at / "train.json", "--size", 32, "--batch", 2, "--threads", 1, "--epochs", 1, "--out",
                   self.at / "lenient", "--unreadable", "skip")
        self.assertIn("1 training pictures could not be read", done.stderr)
        self.assertIn("工地2.png", done.stderr)

    def test_mirror_images_find_the_same_on_symmetric_pictures(self):
        self.train("run", "--epochs", 1)
        model = self.at / "run" / "best.h5"
        run("eval", "--model", model, "--data", self.at / "train.json", "--mirror", "--json", self.at / "ap.json")
        self.assertIn("AP", json.loads((self.at / "ap.json").read_text()))
        png(self.at / "even.png", 80, 60, (90, 120, 200))
        run("predict", "--model", model, "--source", self.at / "even.png", "--out", self.at / "seen", "--json",
            self.at / "found.json", "--confidence", "0.0001", "--overlap", "1", "--mirror")
        boxes = json.loads((self.at / "found.json").read_text())
        # Even pictures are their own mirror images: each box has a twin.
        x = sorted(round(one["bbox"][0] + one["bbox"][2] / 2 - 40, 2) for one in boxes)
        self.assertTrue(boxes)
        for left, right in zip(x, reversed(x)):
            self.assertAlmostEqual(left, -right, delta=0.3)


del Pictures

if __name__ == "__main__":
    unittest.main()
