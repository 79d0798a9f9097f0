"""`joist onnx run` beside ONNX Runtime and PyTorch: outputs and gradients of a small network."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

JOIST = os.environ["JOIST"]


def network():
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((4, 3, 3, 3)), "b": rng.standard_normal(4), "scale": rng.uniform(.5, 1, 4), "shift": rng.standard_normal(4),
               "mean": rng.standard_normal(4), "var": rng.uniform(.5, 1, 4), "fc": rng.standard_normal((4, 5)), "c": rng.standard_normal(5)}
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["h1"], pads=[0, 1, 1, 0], strides=[2, 1]),
             helper.make_node("BatchNormalization", ["h1", "scale", "shift", "mean", "var"], ["h2"]),
             helper.make_node("Sigmoid", ["h2"], ["h3"]), helper.make_node("Mul", ["h2", "h3"], ["h4"]),
             helper.make_node("GlobalAveragePool", ["h4"], ["h5"]), helper.make_node("Flatten", ["h5"], ["h6"]),
             helper.make_node("Gemm", ["h6", "fc", "c"], ["logits"]), helper.make_node("Softmax", ["logits"], ["y"], axis=-1)]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 5])],
                              [numpy_helper.from_array(value.astype("f4"), name) for name, value in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), {k: v.astype("f4") for k, v in weights.items()}


class OnnxRun(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.at = pathlib.Path(self.folder.name)
        self.model, self.weights = network()
        onnx.save(self.model, self.at / "net.onnx")
        rng = np.random.default_rng(1)
        self.x, self.seed = rng.standard_normal((2, 3, 8, 8)).astype("f4"), rng.standard_normal((2, 5)).astype("f4")

    def joist(self, *arguments):
        return subprocess.run([JOIST, "onnx", "run", *map(str, arguments)], capture_output=True, text=True, check=False)

    def run_network(self, **inputs):
        np.savez(self.at / "in.npz", **inputs)
        done = self.joist(self.at / "net.onnx", "--inputs", self.at / "in.npz", "--outputs", self.at / "out.npz", "--gradients", self.at / "grads.npz")
        self.assertEqual(done.returncode, 0, done.stderr)
        return dict(np.load(self.at / "out.npz")), dict(np.load(self.at / "grads.npz"))

    def test_outputs_are_those_of_the_reference(self):
        from onnx.reference import ReferenceEvaluator
        outputs, gradients = self.run_network(x=self.x, seed_y=self.seed)
        np.testing.assert_allclose(outputs["y"], ReferenceEvaluator(self.model).run(None, {"x": self.x})[0], rtol=1e-4, atol=1e-6)
        self.assertEqual(set(gradients), {"x", *self.weights})

    def test_gradients_are_differences(self):
        """Along a random direction of each leaf, by central differences of the reference in double."""
        from onnx.reference import ReferenceEvaluator
        _, gradients = self.run_network(x=self.x, seed_y=self.seed)
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        rng = np.random.default_rng(2)

        def value(leaf, shifted):
            model.CopyFrom(self.model)
            for initializer in model.graph.initializer:
                if initializer.name == leaf:
                    initializer.CopyFrom(numpy_helper.from_array(shifted.astype("f4"), leaf))
            x = shifted.astype("f4") if leaf == "x" else self.x
            return float((ReferenceEvaluator(model).run(None, {"x": x})[0].astype("f8") * self.seed).sum())

        for leaf, start in {"x": self.x, **self.weights}.items():
            direction = rng.standard_normal(start.shape)
            step = 1e-2 / np.abs(direction).max()
            slope = (value(leaf, start + step * direction) - value(leaf, start - step * direction)) / (2 * step)
            self.assertAlmostEqual((gradients[leaf] * direction).sum(), slope, delta=2e-3 + 2e-2 * abs(slope), msg=leaf)

    def test_gradients_are_those_of_pytorch(self):
        try:
            import torch
            import torch.nn.functional as F
        except ImportError:
            self.skipTest("no torch")
        _, gradients = self.run_network(x=self.x, seed_y=self.seed)
        w = {name: torch.tensor(value, requires_grad=True) for name, value in {"x": self.x, **self.weights}.items()}
        h = F.conv2d(F.pad(w["x"], (1, 0, 0, 1)), w["w"], w["b"], stride=(2, 1))
        shape = (1, 4, 1, 1)
        h = (h - w["mean"].reshape(shape)) / (w["var"] + 1e-5).sqrt().reshape(shape) * w["scale"].reshape(shape) + w["shift"].reshape(shape)
        y = torch.softmax((h * torch.sigmoid(h)).mean((2, 3)) @ w["fc"] + w["c"], 1)
        (y * torch.tensor(self.seed)).sum().backward()
        for name, tensor in w.items():
            np.testing.assert_allclose(gradients[name], tensor.grad, rtol=1e-4, atol=1e-6, err_msg=name)

    def test_missing_inputs_and_unknown_operators_are_named(self):
        np.savez(self.at / "in.npz", z=self.x)
        done = self.joist(self.at / "net.onnx", "--inputs", self.at / "in.npz", "--outputs", self.at / "out.npz")
        self.assertEqual(done.returncode, 3)
        self.assertIn("inputs are missing: x", done.stderr)
        self.model.graph.node[2].op_type = "Warp"
        onnx.save(self.model, self.at / "net.onnx")
        done = self.joist(self.at / "net.onnx", "--inputs", self.at / "in.npz", "--outputs", self.at / "out.npz")
        self.assertEqual(done.returncode, 3)
        self.assertIn("unsupported", done.stderr)
        self.assertIn("Warp", done.stderr)


if __name__ == "__main__":
    unittest.main()
