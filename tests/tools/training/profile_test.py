# ctest: TIMEOUT 300
"""`joist train --profile` and `joist bench train --profile` write Chrome traces; `joist inspect --model` counts a model."""
import json
import pathlib
import tempfile
import unittest

from training_runs import JOIST, command, make_data, run


def bars(file):
    events = json.loads(pathlib.Path(file).read_text())["traceEvents"]
    return [event for event in events if event["ph"] == "X"]


class Profile(unittest.TestCase):
    def test_training_writes_three_steps(self):
        with tempfile.TemporaryDirectory() as folder:
            data = make_data(pathlib.Path(folder) / "data")
            trace = pathlib.Path(folder) / "trace.json"
            done = run(*command(data, pathlib.Path(folder) / "run", "--epochs", "3", "--model", "yolo_n", "--profile", trace))
            self.assertIn("profile: ", done.stdout)
            found = bars(trace)
            phases = [bar["name"] for bar in found if bar["cat"] == "phase"]
            self.assertEqual(phases.count("optimizer"), 3)
            self.assertEqual(phases.count("backward"), phases.count("data, forward and loss"))
            for direction in ("forward", "backward"):
                layers = {bar["args"]["layer"] for bar in found if bar["cat"] == direction and bar["name"] == "convolution"}
                self.assertGreater(len(layers), 20)
                self.assertNotIn("", layers)
            self.assertTrue(all(bar["dur"] >= 0 and bar["args"]["bytes_in_use"] > 0 for bar in found))
            # A profile belongs to the call, not to the run.
            self.assertNotIn("profile", (pathlib.Path(folder) / "run" / "config.toml").read_text())

    def test_a_benchmark_writes_one_step(self):
        with tempfile.TemporaryDirectory() as folder:
            trace = pathlib.Path(folder) / "trace.json"
            run(JOIST, "bench", "train", "--model", "mnist_cnn", "--batch", "2", "--steps", "1", "--profile", trace)
            names = {(bar["cat"], bar["name"]) for bar in bars(trace)}
            self.assertLessEqual({("forward", "convolution"), ("backward", "convolution"), ("forward", "cross_entropy"),
                                  ("backward", "linear"), ("phase", "optimizer")}, names)

    def test_inspect_counts_a_model(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "summary.json"
            text = run(JOIST, "inspect", "--model", "resnet18", "--size", "224", "--classes", "1000", "--json", file).stdout
            self.assertIn("11,689,512 parameters", text)
            summary = json.loads(file.read_text())["summary"]
            self.assertEqual(summary["flops"], 3628146688)  # torch.utils.flop_counter
            self.assertEqual(sum(row["parameters"] for row in summary["rows"]), 11689512)
            self.assertEqual(summary["unused"], [])
            run(JOIST, "inspect", expect=2)
            run(JOIST, "inspect", "--model", "resnet19", expect=2)


if __name__ == "__main__":
    unittest.main()
