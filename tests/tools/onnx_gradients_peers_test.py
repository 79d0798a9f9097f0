"""Gradients of ONNX operators beside PyTorch's: a graph per operator, exported by torch.onnx where it writes the operator and built by
hand where not, run by `joist onnx run --gradients` with random seeds of its outputs. Runs with --with-peers."""
# ctest: TIMEOUT 600
import collections
import importlib.util
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

if not os.environ.get("JOIST_WITH_PEERS"):
    print("skipped: runs with tools/test --with-peers")
    sys.exit(77)
for package in ("torch", "onnx"):
    if importlib.util.find_spec(package) is None:
        print(f"skipped: no module named {package}")
        sys.exit(77)
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper

JOIST = os.environ["JOIST"]
Case = collections.namedtuple("Case", "op function inputs attributes opset outputs")
rng = np.random.default_rng(7)


def normal(*shape):
    return rng.standard_normal(shape).astype("f4")


def between(low, high, *shape):
    return rng.uniform(low, high, shape).astype("f4")


def spread(*shape):
    """No two numbers near each other, none near 0 or a whole number: maxima, roundings and kinks stay where they are."""
    count = int(np.prod(shape))
    return (rng.permutation(count) * 0.37 + 0.11 - 0.185 * count).reshape(shape).astype("f4")


def longs(*values):
    return np.array(values, "i8")


def exported(op, function, *inputs, opset=17):
    return Case(op, function, inputs, None, opset, 1)


def built(op, function, *inputs, opset=18, outputs=1, **attributes):
    return Case(op, function, inputs, attributes, opset, outputs)


class Recurrent(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.inner = getattr(torch.nn, kind)(3, 4, bidirectional=True)

    def forward(self, x):
        return self.inner(x)[0]


class Wrapped(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def moments(x, axes):
    return (x - x.mean(axes, keepdim=True)) / (x.var(axes, unbiased=False, keepdim=True).sqrt() + 1e-9)


x, y = spread(2, 3, 4), spread(2, 3, 4)
row, positive, unit = normal(4), between(.3, 2, 2, 3, 4), between(-.9, .9, 2, 3, 4)
picture, kernel = spread(2, 4, 6, 5), normal(6, 4, 3, 2)
boxes = np.array([[0.3, 0.2, 4.1, 3.3], [1.1, 0.4, 5.2, 4.6]], "f4")

CASES = [
    # Scalar functions.
    *[exported(op, function, unit) for op, function in [
        ("Sin", torch.sin), ("Cos", torch.cos), ("Tan", torch.tan), ("Asin", torch.asin), ("Acos", torch.acos), ("Atan", torch.atan),
        ("Exp", torch.exp), ("Erf", torch.erf), ("Sigmoid", torch.sigmoid), ("Tanh", torch.tanh), ("Neg", torch.neg),
        ("Softplus", F.softplus)]],
    *[built(op, function, unit) for op, function in [
        ("Sinh", torch.sinh), ("Cosh", torch.cosh), ("Asinh", torch.asinh), ("Atanh", torch.atanh), ("Softsign", F.softsign),
        ("Mish", F.mish)]],
    *[exported(op, function, positive) for op, function in [("Log", torch.log), ("Sqrt", torch.sqrt), ("Reciprocal", torch.reciprocal)]],
    built("Acosh", torch.acosh, positive + 1),
    *[exported(op, function, x) for op, function in [
        ("Abs", torch.abs), ("Relu", torch.relu), ("Elu", F.elu), ("Selu", F.selu), ("Celu", lambda a: F.celu(a, 0.7)),
        ("LeakyRelu", lambda a: F.leaky_relu(a, 0.2)), ("HardSigmoid", F.hardsigmoid), ("Clip", lambda a: a.clamp(-1.3, 1.8)),
        ("HardSwish", F.hardswish)]],
    built("Identity", lambda a: a, x),
    exported("Gelu", F.gelu, unit, opset=20),
    built("ThresholdedRelu", lambda a: torch.where(a > 0.5, a, 0), x, alpha=0.5),
    built("Shrink", lambda a: torch.where(a > 0.9, a - 0.4, torch.where(a < -0.9, a + 0.4, 0)), x, lambd=0.9, bias=0.4),
    built("Floor", lambda a: torch.floor(a), x),
    built("Round", lambda a: torch.round(a), x),
    built("Sign", lambda a: torch.sign(a), x),
    built("Cast", lambda a: a, x, to=1),
    exported("PRelu", lambda a, w: F.prelu(a, w), picture, normal(4)),
    # Two operands, with broadcasting.
    *[exported(op, function, x, row) for op, function in [
        ("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Max", torch.maximum), ("Min", torch.minimum)]],
    exported("Div", torch.div, x, between(.5, 2, 4)),
    exported("Pow", torch.pow, positive, row),
    built("Mod", lambda a, b: torch.fmod(a, b), x, between(1.3, 2, 4), fmod=1),
    built("Sum", lambda a, b, c: a + b + c, x, row, y),
    built("Mean", lambda a, b, c: (a + b + c) / 3, x, row, y),
    exported("Where", lambda a, b: torch.where(a > 0, a * 2, b), x, y),
    exported("MatMul", torch.matmul, normal(2, 3, 4), normal(4, 5)),
    exported("Gemm", lambda a, b, c: F.linear(a, b, c), normal(3, 4), normal(5, 4), normal(5)),
    built("Einsum", lambda a, b: torch.einsum("bij,jk->bki", a, b), normal(2, 3, 4), normal(4, 5), equation="bij,jk->bki"),
    # Reductions and scans.
    *[exported(op, function, x) for op, function in [
        ("ReduceSum", lambda a: a.sum((0, 2))), ("ReduceMean", lambda a: a.mean((0, 2), keepdim=True)), ("ReduceMax", lambda a: a.amax(1)),
        ("ReduceMin", lambda a: a.amin(1)), ("ReduceLogSumExp", lambda a: a.logsumexp(2)), ("CumSum", lambda a: a.cumsum(1))]],
    exported("ReduceProd", lambda a: a.prod(1), positive),
    exported("ReduceL2", lambda a: a.norm(2, (0, 2)), x),
    exported("ReduceL1", lambda a: a.norm(1, 1), x),
    built("ReduceSumSquare", lambda a, axes: (a * a).sum(1, keepdim=True), x, longs(1)),
    built("ReduceLogSum", lambda a, axes: a.sum((0, 2), keepdim=True).log(), positive, longs(0, 2)),
    exported("TopK", lambda a: a.topk(2, 1).values, x),
    exported("Softmax", lambda a: a.softmax(1), unit),
    exported("LogSoftmax", lambda a: a.log_softmax(-1), unit),
    built("LpNormalization", lambda a: a / a.norm(2, 1, keepdim=True), x, axis=1, p=2),
    # Shapes and places.
    *[exported(op, function, x) for op, function in [
        ("Transpose", lambda a: a.permute(2, 0, 1)), ("Reshape", lambda a: a.reshape(4, 6)), ("Flatten", lambda a: a.flatten(1)),
        ("Unsqueeze", lambda a: a.unsqueeze(1)), ("Slice", lambda a: a[:, :, 1:4:2]), ("Expand", lambda a: a[:, :1].expand(2, 5, 4)),
        ("Tile", lambda a: a.repeat(2, 1, 3)), ("Pad", lambda a: F.pad(a, (1, 2, 0, 1), value=0.3)), ("Trilu", lambda a: a.tril(1)),
        ("Squeeze", lambda a: a[:, 0:1].squeeze(1))]],
    built("Pad", lambda a, pads: F.pad(a[None], (2, 1, 1, 0), mode="reflect")[0], x, longs(0, 1, 2, 0, 0, 1), mode="reflect"),
    exported("Concat", lambda a, b: torch.cat([a, b], 1), x, y),
    exported("Split", lambda a: torch.split(a, [1, 2], 1)[1] * torch.split(a, [1, 2], 1)[0], x),
    exported("Gather", lambda a: a[:, torch.tensor([2, 0, 2])], x),
    exported("Gather", lambda w, i: F.embedding(i, w), normal(7, 3), longs(5, 1, 5)),
    exported("GatherElements", lambda a: torch.gather(a, 2, torch.tensor([[[3, 0], [1, 1], [2, 0]]] * 2)), x),
    built("GatherND", lambda a, i: a[i[:, 0], i[:, 1]], x, np.array([[0, 2], [1, 1], [0, 2]], "i8")),
    exported("ScatterElements", lambda a, b: a.scatter(1, torch.tensor([[[0, 1, 2, 0]]] * 2), b), x, spread(2, 1, 4)),
    built("ScatterND", lambda a, i, b: a.index_put((i[:, 0],), b), normal(5, 4), np.array([[3], [0]], "i8"), normal(2, 4)),
    built("DepthToSpace", lambda a: F.pixel_shuffle(a, 2), normal(1, 8, 3, 2), blocksize=2, mode="CRD"),
    built("SpaceToDepth", lambda a: F.pixel_unshuffle(a, 2).reshape(1, 2, 4, 3, 2).transpose(1, 2).reshape(1, 8, 3, 2), normal(1, 2, 6, 4),
          blocksize=2),
    built("ReverseSequence", lambda a, n: torch.stack([a[:, 0].flip(0), torch.cat([a[:2, 1].flip(0), a[2:, 1]])], 1), normal(3, 2, 4), longs(3, 2),
          time_axis=0, batch_axis=1),
    built("Compress", lambda a, keep: a[:, [0, 2]], x, np.array([True, False, True]), axis=1),
    # Layers.
    exported("Conv", lambda a, w, b: F.conv2d(a, w, b, stride=(2, 1), padding=1), picture, kernel, normal(6)),
    exported("Conv", lambda a, w: F.conv2d(a, w, groups=2, dilation=2), picture, normal(6, 2, 2, 2)),
    exported("ConvTranspose", lambda a, w, b: F.conv_transpose2d(a, w, b, stride=2, padding=1, output_padding=1), picture, normal(4, 3, 3, 3),
             normal(3)),
    exported("MaxPool", lambda a: F.max_pool2d(a, (3, 2), 2, padding=1), picture),
    exported("AveragePool", lambda a: F.avg_pool2d(a, 2, padding=1, count_include_pad=True), picture),
    exported("GlobalAveragePool", lambda a: F.adaptive_avg_pool2d(a, 1), picture),
    built("GlobalMaxPool", lambda a: a.amax((2, 3), keepdim=True), picture),
    built("LpPool", lambda a: F.lp_pool2d(a, 2, 2), between(.5, 2, 2, 3, 6, 4), kernel_shape=[2, 2], strides=[2, 2], p=2),
    exported("BatchNormalization", lambda a, w, b: F.batch_norm(a, torch.linspace(-1, 1, 4), torch.linspace(.5, 2, 4), w, b), picture, normal(4),
             normal(4)),
    exported("InstanceNormalization", lambda a, w, b: F.instance_norm(a, weight=w, bias=b), picture, normal(4), normal(4)),
    exported("LayerNormalization", lambda a, w, b: F.layer_norm(a, (4,), w, b), x, row, normal(4)),
    built("GroupNormalization", lambda a, w, b: F.group_norm(a, 2, w, b), picture, normal(4), normal(4), opset=21, num_groups=2),
    built("MeanVarianceNormalization", lambda a: moments(a, (0, 2, 3)), picture),
    built("LRN", lambda a: F.local_response_norm(a, 3, 0.5, 0.75, 2.0), picture, size=3, alpha=0.5, beta=0.75, bias=2.0),
    exported("Resize", lambda a: F.interpolate(a, scale_factor=2, mode="bilinear"), picture),
    exported("Resize", lambda a: F.interpolate(a, scale_factor=2, mode="nearest"), picture),
    exported("Resize", lambda a: F.interpolate(a, (9, 8), mode="bicubic", align_corners=True), picture),
    exported("GridSample", lambda a, g: F.grid_sample(a, g, align_corners=False), picture, between(-.8, .8, 2, 3, 4, 2)),
    *[exported(kind, Recurrent(kind), normal(5, 2, 3)) for kind in ("LSTM", "GRU")],
    exported("RNN", Recurrent("RNN"), normal(5, 2, 3)),
    built("Det", lambda a: torch.linalg.det(a), normal(2, 3, 3)),
    # Losses.
    built("SoftmaxCrossEntropyLoss", lambda a, t: F.cross_entropy(a, t), normal(5, 4), longs(0, 3, 2, 1, 3)),
    built("NegativeLogLikelihoodLoss", lambda a, t: F.nll_loss(a, t), normal(5, 4), longs(0, 3, 2, 1, 3)),
]


def graph_of(case):
    """The ONNX model, and the names of its inputs in the order of the case's."""
    names = [f"input_{i}" for i in range(len(case.inputs))]
    if case.attributes is None:
        module = case.function if isinstance(case.function, torch.nn.Module) else Wrapped(case.function)
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, tuple(torch.tensor(value) for value in case.inputs), file, dynamo=False, opset_version=case.opset,
                              input_names=names, output_names=["result"], do_constant_folding=False)
        return onnx.load_from_string(file.getvalue()), names
    node = helper.make_node(case.op, names, ["result"], **case.attributes)
    types = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}
    graph = helper.make_graph([node], "case", [helper.make_tensor_value_info(name, types[str(value.dtype)], value.shape)
                                               for name, value in zip(names, case.inputs)],
                              [helper.make_tensor_value_info("result", TensorProto.FLOAT, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=9), names


def reference(case, seed_for):
    leaves = [torch.tensor(value, requires_grad=value.dtype == np.float32) for value in case.inputs]
    result = case.function(*leaves)
    seed = seed_for(tuple(result.shape))
    if result.requires_grad:
        (result * torch.tensor(seed)).sum().backward()
    gradients = {}
    for i, leaf in enumerate(leaves):
        if leaf.requires_grad:
            gradients[f"input_{i}"] = (torch.zeros_like(leaf) if leaf.grad is None else leaf.grad).numpy()
    if isinstance(case.function, torch.nn.Module):
        case.function.zero_grad()
    return result.detach().numpy(), seed, gradients


def check(case, folder):
    """"" or what differs; raises NotImplementedError for what joist refuses."""
    model, names = graph_of(case)
    if case.op not in {node.op_type for node in model.graph.node}:
        return f"the exporter wrote {[node.op_type for node in model.graph.node]}"
    result, seed, gradients = reference(case, lambda shape: normal(*shape))
    onnx.save(model, folder / "model.onnx")
    used = {value.name for value in model.graph.input}
    np.savez(folder / "in.npz", seed_result=seed, **{name: value for name, value in zip(names, case.inputs) if name in used})
    done = subprocess.run([JOIST, "onnx", "run", folder / "model.onnx", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz",
                           "--gradients", folder / "grads.npz"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if "unsupported" in done.stderr:
            raise NotImplementedError(done.stderr.strip())
        return done.stderr.strip()
    seen, slopes = np.load(folder / "out.npz")["result"], np.load(folder / "grads.npz")
    for what, found, wanted in [("result", seen, result), *((name, slopes[name], value) for name, value in gradients.items() if name in used)]:
        if found.shape != wanted.shape:
            return f"{what}: shape {found.shape}, wanted {wanted.shape}"
        largest = max(np.abs(wanted).max(initial=0), 1)
        if not np.abs(found - wanted).max(initial=0) <= 1e-4 * largest:
            return f"{what}: {np.abs(found - wanted).max():.3g} apart, of {largest:.3g}"
    return ""


class Gradients(unittest.TestCase):
    def test_are_those_of_pytorch(self):
        passed, unsupported, failed = set(), [], []
        with tempfile.TemporaryDirectory() as name:
            for case in CASES:
                try:
                    wrong = check(case, pathlib.Path(name))
                except NotImplementedError as error:
                    unsupported.append(f"{case.op}: {error}")
                    continue
                if wrong:
                    failed.append(f"{case.op}: {wrong}")
                else:
                    passed.add(case.op)
        ways = collections.Counter("exported" if case.attributes is None else "built" for case in CASES)
        print(f"gradients of {len(passed)} operators ({ways['exported']} exported graphs, {ways['built']} built by hand): "
              f"{len(CASES) - len(unsupported) - len(failed)} cases passed, {len(unsupported)} unsupported, {len(failed)} failed")
        for line in unsupported:
            print("unsupported", line)
        self.assertEqual(failed, [], "\n".join(failed))
        self.assertGreaterEqual(len(passed), 60)


if __name__ == "__main__":
    unittest.main()
