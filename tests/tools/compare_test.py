# ctest: TIMEOUT 1500
"""tools/compare: ratios and the table from made-up runs; with JOIST_WITH_TORCH=1 also that PyTorch's losses are joist's, workload by workload."""
import io
import contextlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
COMPARE = ROOT / "tools/compare/compare.py"
sys.path[:0] = [str(COMPARE.parent), str(pathlib.Path(__file__).parent / "training")]
import compare
import detection
import figures
from training_runs import make_data
from workloads import USUAL, WORKLOADS

# Small enough for a test, large enough for batch normalization's statistics to be steady.
TINY = {"resnet18": (8, 96), "resnet50": (8, 96), "mobilenet_v2": (8, 96), "efficientnet_b0": (8, 96), "vit_tiny": (2, 64),
        "yolo_n": (4, 128), "mnist_cnn": (8, 28), "lstm": (2, 16), "gpt": (2, 32), "gpt2": (1, 16)}
# With so few pictures rounding moves the losses of these at the usual rate: PyTorch's own modes differ by more than is allowed.
RATES = {"mobilenet_v2": "2e-5", "resnet50": "1e-7"}
LOSSES = [2.0, 1.5, 1.2, 1.1, 1.0]


def run_of(milliseconds, rss, losses=None, parameters=10):
    return {"step_ms": milliseconds, "first_step_ms": 50.0, "peak_rss_bytes": rss, "losses": losses or LOSSES,
            "parameters": parameters, "torch": "1.0", "instruction_set": "AVX2", "forward_flops": 4e9}


def result_of(pairs):
    return figures.workload_result(WORKLOADS["gpt"], "eager", pairs, {"eager": pairs[0][1]}, {"compile": "no\ncompiler"}, 1e-3, 0.05)


class Figures(unittest.TestCase):
    def test_ratios_are_those_of_the_rounds(self):
        result = result_of([(run_of([10.0, 30.0, 20.0], 100), run_of([40.0], 300)),
                            (run_of([20.0], 100), run_of([60.0], 300)), (run_of([20.0], 100), run_of([50.0], 200))])
        self.assertTrue(result["agrees"])
        self.assertEqual(result["ratio"], {"median": 2.5, "min": 2.0, "max": 3.0})
        self.assertAlmostEqual(result["memory_ratio"], 100 / 300)
        self.assertAlmostEqual(result["joist_gflops"], 3 * 4 / 0.02)
        means = figures.means([result, {"workload": "x", "failed": "y"}])
        self.assertAlmostEqual(means["geometric_mean_ratio"], 2.5)

    def test_no_ratio_where_losses_differ(self):
        for losses, other in ((LOSSES[:4] + [1.002], LOSSES), (LOSSES, LOSSES[:4] + [math.nan]), (LOSSES[:4], LOSSES[:4])):
            result = result_of([(run_of([1.0], 1), run_of([2.0], 1)), (run_of([1.0], 1, losses), run_of([2.0], 1, other))])
            self.assertFalse(result["agrees"])
            self.assertNotIn("ratio", result)
            self.assertIn("losses differ", result["why"])
        self.assertTrue(result_of([(run_of([1.0], 1, LOSSES[:4] + [1.0009]), run_of([2.0], 1))])["agrees"])
        flat = [2.0, 1.9999, 1.9998, 1.9997, 1.9996]  # within 1e-3, but another fall
        result = result_of([(run_of([1.0], 1, [2.0] * 5), run_of([2.0], 1, flat))])
        self.assertLess(result["loss_difference"], 1e-3)
        self.assertFalse(result["agrees"])
        result = result_of([(run_of([1.0], 1), run_of([2.0], 1, parameters=11))])
        self.assertIn("11", result["why"])
        self.assertIsNone(figures.means([result])["geometric_mean_ratio"])

    def test_the_table_says_what_is_missing(self):
        good = result_of([(run_of([10.0], 1e9), run_of([20.0], 2e9))])
        bad = result_of([(run_of([10.0], 1e9), run_of([20.0], 2e9, [3.0] * 5))])
        outcome = {"processor": "P", "threads": 2, "bfloat16": False, "joist": "joist 0", "date": "D",
                   "roofline": figures.roofline_range([{"fma_gflops": 1, "gemm_gflops": 2, "copy_gb_per_second": 3},
                                                       {"fma_gflops": 4, "gemm_gflops": 2, "copy_gb_per_second": 3}]),
                   "workloads": [good, bad, {"workload": "yolo_n", "skipped": "Ultralytics is not installed"}],
                   **figures.means([good, bad])}
        text = figures.table(outcome)
        for part in ("2.00 (2.00..2.00)", "0.50", "1..4 GFLOP/s FMA", "losses differ", "Ultralytics is not installed", "compiler",
                     "Geometric means: time ratio PyTorch / joist 2.00"):
            self.assertIn(part, text)
        rows = [line for line in text.split("\n") if line.startswith("|")]
        self.assertEqual(len({len(row) for row in rows}), 1)
        self.assertIn("none", rows[3])

    def test_the_usual_workloads_exist(self):
        self.assertLessEqual(set(USUAL), set(WORKLOADS))
        self.assertEqual(set(TINY), set(WORKLOADS))

    def test_wrong_arguments_are_refused(self):
        for arguments in (["resnet19"], ["--runs", "0"], ["--joist", "/nowhere/joist"], ["--isa", "mmx"],
                          ["--joist", sys.executable, "--python", sys.executable, "--modes", "eeger"]):
            with self.subTest(arguments=arguments), contextlib.redirect_stderr(io.StringIO()):
                with self.assertRaises(SystemExit) as ended:
                    compare.options(arguments)
                self.assertEqual(ended.exception.code, 2)


@unittest.skipUnless(os.environ.get("JOIST_WITH_TORCH"), "JOIST_WITH_TORCH is not set")
class Losses(unittest.TestCase):
    def compare(self, name, *more):
        batch, size = TINY[name]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, COMPARE, name, "--batch", str(batch), "--size", str(size), "--threads", "1",
                                   "--joist", os.environ["JOIST"], "--python", sys.executable, "--work", folder, *more],
                                  capture_output=True, text=True, check=False)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            return done, json.loads((pathlib.Path(folder) / "compare.json").read_text())["workloads"][0]

    def test_both_compute_the_same(self):
        for name in WORKLOADS:
            with self.subTest(workload=name):
                done, result = self.compare(name, "--losses-only", *(["--rate", RATES[name]] if name in RATES else []))
                if "skipped" in result:
                    print(f"{name}: {result['skipped']}")
                    continue
                self.assertTrue(result.get("agrees"), result.get("why") or result.get("failed"))
                self.assertLessEqual(result["loss_difference"], 1e-3)
                self.assertEqual(done.returncode, 0)

    def test_a_whole_comparison(self):
        done, result = self.compare("mnist_cnn", "--runs", "2", "--steps", "3", "--modes", "eager,channels_last")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(set(result["torch_modes_ms"]), {"eager", "channels_last"})
        self.assertLessEqual(result["ratio"]["min"], result["ratio"]["max"])
        self.assertGreater(result["memory_ratio"], 0)
        self.assertIn("Roofline meanwhile", done.stdout)


class Detection(unittest.TestCase):
    def test_wrong_arguments_are_refused(self):
        known = ["--joist", sys.executable, "--python", sys.executable, "--data", __file__]
        for arguments in (["loader"], ["loader", *known, "--epochs", "1"], ["train", *known], ["train", *known, "--val", "not/there"],
                          ["train", *known, "--val", __file__, "--time", "20"]):
            with self.subTest(arguments=arguments), contextlib.redirect_stderr(io.StringIO()):
                with self.assertRaises(SystemExit) as ended:
                    detection.options(arguments)
                self.assertEqual(ended.exception.code, 2)

    def test_the_line_of_a_loader(self):
        line = detection.loader_line({
            "threads": 1, "workers": 0, "joist": {"first_epoch_pictures_per_second": 300.0, "pictures_per_second": 900.0, "peak_rss_bytes": 2e8},
            "ultralytics": {"per_epoch": [{"pictures_per_second": rate, "pss_bytes": 8e8} for rate in (150.0, 200.0, 400.0)]}})
        self.assertIn("ratios 2.00, 3.00; memory 0.25", line)

    def compare(self, task, *more):
        with tempfile.TemporaryDirectory(prefix="工地") as folder:
            data, work = make_data(pathlib.Path(folder) / "data"), pathlib.Path(folder) / "work"
            done = subprocess.run([sys.executable, COMPARE.with_name("detection.py"), task, "--data", data, "--size", "64", "--batch", "4",
                                   "--joist", os.environ["JOIST"], "--python", sys.executable, "--work", work, *more,
                                   *(["--val", data] if task == "train" else [])], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return done.stdout, json.loads((work / f"detection-{task}.json").read_text())

    def test_joist_by_itself(self):
        said, found = self.compare("train", "--time", "3s", "--seeds", "1,2", "--only", "joist", "--threads", "1")
        self.assertEqual([row["seed"] for row in found["runs"]], [1, 2])
        self.assertAlmostEqual(found["means"]["joist"]["AP"], sum(row["AP"] for row in found["runs"]) / 2)
        self.assertIn("joist, mean of 2", said)

    @unittest.skipUnless(os.environ.get("JOIST_WITH_PEERS"), "JOIST_WITH_PEERS is not set")
    def test_both(self):
        _, found = self.compare("loader", "--epochs", "2", "--workers", "0")
        self.assertGreater(found["loaders"][0]["ultralytics"]["per_epoch"][1]["pictures_per_second"], 0)
        _, found = self.compare("train", "--time", "10s", "--threads", "1")
        self.assertEqual([row["side"] for row in found["runs"]], ["joist", "ultralytics"])


if __name__ == "__main__":
    unittest.main()
