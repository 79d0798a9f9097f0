# ctest: TIMEOUT 300
"""Evaluation that people act on: reports, runs compared, cameras left out, labels made beforehand, exports compared with their source."""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "training"))
from training_runs import JOIST, SETTINGS, make_data, run, write_png

CAMERAS = ["大门", "yard", "crane"]


def make_site(folder, pictures):
    """make_data's pictures as those of three cameras, with a Chinese class."""
    file = make_data(folder, pictures)
    data = json.loads(file.read_text())
    for i, image in enumerate(data["images"]):
        name = f"{CAMERAS[i % 3]}_{i:03}.png"
        (file.parent / image["file_name"]).rename(file.parent / name)
        image["file_name"] = name
    data["categories"][0]["name"] = "安全帽"
    file.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return file


def fetches_nothing(html):
    return not re.search(r"(src|href)=[\"']?(https?:)?//", html)


class Evaluation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="joist-评估-")
        cls.at = pathlib.Path(cls.temporary.name)
        cls.data = make_site(cls.at / "工地", 18)
        run(JOIST, "train", "--data", cls.data, "--val", cls.data, *SETTINGS, "--epochs", 24, "--mosaic", 0,
            "--average-decay", 0, "--warmup", 20, "--lr", "0.004", "--evaluate-every", 8, "--out", cls.at / "runs" / "a")
        cls.model = cls.at / "runs" / "a" / "best.h5"

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_a_report_with_all_its_parts(self):
        out = self.at / "eval"
        done = run(JOIST, "eval", "--model", self.model, "--data", self.data, "--group", "prefix", "--draws", 50, "--false-alarms",
                   "0.5,2", "--out", out, "--json", self.at / "ap.json")
        self.assertIn("AP50 without its mistakes", done.stdout)
        self.assertIn("3 groups of pictures", done.stdout)
        html = (out / "report.html").read_text(encoding="utf-8")
        for part in ("How good it is", "What goes wrong", "Curves", "What is taken for what", "Which confidence to ask for",
                     "By camera or video", "Labels to look at again", "安全帽", "大门", "<svg", "data:image/jpeg;base64"):
            self.assertTrue(part in html, part)
        self.assertTrue(fetches_nothing(html))
        numbers = json.loads((out / "report.json").read_text())
        self.assertEqual(numbers, json.loads((self.at / "ap.json").read_text()))
        self.assertGreater(numbers["AP50"], 0, "the model has learnt something")
        self.assertLessEqual(numbers["intervals"]["AP"][0], numbers["AP"])
        self.assertGreaterEqual(numbers["intervals"]["AP"][1], numbers["AP"])
        self.assertEqual([one["name"] for one in numbers["groups"]], sorted(CAMERAS))
        self.assertEqual(numbers["confusion"]["classes"], ["安全帽", "green", "background"])
        objects = {one["name"]: one["truths"] for one in numbers["per_class"]}
        for column, name in enumerate(["安全帽", "green"]):
            self.assertEqual(sum(row[column] for row in numbers["confusion"]["counts"]), objects[name])
        self.assertEqual({one["kind"] for one in numbers["errors"]},
                         {"localisation", "classification", "duplicate", "background", "both", "missed"})
        for one in numbers["thresholds"]:
            for point in one["budgets"]:
                self.assertLessEqual(point["false_alarms_per_picture"], point["budget"])

    def test_a_training_ends_with_it(self):
        folder = self.at / "runs" / "a"
        numbers, metrics = (json.loads((folder / name).read_text()) for name in ("evaluation.json", "metrics.json"))
        self.assertEqual(numbers["AP"], metrics["AP"])
        html = (folder / "report.html").read_text(encoding="utf-8")
        for part in ("What goes wrong", "The worst pictures", "Course", "Configuration"):
            self.assertTrue(part in html, part)

    def test_a_camera_is_left_out(self):
        done = run(JOIST, "train", "--data", self.data, *SETTINGS, "--epochs", 1, "--group", "prefix", "--leave-out", "大门", "--out",
                   self.at / "runs" / "b")
        self.assertIn("left out of training: 大门: 6 pictures", done.stdout)
        worst = json.loads((self.at / "runs" / "b" / "evaluation.json").read_text())["worst_pictures"]
        self.assertTrue(worst and all("大门" in one["file_name"] for one in worst))
        wrong = run(JOIST, "train", "--data", self.data, *SETTINGS, "--epochs", 1, "--group", "prefix", "--leave-out", "gate", "--out",
                    self.at / "x", expect=2)
        self.assertIn("crane, yard, 大门", wrong.stderr)
        # Runs side by side.
        page, listing = self.at / "compared.html", self.at / "runs.json"
        done = run(JOIST, "runs", self.at / "runs", "--out", page, "--json", listing)
        self.assertLess(done.stdout.index("\na "), done.stdout.index("\nb "), "the best first")
        self.assertIn("set differently: ", done.stdout)
        runs = json.loads(listing.read_text())
        self.assertEqual([one["name"] for one in runs], ["a", "b"])
        self.assertEqual(runs[1]["options"]["leave-out"], "大门")
        html = page.read_text(encoding="utf-8")
        for part in ("What was set differently", "leave-out", "大门", "Course", "<svg"):
            self.assertTrue(part in html, part)
        self.assertTrue(fetches_nothing(html))
        self.assertIn("no runs here", run(JOIST, "runs", self.at / "工地", expect=3).stderr)
        # A run that was stopped goes on without the same camera.
        stopped = subprocess.Popen(
            list(map(str, [JOIST, "train", "--data", self.data, *SETTINGS, "--epochs", 4, "--group", "prefix", "--leave-out", "大门", "--out",
                           self.at / "stopped"])), stdout=subprocess.PIPE, text=True)
        for line in stopped.stdout:
            if line.startswith("epoch   1"):
                stopped.send_signal(signal.SIGTERM)
                break
        stopped.stdout.read()
        self.assertEqual(stopped.wait(), 128 + signal.SIGTERM)
        done = run(JOIST, "train", "--resume", "--out", self.at / "stopped")
        self.assertIn("left out of training: 大门: 6 pictures", done.stdout)
        self.assertEqual(json.loads((self.at / "stopped" / "metrics.json").read_text())["epochs"], 4)

    def test_labels_made_beforehand(self):
        out = self.at / "found"
        run(JOIST, "predict", "--model", self.model, "--source", self.at / "工地", "--out", out, "--to", "cvat", "--json", out / "boxes.json")
        boxes = json.loads((out / "boxes.json").read_text())
        text = "".join(file.read_text(encoding="utf-8") for file in (out / "labels").rglob("*.xml"))
        self.assertEqual(text.count("<box "), len(boxes))
        self.assertIn("安全帽", text)
        order = json.loads((out / "order.json").read_text())
        self.assertEqual(len(order), 18)
        doubts = [one["expected_mistakes"] for one in order]
        self.assertEqual(doubts, sorted(doubts, reverse=True))
        self.assertIn("Label these first", (out / "order.html").read_text())
        self.assertIn("cvat", run(JOIST, "predict", "--model", self.model, "--source", self.at / "工地", "--out", out, "--to", "cvatt",
                                  expect=2).stderr)

    def test_an_export_is_compared_with_its_source(self):
        expected = None
        for name, more in {"one": [], "any": ["--batch", 0], "four": ["--batch", 4], "nms": ["--batch", 0, "--nms"]}.items():
            file, result = self.at / f"{name}.onnx", self.at / f"{name}.json"
            done = run(JOIST, "export", "--model", self.model, "--to", file, "--verify", self.data, "--json", result, *more)
            self.assertIn("verified on 18 pictures", done.stdout)
            parity = json.loads(result.read_text())
            self.assertTrue(parity["passed"])
            self.assertLess(parity["score_difference"], 1e-4)
            self.assertEqual(parity["metric_change"], 0)
            run(JOIST, "eval", "--model", file, "--data", self.data, "--draws", 20, "--json", self.at / "onnx.json")
            numbers = json.loads((self.at / "onnx.json").read_text())
            expected = expected or numbers
            self.assertAlmostEqual(numbers["AP"], expected["AP"], delta=1e-6)
        # Pictures without labels: no AP.
        for picture in (self.at / "工地").glob("*.png"):
            (self.at / "photos").mkdir(exist_ok=True)
            (self.at / "photos" / picture.name).write_bytes(picture.read_bytes())
        run(JOIST, "export", "--model", self.model, "--to", self.at / "p.onnx", "--verify", self.at / "photos", "--pictures", 5, "--json",
            self.at / "p.json")
        parity = json.loads((self.at / "p.json").read_text())
        self.assertEqual(parity["pictures"], 5)
        self.assertNotIn("metric_source", parity)
        # No tolerance at all: rounding is enough to fail, and nothing is written.
        failed = run(JOIST, "export", "--model", self.model, "--to", self.at / "no.onnx", "--verify", self.data, "--tolerance", 0, expect=None)
        if failed.returncode != 0:
            self.assertEqual(failed.returncode, 3)
            self.assertFalse((self.at / "no.onnx").exists())

    def test_classifiers_have_a_report_too(self):
        folder = self.at / "分类"
        folder.mkdir()
        rows = ["filename,label,split"]
        for i in range(12):
            red = i % 2 == 0
            pixel = bytes([220, 30 + i, 30]) if red else bytes([30, 30 + i, 220])
            write_png(folder / f"{i}.png", 32, 32, [pixel * 32] * 32)
            rows.append(f"{i}.png,{'红' if red else 'blue'},{'train' if i < 8 else 'val'}")
        (folder / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        run(JOIST, "train", "--data", folder / "list.csv", "--size", 32, "--batch", 4, "--threads", 1, "--epochs", 2, "--out",
            self.at / "classifier")
        metrics = json.loads((self.at / "classifier" / "metrics.json").read_text())
        numbers = json.loads((self.at / "classifier" / "evaluation.json").read_text())
        self.assertEqual(numbers["top1"], metrics["top1"])
        run(JOIST, "eval", "--model", self.at / "classifier" / "best.h5", "--data", folder / "list.csv", "--out", self.at / "sorted")
        numbers = json.loads((self.at / "sorted" / "report.json").read_text())
        self.assertEqual(sum(map(sum, numbers["confusion"]["counts"])), 4, "the rows for validation")
        self.assertEqual([one["name"] for one in numbers["per_class"]], ["blue", "红"])
        html = (self.at / "sorted" / "report.html").read_text(encoding="utf-8")
        self.assertIn("What is taken for what", html)
        self.assertIn("红", html)

    def test_clips_are_found_and_refused(self):
        for name in ("fight", "quiet"):
            (self.at / "clips" / name).mkdir(parents=True)
            (self.at / "clips" / name / "a.mp4").write_bytes(b"x")
        done = run(JOIST, "train", "--data", self.at / "clips", "--epochs", 1, "--out", self.at / "x", expect=3)
        self.assertIn("unsupported", done.stderr)
        self.assertIn("clips", done.stderr)


if __name__ == "__main__":
    unittest.main()
