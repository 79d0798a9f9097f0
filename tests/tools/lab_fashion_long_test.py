# ctest: TIMEOUT 43200 RUN_SERIAL ON
"""`joist lab` on Fashion-MNIST: DeepOBS' 2c2d at its published rates, and a convex problem on which all must agree.

The runs stay in build/lab_fashion, so that a stopped test goes on where it was.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import unittest

JOIST = os.environ.get("JOIST", "joist")
FOLDER = pathlib.Path(os.environ.get("JOIST_BINARY_DIR", ".")) / "lab_fashion"
# Test accuracy after 10 epochs, mean and standard deviation of 10 seeds (DeepOBS' baselines, 2019-03-01).
PUBLISHED = {"SGD": ("sgd,lr=0.1585", .9024, .0075), "Momentum": ("sgd,momentum=0.99,lr=0.002512", .9060, .0055),
             "Adam": ("adam,lr=0.0002512", .9099, .0036)}
# On gradients of the whole data, each with its own best rate of 13, which falls to 0: at a constant rate signs keep trembling.
CONVEX = ["sgd", "sgd,momentum=0.9,label=momentum", "sgd,momentum=0.9,nesterov=true,label=nesterov", "adam", "adamw,weight_decay=0",
          "adagrad", "rmsprop", "adadelta", "adamax", "nadam", "radam", "rprop", "lion", "conjugate_gradient"]


def lab(name, *arguments):
    subprocess.run([JOIST, "lab", "run", *map(str, arguments), "--out", str(FOLDER / name)], check=True,
                   stdout=sys.stderr)
    return json.loads((FOLDER / name / "results.json").read_text())["problems"][0]


@unittest.skipUnless(pathlib.Path("/usr/share/datasets/fashion-mnist").is_dir(), "no dataset-fashion-mnist")
class Fashion(unittest.TestCase):
    def test_2c2d_reaches_the_published_accuracy(self):
        problem = lab("2c2d", "--problem", "2c2d", "--seeds", "5", "--budget", 468 * 10, "--points", "10",
                      *(word for label, (text, *_) in PUBLISHED.items()
                        for word in ("--optimizer", f"{text},label={label}")))
        for optimizer in problem["optimizers"]:
            _, value, deviation = PUBLISHED[optimizer["label"]]
            found = [one["accuracy"][-1] for one in optimizer["runs"]]
            print(f"{optimizer['label']}: {statistics.mean(found):.4f} ± {statistics.stdev(found):.4f}, published {value}",
                  file=sys.stderr)
            self.assertLess(abs(statistics.mean(found) - value), 2 * deviation, optimizer["label"])

    def test_all_agree_on_a_convex_problem(self):
        data = "logistic,samples=2000,batch=0,l2=0.1,judged_by=train"
        best = lab("minimum", "--problem", data + ",precision=float64", "--optimizer", "lbfgs,line_search_fn=strong_wolfe,tolerance_change=1e-14",
                   "--seeds", "1", "--budget", "200", "--points", "20")["optimizers"][0]["runs"][0]
        losses = best["test"]
        self.assertLess(losses[-2] - losses[-1], 1e-8, "the minimum is known to 1e-8")
        problem = lab("convex", "--problem", data, *(word for one in CONVEX for word in ("--optimizer", one + ",schedule=linear")), "--seeds", "1",
                      "--budget", "2000", "--points", "4", "--tune", "13")
        above = {}
        for one in problem["optimizers"]:
            above[one["label"]] = one["runs"][0]["test"][-1] - losses[-1]
            print(f"{one['label']:28} {one['text']:40} {above[one['label']]:.2e} above the minimum", file=sys.stderr)
        self.assertEqual({label: value for label, value in above.items() if not -1e-5 < value < 1e-3}, {})


if __name__ == "__main__":
    unittest.main()
