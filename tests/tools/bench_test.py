# ctest: TIMEOUT 300
"""`joist bench`: its JSON, that runs repeat, and what it refuses."""
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "training"))
from training_runs import JOIST, make_data, run

try:
    import h5py
    import numpy
except ImportError:
    h5py = None

TINY = {"mnist_cnn": ["--batch", "4"], "yolo_n": ["--batch", "2", "--size", "64"], "lstm": ["--batch", "2", "--size", "8"],
        "gpt": ["--batch", "2", "--size", "8"], "vit_tiny": ["--batch", "2", "--size", "32"],
        "efficientnet_b0": ["--batch", "2", "--size", "32"], "gpt2": ["--batch", "1", "--size", "8", "--classes", "65"]}

# 12 blocks, two tables of tokens with the head's bias, positions, the last normalization.
PARAMETERS = {"gpt2": 12 * (12 * 768 * 768 + 13 * 768) + 2 * 65 * 768 + 65 + 8 * 768 + 2 * 768}


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def train(self, *arguments, **keywords):
        file = self.folder / "result.json"
        run(JOIST, "bench", "train", "--threads", "1", "--json", file, *arguments, **keywords)
        return json.loads(file.read_text())

    def refused(self, *arguments, says, expect=2):
        done = run(JOIST, "bench", *arguments, expect=expect)
        self.assertIn(says, done.stderr)

    def test_every_kind_of_model_is_timed(self):
        for name, size in TINY.items():
            with self.subTest(model=name):
                found = self.train("--model", name, *size, "--steps", "2")
                self.assertEqual(len(found["step_ms"]), 2)
                self.assertEqual(len(found["losses"]), 5)
                self.assertTrue(all(0 < loss < 1000 for loss in found["losses"]))
                for key in ("samples_per_second", "step_ms_median", "step_ms_fastest", "step_ms_p90", "first_step_ms",
                            "peak_rss_bytes", "parameters", "forward_flops"):
                    self.assertGreater(found[key], 0, key)
                self.assertEqual(found["threads"], 1)
                if name in PARAMETERS:
                    self.assertEqual(found["parameters"], PARAMETERS[name])
                self.assertIn(found["instruction_set"], ("AVX-512", "AVX2", "SSE4.2"))

    def test_runs_repeat_and_learn(self):
        first, second = (self.train("--model", "mnist_cnn", "--batch", "4", "--steps", "2") for _ in range(2))
        self.assertEqual(first["losses"], second["losses"])
        self.assertLess(first["losses"][4], first["losses"][0])
        slower = self.train("--model", "mnist_cnn", "--batch", "4", "--steps", "2", "--lr", "0.0001")
        self.assertEqual(first["losses"][0], slower["losses"][0])
        self.assertGreater(slower["losses"][4], first["losses"][4])

    def test_the_instruction_set_can_be_limited(self):
        best = self.train("--model", "mnist_cnn", "--batch", "4", "--steps", "2")
        limited = self.train("--model", "mnist_cnn", "--batch", "4", "--steps", "2",
                             env={**os.environ, "JOIST_MAX_CPU_ISA": "sse4"})
        self.assertEqual(limited["instruction_set"], "SSE4.2")
        for one, other in zip(best["losses"], limited["losses"]):
            self.assertAlmostEqual(one, other, delta=1e-4)
        done = run(JOIST, "bench", "train", "--model", "mnist_cnn", expect=2, env={**os.environ, "JOIST_MAX_CPU_ISA": "avx9"})
        self.assertIn("JOIST_MAX_CPU_ISA", done.stderr)

    def test_what_makes_no_sense_is_refused(self):
        self.refused("train", "--model", "gtp", says="--model gpt")
        self.refused("train", "--model", "mnist_cnn", "--size", "32", says="--size")
        self.refused("train", "--model", "yolo_n", "--size", "100", says="multiple of 32")
        self.refused("train", "--model", "vit_tiny", "--size", "100", says="multiple of the patch")
        self.refused("train", "--model", "gpt", "--steps", "0", says="--steps")
        self.refused("train", "--model", "gpt", "--batch", "-1", says="--batch")
        self.refused("op", "convolutoin", says="convolution")
        self.refused("loader", "--data", self.folder, "--seconds", "0", says="--seconds")
        self.refused("train", "--model", "gpt", "--weights", self.folder / "none.h5", says="none.h5", expect=3)

    def test_the_loader_is_timed(self):
        data, file = make_data(self.folder / "data"), self.folder / "loader.json"
        run(JOIST, "bench", "loader", "--data", data, "--size", "64", "--batch", "4", "--seconds", "0.2",
            "--threads", "1", "--json", file)  # two threads may decode the same picture at once
        found = json.loads(file.read_text())
        self.assertEqual((found["pictures"], found["size"], found["batch"]), (12, 64, 4))
        self.assertEqual(found["decoded"], 12)  # the rest came out of the cache
        for key in ("pictures_per_second", "first_epoch_pictures_per_second", "peak_rss_bytes", "threads"):
            self.assertGreater(found[key], 0, key)

    def test_operations_and_roofline(self):
        file = self.folder / "op.json"
        run(JOIST, "bench", "op", "layer_norm", "--threads", "1", "--json", file)
        found = json.loads(file.read_text())
        self.assertEqual({one["direction"] for one in found["operations"]}, {"forward", "backward"})
        shares = [one["share_of_bound"] for one in found["operations"]]
        self.assertEqual(shares, sorted(shares))
        self.assertTrue(all(one["ms"] > 0 and one["gb_per_second"] > 0 for one in found["operations"]))
        for key in ("gemm_gflops", "copy_gb_per_second"):
            self.assertGreater(found["roofline"][key], 0)

    @unittest.skipUnless(h5py, "h5py is not installed")
    def test_weights_and_batch_come_from_files(self):
        weights, inputs = self.folder / "weights.h5", self.folder / "inputs.h5"
        shapes = {"conv1.weight": (32, 1, 3, 3), "conv1.bias": (32,), "conv2.weight": (64, 32, 3, 3), "conv2.bias": (64,),
                  "fc1.weight": (128, 3136), "fc1.bias": (128,), "fc2.weight": (10, 128), "fc2.bias": (10,)}

        def write(file, arrays):
            with h5py.File(file, "w") as target:
                for name, array in arrays.items():
                    target.create_dataset(name, data=array)
        write(weights, {name: numpy.zeros(shape, numpy.float32) for name, shape in shapes.items()})
        batch = {"inputs": numpy.ones((3, 1, 28, 28), numpy.float32), "targets": numpy.array([1, 2, 9])}
        write(inputs, batch)
        files = ["--weights", weights, "--inputs", inputs]
        found = self.train("--model", "mnist_cnn", *files, "--steps", "2")
        self.assertEqual(found["batch"], 3)
        self.assertAlmostEqual(found["losses"][0], numpy.log(10), places=5)  # all logits are 0
        self.refused("train", "--model", "mnist_cnn", *files, "--batch", "4", says="batch of 3")
        for wrong, says in (({"targets": numpy.array([1, 2, 10])}, "0 to 9"), ({"targets": numpy.array([1, 2])}, "targets"),
                            ({"inputs": batch["inputs"].astype(numpy.float64)}, "float64")):
            write(inputs, {**batch, **wrong})
            self.refused("train", "--model", "mnist_cnn", *files, says=says, expect=3)
        write(inputs, batch)
        del shapes["fc2.bias"]
        write(weights, {name: numpy.zeros(shape, numpy.float32) for name, shape in shapes.items()})
        self.refused("train", "--model", "mnist_cnn", *files, says="fc2.bias", expect=3)


if __name__ == "__main__":
    unittest.main()
