# ctest: TIMEOUT 300
"""quadratic_deep through `joist lab`: DeepOBS' published curves (Schneider, Balles and Hennig 2019; 10 seeds, tuned rates)."""
import json
import pathlib
import statistics
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "training"))
from training_runs import JOIST, run

# Label -> optimizer; epoch -> (test loss, standard deviation where one was published)
PUBLISHED = {
    "SGD": ("sgd,lr=0.01585", {1: (105.3304, .166), 5: (97.6952, None), 20: (89.4716, None), 50: (87.6691, None),
                               100: (87.3975, .169)}),
    "Momentum": ("sgd,momentum=0.99,lr=0.002512", {1: (271.158, 2.44), 5: (217.381, None), 20: (111.349, None),
                                                   50: (92.8176, .30), 100: (87.0450, .0252)}),
    "Adam": ("adam,lr=0.03981", {1: (141.8246, .236), 5: (101.3543, None), 20: (89.8978, None), 50: (87.3937, None),
                                 100: (87.1119, .0242)}),
}


class QuadraticDeep(unittest.TestCase):
    def test_published_curves(self):
        with tempfile.TemporaryDirectory() as folder:
            run(JOIST, "lab", "run", "--problem", "quadratic_deep", "--seeds", "10", "--budget", "700", "--points", "100",
                *(word for label, (text, _) in PUBLISHED.items() for word in ("--optimizer", f"{text},label={label}")),
                "--out", folder)
            results = json.loads((pathlib.Path(folder) / "results.json").read_text())
        for optimizer in results["problems"][0]["optimizers"]:
            for epoch, (value, deviation) in PUBLISHED[optimizer["label"]][1].items():
                found = [one["test"][one["evaluations"].index(7 * epoch)] for one in optimizer["runs"]]
                mean, spread = statistics.mean(found), statistics.stdev(found)
                print(f"{optimizer['label']:9} epoch {epoch:3}: {mean:9.4f} ± {spread:.4f}, published {value}",
                      f"± {deviation}" if deviation else "", file=sys.stderr)
                # Two published deviations; where none was published, 1 %.
                self.assertLess(abs(mean - value), 2 * deviation if deviation else 0.01 * value)
        for optimizer in results["problems"][0]["optimizers"]:
            self.assertAlmostEqual(optimizer["runs"][0]["test"][0], 353.446765, places=3)


if __name__ == "__main__":
    unittest.main()
