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
# On gradients of the whole data, each with its own best rate of 11, which falls to 0: at a constant rate signs keep
# trembling. Decays of an optimizer's own are off, as the loss has its L2 already.
CONVEX = ["sgd", "sgd,momentum=0.9,label=momentum", "sgd,momentum=0.9,nesterov=true,label=nesterov", "gradient_descent",
          "adam", "adam,amsgrad=true", "adamw,weight_decay=0", "adagrad", "rmsprop", "rmsprop,centered=true",
          "adadelta", "adamax", "nadam", "radam", "rprop", "asgd,lambd=0", "adafactor", "lion,weight_decay=0",
          "lars", "lamb,weight_decay=0", "muon,weight_decay=0,other_lr=0.01", "soap,weight_decay=0,max_precondition_dim=100",
          "prodigy", "sophia", "lookahead:sgd,momentum=0.9", "cautious:adam"]
# A perturbation of the default's length, 0.05, is felt in the minimum itself.
CONVEX += ["sam:sgd,sam:rho=0.005,momentum=0.9"]
# These have a schedule of their own, or search.
UNSCHEDULED = ["schedule_free_adamw,weight_decay=0", "conjugate_gradient", "lbfgs,line_search_fn=strong_wolfe"]
# Not here: newton, which wants the Hessian of 7850 weights; centralized:…, which keeps the mean of each unit's weights.


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
        data = "logistic,samples=1000,batch=0,l2=0.1,judged_by=train"
        exact = lab("minimum", "--problem", data + ",precision=float64", "--optimizer",
                    "lbfgs,line_search_fn=strong_wolfe,tolerance_change=1e-14", "--optimizer", "conjugate_gradient",
                    "--seeds", "1", "--budget", "600", "--points", "20")["optimizers"]
        ends = [one["runs"][0]["test"] for one in exact]
        lowest = ends[0][-1]
        print(f"minimum {lowest:.12f}; conjugate gradients differ by {ends[1][-1] - lowest:.1e}", file=sys.stderr)
        self.assertLess(ends[0][-2] - lowest, 1e-8, "L-BFGS has come to rest")
        self.assertLess(abs(ends[1][-1] - lowest), 1e-8, "another method finds the same minimum")
        optimizers = [one + ",schedule=linear" for one in CONVEX] + UNSCHEDULED
        known = subprocess.run([JOIST, "lab", "list"], check=True, capture_output=True, text=True).stdout
        names = {name.strip() for name in known.split("optimizers: ")[1].split("\n")[0].split(",")}
        self.assertEqual(names - {one.split(",")[0] for one in optimizers}, {"newton"}, "every other optimizer is here")
        problem = lab("convex", "--problem", data, *(word for one in optimizers for word in ("--optimizer", one)),
                      "--seeds", "1", "--budget", "2000", "--points", "4", "--tune", "11")
        above = {}
        for one in problem["optimizers"]:
            above[one["label"]] = (one["runs"][0]["test"][-1] or float("inf")) - lowest
            print(f"{above[one['label']]:9.2e} above the minimum: {one['text']}", file=sys.stderr)
        self.assertEqual({label: value for label, value in above.items() if not -1e-5 < value < 1e-3}, {})


if __name__ == "__main__":
    unittest.main()
