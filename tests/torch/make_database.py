"""Writes samples of PyTorch's own test database: arguments, results, gradients, as PyTorch computes them on the CPU.

    python3 make_database.py FOLDER [--seed N] [--only PATTERN …]

FOLDER gets database.bin (all samples, see fixture_writer.py) and index.json (what was taken and what was left out, with
reasons). Samples come from OpInfo.sample_inputs (torch.testing._internal.common_methods_invocations.op_db) and
ModuleInfo's inputs (common_modules.module_db), in float64 and float32 with gradients, in int64 and bool without. Two
runs with one seed and one version of PyTorch write the same bytes. Left out: complex numbers (except of the Fourier transforms,
where they become a trailing axis of 2), out= variants (the database tests them on the same samples), sparse tensors,
functions of one device other than the CPU, tensors of more than 100 000 elements.
"""
import argparse
import collections
import contextlib
import copy
import fnmatch
import json
import pathlib
import random
import sys
import warnings
import zlib

import numpy as np
import torch

from fixture_writer import LeftOut, Writer

MAX_ELEMENTS = 100_000
PASSES = {"float64": (torch.float64, True), "float32": (torch.float32, True),
          "int64": (torch.int64, False), "bool": (torch.bool, False)}
COMPLEX_OPS = ("fft.*", "stft", "istft", "view_as_real", "view_as_complex")
# Nothing to compare: results without defined contents, kernels of other devices, operators of compiled graphs.
NOT_ON_CPU = ("jiterator*", "torch._scaled*", "torch.ops.aten._flash*", "torch.ops.aten._efficient*", "bmm.triton*",
              "sparse.*", "to_sparse")
RANDOM = ("rand*", "bernoulli", "multinomial", "normal*", "*dropout*", "nn.functional.rrelu", "uniform")
UNDEFINED = ("empty", "empty_*", "new_empty", "new_empty_*", "resize_", "resize_as_")


def absolute(*tensors):
    return tuple(t.abs() for t in tensors)


# Factorizations are unique up to signs: what is compared is the same for every choice of them.
UNIQUE = {
    # Columns of full matrices beyond the singular values are not determined either.
    "svd": lambda r: (r[0][..., :r[1].shape[-1]].abs(), r[1], r[2][..., :r[1].shape[-1]].abs()),
    "linalg.svd": lambda r: (r[0][..., :r[1].shape[-1]].abs(), r[1], r[2][..., :r[1].shape[-1], :].abs()),
    "linalg.eigh": lambda r: (r[0], r[1].abs()),
    "linalg.qr": lambda r: absolute(*r),
}


def triangle(position):
    """PyTorch's backward fills the triangle of a factor that is not read; behind tril or triu it is 0, as it should be."""
    def prepared(args, kwargs):
        cut = torch.triu if kwargs.get("upper") else torch.tril
        return [cut(arg) if i == position else arg for i, arg in enumerate(args)]
    return prepared


PREPARED = {"cholesky_inverse": triangle(0), "cholesky_solve": triangle(1)}


def seed_all(*parts):
    seed = zlib.crc32("/".join(map(str, parts)).encode())
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)


def fresh(value, grad=None):
    """A copy whose tensors are leaves of their own, dense and row-major; grad None keeps requires_grad."""
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_nested:
            raise LeftOut("sparse or nested tensor")
        if value.numel() > MAX_ELEMENTS:
            raise LeftOut("tensor of more than 100 000 elements")
        leaf = value.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
        wanted = value.requires_grad if grad is None else grad
        return leaf.requires_grad_(wanted and (leaf.is_floating_point() or leaf.is_complex()))
    if isinstance(value, torch.Size):
        return value
    if isinstance(value, tuple):
        items = [fresh(item, grad) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [fresh(item, grad) for item in value]
    if isinstance(value, dict):
        return {key: fresh(item, grad) for key, item in value.items()}
    return value


def same(a, b):
    a, b = list(tensors_in(a)), list(tensors_in(b))
    return len(a) == len(b) and all(
        x.shape == y.shape and torch.equal(torch.nan_to_num(torch.view_as_real(x) if x.is_complex() else x),
                                           torch.nan_to_num(torch.view_as_real(y) if y.is_complex() else y))
        for x, y in zip(a, b))


@contextlib.contextmanager
def own_seed():
    """Keeps the database's wrappers of random functions from setting a seed of theirs."""
    seed, torch.manual_seed = torch.manual_seed, lambda _: None
    try:
        yield
    finally:
        torch.manual_seed = seed


def gradients(outputs, leaves, label):
    """Cotangents of the outputs (None: not differentiable) and the gradients of the leaves, None where there is none."""
    seed_all(label, "cotangent")
    wanted = [o for o in tensors_in(outputs) if o.requires_grad]
    cotangents = [torch.randn(o.shape, dtype=o.dtype) for o in wanted]
    found = torch.autograd.grad(wanted, leaves, cotangents, allow_unused=True) if wanted and leaves else []
    given = iter(cotangents)
    return [next(given) if o.requires_grad else None for o in tensors_in(outputs)], list(found)


def record(writer, name, dtype, index, run, parts, options):
    """One sample. run(parts) -> (outputs, state afterwards or None)."""
    label = f"{name}/{dtype}/{index}"
    complex_too = any(fnmatch.fnmatch(name, pattern) for pattern in COMPLEX_OPS)
    parts = fresh(parts, None if options["grad"] else False)
    results = []
    # What differs between seeds is random; few numbers may agree by chance.
    for attempt in range(10 if any(fnmatch.fnmatch(name, pattern) for pattern in RANDOM) else 2):
        seed_all(label, "run", attempt)
        inputs = fresh(parts)
        with own_seed():
            outputs, after = run(inputs)
        results.append((inputs, outputs, after))
    inputs, outputs, after = results[0]
    shapes_only = options["undefined"] or not all(same(outputs, other[1]) for other in results[1:])
    leaves = [] if shapes_only else [t for t in tensors_in(inputs) if t.requires_grad]
    cotangents, found = [None for _ in tensors_in(outputs)], []
    failure = ""
    if leaves:
        try:
            cotangents, found = gradients(outputs, leaves, label)
        except (RuntimeError, NotImplementedError) as error:
            failure = str(error).split("\n")[0]
    writer.begin()
    writer.sample(name=name, dtype=dtype, index=index, shapes_only=shapes_only, complex_too=complex_too,
                  training=options.get("training", False), parts=parts, outputs=outputs, cotangents=cotangents,
                  gradients=found, after=after or {})
    writer.end()
    return failure


def op_samples(name, op, dtype, torch_dtype, grad, seed):
    seed_all(seed, name, dtype)
    return list(op.sample_inputs("cpu", torch_dtype, requires_grad=grad and op.supports_autograd, set_seed=False))


def write_ops(writer, tally, take, seed):
    from torch.testing._internal.common_methods_invocations import op_db
    for op in op_db:
        name = op.name + ("." + op.variant_test_name if op.variant_test_name else "")
        if not take(name):
            continue
        if any(fnmatch.fnmatch(name, pattern) for pattern in NOT_ON_CPU):
            tally[name]["of another device or of sparse tensors"] += 1
            continue
        passes = dict(PASSES)
        if any(fnmatch.fnmatch(name, pattern) for pattern in COMPLEX_OPS):
            passes["complex128"] = (torch.complex128, True)
        for dtype, (torch_dtype, grad) in passes.items():
            if not op.supports_dtype(torch_dtype, "cpu"):
                continue
            try:
                samples = op_samples(name, op, dtype, torch_dtype, grad, seed)
            except Exception as error:  # a sampler that does not know the dtype
                tally[name]["no samples: " + str(error).split("\n")[0][:80]] += 1
                continue
            unique = UNIQUE.get(name, lambda result: result)
            prepared = PREPARED.get(name, lambda args, kwargs: args)
            options = {"grad": grad and op.supports_autograd,
                       "undefined": any(fnmatch.fnmatch(name, pattern) for pattern in UNDEFINED)}
            for index, sample in enumerate(samples):
                parts = {"args": [sample.input, *sample.args], "kwargs": sample.kwargs}
                run = lambda p: (unique(op.op(*prepared(p["args"], p["kwargs"]), **p["kwargs"])), None)
                attempt(writer, tally, name, dtype, index, run, parts, options)


def write_modules(writer, tally, take, seed):
    from torch.testing._internal.common_modules import module_db
    for info in module_db:
        if not take(info.name):
            continue
        for dtype in ("float64", "float32"):
            for training in ((True, False) if info.train_and_eval_differ else (True,)):
                seed_all(seed, info.name, dtype, training)
                samples = info.module_inputs_func(info, device="cpu", dtype=PASSES[dtype][0], requires_grad=True,
                                                  training=training)
                for index, sample in enumerate(list(samples)):
                    build, forward = sample.constructor_input, sample.forward_input
                    if forward is None:
                        continue
                    module = info.module_cls(*build.args, **build.kwargs).to(PASSES[dtype][0])
                    module.train(training)
                    if "Lazy" in info.name:
                        module(*forward.args, **forward.kwargs)  # makes the parameters
                    state = dict(module.named_parameters())
                    frozen = {key: value for key, value in module.state_dict().items() if key not in state}
                    parts = {"args": list(build.args), "kwargs": build.kwargs, "state": {**state, **frozen},
                             "inputs": list(forward.args), "input_kwargs": forward.kwargs}

                    def run(p):
                        one = copy.deepcopy(module)
                        for key in frozen:
                            owner, _, last = key.rpartition(".")
                            one.get_submodule(owner)._buffers[last] = p["state"][key].clone()
                        outputs = torch.func.functional_call(one, {k: p["state"][k] for k in state},
                                                             tuple(p["inputs"]), p["input_kwargs"])
                        return outputs, {key: one.state_dict()[key].clone() for key in frozen}

                    attempt(writer, tally, info.name, dtype, 2 * index + (not training), run, parts,
                            {"grad": True, "undefined": False, "training": training})


def attempt(writer, tally, name, dtype, index, run, parts, options):
    try:
        failure = record(writer, name, dtype, index, run, parts, options)
        tally[name]["without gradients: " + failure[:80] if failure else "taken"] += 1
    except LeftOut as reason:
        writer.drop()
        tally[name][str(reason)] += 1
    except Exception as error:
        writer.drop()
        tally[name][f"PyTorch refuses: {type(error).__name__}: " + str(error).split("\n")[0][:80]] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0, help="other samples")
    parser.add_argument("--only", nargs="*", default=["*"], help="patterns of names")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    tally = collections.defaultdict(collections.Counter)
    take = lambda name: any(fnmatch.fnmatch(name, pattern) for pattern in arguments.only)
    with open(arguments.folder / "database.bin", "wb") as file:
        writer = Writer(file)
        write_ops(writer, tally, take, arguments.seed)
        write_modules(writer, tally, take, arguments.seed)
    reasons = collections.Counter()
    for counts in tally.values():
        reasons.update({reason if reason == "taken" else reason.split(":")[0]: n for reason, n in counts.items()})
    index = {"torch": torch.__version__, "seed": arguments.seed, "counts": dict(reasons), "functions": tally}
    (arguments.folder / "index.json").write_text(json.dumps(index, indent=1))
    for reason, count in reasons.most_common():
        print(f"{count:7d}  {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
