"""Every checkpoint format against the programs that write it: files made by PyTorch, safetensors, NumPy, Keras, ONNX and
gguf hold the same numbers when joist converts them, and what joist writes opens there. Runs with --with-peers."""
# ctest: TIMEOUT 300
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

if not os.environ.get("JOIST_WITH_PEERS"):
    print("skipped: runs with tools/test --with-peers")
    sys.exit(77)
for package in ("torch", "safetensors", "keras", "onnx", "gguf", "h5py"):
    if importlib.util.find_spec(package) is None:
        print(f"skipped: no module named {package}")
        sys.exit(77)
import numpy as np

JOIST = os.environ["JOIST"]
HERE = pathlib.Path(__file__).parent
GRU = [1, 0, 2]  # Keras has update, reset, new; PyTorch reset, update, new


def gates(array, order):
    return np.concatenate([array.reshape(len(order), -1, *array.shape[1:])[i] for i in order])


class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.at = pathlib.Path(cls.folder.name)
        made = subprocess.run([sys.executable, HERE / "make_peer_files.py", cls.at], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr[-2000:]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def convert(self, name, to, *options):
        run = subprocess.run([JOIST, "convert", self.at / name, "--to", self.at / to, *options], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        return self.at / to

    def read(self, name, *options):
        with np.load(self.convert(name, "converted.npz", *options)) as file:
            return dict(file)

    def same(self, seen, truth):
        self.assertEqual(set(seen), set(truth))
        for name in truth:
            self.assertEqual(seen[name].shape, truth[name].shape, name)
            np.testing.assert_array_equal(seen[name], truth[name], name)

    def truth(self, name):
        with np.load(self.at / name) as file:
            return dict(file)

    def test_a_network_in_every_format(self):
        truth = self.truth("net_truth.npz")
        for name in ("net.pt", "net_old.pt", "net_script.pt", "net.npz", "net_deflated.npz", "net.safetensors",
                     "net.safetensors.index.json", "net.onnx", "net_ext.onnx"):
            with self.subTest(name):
                self.same(self.read(name), truth)
        self.same(self.read("training.ckpt", "--only", "model"), truth)
        seen = self.read("net.gguf")  # has no rank 0
        for name, array in self.truth("gguf_truth.npz").items():
            np.testing.assert_allclose(seen.pop(name), array, rtol=1e-6)
        self.same({name: array.reshape(truth[name].shape) for name, array in seen.items()}, truth)

    def test_views_ties_and_types(self):
        truth = self.truth("odd_truth.npz")
        self.same(self.read("odd.pt"), truth)
        del truth["u16"]
        self.same(self.read("odd_old.pt"), truth)
        np.testing.assert_array_equal(self.read("fortran.npy")["array"], np.arange(24).reshape(2, 3, 4))

    def test_torch_reads_what_is_written(self):
        import torch
        weights = torch.load(self.convert("odd.pt", "w.pt"), weights_only=True)
        original = torch.load(self.at / "odd.pt", weights_only=True)
        for name, tensor in weights.items():
            expected = original[name]
            if tensor.dtype != expected.dtype:
                self.assertIn(name, ("i16", "u16"))
            self.assertTrue(torch.equal(tensor, expected.to(tensor.dtype)), name)
        self.assertEqual(weights["tied"].data_ptr(), weights["tied2"].data_ptr())

    def test_others_read_what_is_written(self):
        import onnx
        import safetensors.numpy
        truth = self.truth("net_truth.npz")
        self.same(safetensors.numpy.load_file(self.convert("net.pt", "w.safetensors")), truth)
        model = onnx.load(self.convert("net.pt", "w.onnx"))
        self.same({i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}, truth)
        self.same(self.read("w.onnx"), truth)
        import h5py
        with h5py.File(self.convert("net.pt", "w.h5")) as file:
            self.same({name: file[name][()] for name in file}, truth)

    def test_darknet(self):
        seen = self.read("d.weights")
        numbers = iter(np.arange(1000, dtype="f4"))
        for name, shape in (("layers.0.norm.bias", (4,)), ("layers.0.norm.weight", (4,)), ("layers.0.norm.running_mean", (4,)),
                            ("layers.0.norm.running_var", (4,)), ("layers.0.conv.weight", (4, 3, 3, 3)),
                            ("layers.2.conv.bias", (2,)), ("layers.2.conv.weight", (2, 4, 1, 1))):
            expected = np.array([next(numbers) for _ in range(int(np.prod(shape)))], "f4").reshape(shape)
            np.testing.assert_array_equal(seen.pop(name), expected, name)
        self.assertFalse(seen)

    def check_convolutions(self, name):
        """The converted weights in PyTorch's layers give what Keras gives."""
        import torch
        import torch.nn.functional as F
        w = {key: torch.from_numpy(array) for key, array in self.read(name).items()}
        io = self.truth("k_io.npz")
        x = torch.from_numpy(io["x"]).permute(0, 3, 1, 2)
        x = F.conv2d(x, w["stem.weight"], w["stem.bias"])
        x = F.batch_norm(x, w["bn.running_mean"], w["bn.running_var"], w["bn.weight"], w["bn.bias"], eps=1e-3)
        x = F.conv2d(x, w["depthwise_conv2d.weight"], w["depthwise_conv2d.bias"], groups=4)
        x = F.conv2d(x, w["separable_conv2d.depthwise.weight"], groups=8)
        x = F.conv2d(x, w["separable_conv2d.pointwise.weight"], w["separable_conv2d.pointwise.bias"])
        x = F.conv_transpose2d(x, w["conv2d_transpose.weight"], w["conv2d_transpose.bias"])
        if not name.endswith(".keras"):  # nothing in such a file tells the shape before Flatten
            x = x.permute(0, 2, 3, 1)
        y = F.linear(x.flatten(1), w["head.weight"], w["head.bias"])
        np.testing.assert_allclose(y, io["y"], rtol=2e-5)

    def test_keras_convolutions(self):
        for name in ("k.keras", "k.h5", "k.weights.h5"):
            with self.subTest(name):
                self.check_convolutions(name)

    def check_recurrent(self, name):
        import torch
        w = {key: torch.from_numpy(array) for key, array in self.read(name).items()}
        io = self.truth("r_io.npz")
        x = torch.from_numpy(io["x"])
        for layer, kind, size in (("lstm", torch.nn.LSTM, (6, 3)), ("gru", torch.nn.GRU, (3, 4))):
            module = kind(*size, batch_first=True)
            module.load_state_dict({key: w[f"{layer}.{key}"] for key in module.state_dict()})
            x = module(x)[0]
        part = lambda which, x: torch.nn.functional.linear(x, w[f"multi_head_attention.{which}.weight"], w[f"multi_head_attention.{which}.bias"])
        heads = lambda x: x.reshape(2, 5, 2, 3).transpose(1, 2)
        y = torch.nn.functional.scaled_dot_product_attention(*(heads(part(which, x)) for which in ("query", "key", "value")))
        x = part("attention_output", y.transpose(1, 2).reshape(2, 5, 6))
        x = torch.nn.functional.layer_norm(x, (4,), w["layer_normalization.weight"], w["layer_normalization.bias"], eps=1e-3)
        np.testing.assert_allclose(x.detach(), io["y"], rtol=1e-4, atol=1e-5)

    def test_keras_recurrent(self):
        for name in ("r.keras", "r.h5", "r.weights.h5"):
            with self.subTest(name):
                self.check_recurrent(name)

    def test_keras_loads_what_is_written(self):
        os.environ["KERAS_BACKEND"] = "torch"
        import keras
        import torch
        torch.manual_seed(1)
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 8, 3, groups=4),
                                  torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 5)).eval()
        torch.save(net.state_dict(), self.at / "net_keras.pt")
        layers = keras.layers
        model = keras.Sequential([keras.Input((9, 9, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(epsilon=1e-5),
                                  layers.DepthwiseConv2D(3, depth_multiplier=2), layers.GlobalAveragePooling2D(), layers.Dense(5)])
        model.load_weights(self.convert("net_keras.pt", "net.weights.h5"))
        x = torch.rand(2, 3, 9, 9)
        seen = model(x.permute(0, 2, 3, 1).numpy()).detach().cpu()
        np.testing.assert_allclose(seen, net(x).detach(), rtol=1e-4, atol=1e-6)

    def test_code_is_refused_by_name(self):
        import pickle
        import torch

        class Evil:
            def __reduce__(self):
                return os.system, ("touch " + str(self_folder / "ran"),)
        self_folder = self.at
        for name, options in (("evil.pt", {}), ("evil_old.pt", {"_use_new_zipfile_serialization": False})):
            torch.save({"w": Evil()}, self.at / name, **options)
            run = subprocess.run([JOIST, "inspect", self.at / name], capture_output=True, text=True)
            self.assertEqual(run.returncode, 3, run.stderr)
            self.assertIn("posix.system", run.stderr)
            self.assertIn("unsupported", run.stderr)
        (self.at / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))
        run = subprocess.run([JOIST, "inspect", self.at / "plain.pkl"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 3)
        self.assertFalse((self.at / "ran").exists())
        torch.save(torch.nn.Linear(2, 2), self.at / "module.pt")
        run = subprocess.run([JOIST, "inspect", self.at / "module.pt"], capture_output=True, text=True)
        self.assertIn("torch.nn.modules.linear.Linear", run.stderr)
        self.assertIn("state_dict", run.stderr)


if __name__ == "__main__":
    unittest.main()
