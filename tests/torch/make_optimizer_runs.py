"""Writes what PyTorch's optimizers make of a small convolutional network.

    python3 tests/torch/make_optimizer_runs.py FILE

100 steps of every optimizer in torch.optim, in float64 and (10 steps) in float32, from PyTorch's initial weights, on five
batches in turn; L-BFGS, which takes the change of batch for curvature and is chaotic then, on all of them together. FILE (JSON) holds weights, batches and, for each run, its joist name and options and the parameters after some
of the steps. tests/optim/torch_runs_test.cpp repeats the runs.
"""
import json
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import _muon

STEPS = {torch.float64: (1, 2, 3, 10, 30, 100), torch.float32: (1, 2, 5, 10)}


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        conv = nn.Conv2d(1, 4, 3, padding=1)
        fc = nn.Linear(64, 5)
        # As a matrix, so that Muon takes it.
        self.conv_weight = nn.Parameter(conv.weight.detach().reshape(4, 9))
        self.conv_bias = nn.Parameter(conv.bias.detach().clone())
        self.fc_weight = nn.Parameter(fc.weight.detach().clone())
        self.fc_bias = nn.Parameter(fc.bias.detach().clone())

    def forward(self, x):
        x = F.relu(F.conv2d(x, self.conv_weight.reshape(4, 1, 3, 3), self.conv_bias, padding=1))
        return F.linear(F.max_pool2d(x, 2).flatten(1), self.fc_weight, self.fc_bias)


class FourAxes(Network):
    """The kernel as PyTorch has it, for optimizers that look at shapes."""

    def __init__(self):
        super().__init__()
        self.conv_weight = nn.Parameter(self.conv_weight.detach().reshape(4, 1, 3, 3))


def orthogonalized(grad, ns_coefficients, ns_steps, eps):
    """torch.optim._muon's iteration, in the gradient's own type instead of bfloat16."""
    a, b, c = ns_coefficients
    x = grad.T if grad.size(0) > grad.size(1) else grad
    x = x / x.norm().clamp(min=eps)
    for _ in range(ns_steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if grad.size(0) > grad.size(1) else x


class MuonAndAdamW:
    """What joist's muon does with parameters that are no matrices."""

    def __init__(self, parameters, other_lr, **options):
        parameters = list(parameters)
        self.both = (torch.optim.Muon([p for p in parameters if p.ndim == 2], **options),
                     torch.optim.AdamW([p for p in parameters if p.ndim != 2], lr=other_lr, weight_decay=0))

    def zero_grad(self):
        for one in self.both:
            one.zero_grad()

    def step(self, closure):
        loss = closure()
        for one in self.both:
            one.step()
        return loss


def joist_options(options):
    names = {"betas": ("beta1", "beta2"), "etas": ("etaminus", "etaplus"), "step_sizes": ("step_size_min", "step_size_max"),
             "eps_pair": ("eps1", "eps2")}
    result = []
    for name, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        for own, one in zip(names.get(name, (name,)), values):
            result.append([own, str(one).lower() if isinstance(one, bool) else str(one)])
    return result


O = torch.optim
RUNS = [
    ("sgd", O.SGD, dict(lr=0.05)),
    ("sgd", O.SGD, dict(lr=0.02, momentum=0.9, dampening=0.2, weight_decay=0.01)),
    ("sgd", O.SGD, dict(lr=0.02, momentum=0.9, nesterov=True)),
    ("sgd", O.SGD, dict(lr=0.001, momentum=0.9, maximize=True)),
    ("adam", O.Adam, dict(lr=0.003)),
    ("adam", O.Adam, dict(lr=0.003, betas=(0.8, 0.95), weight_decay=0.1, amsgrad=True)),
    ("adam", O.Adam, dict(lr=0.0003, maximize=True)),
    ("adamw", O.AdamW, dict(lr=0.003)),
    ("adamw", O.AdamW, dict(lr=0.003, weight_decay=0.3, amsgrad=True, eps=1e-4)),
    ("adagrad", O.Adagrad, dict()),
    ("adagrad", O.Adagrad, dict(lr=0.05, lr_decay=0.01, weight_decay=0.01, initial_accumulator_value=0.1)),
    ("adadelta", O.Adadelta, dict()),
    ("adadelta", O.Adadelta, dict(lr=0.5, rho=0.95, eps=1e-5, weight_decay=0.01)),
    ("rmsprop", O.RMSprop, dict(lr=0.001)),
    ("rmsprop", O.RMSprop, dict(lr=0.001, alpha=0.9, centered=True, momentum=0.5, weight_decay=0.01, eps=1e-4)),
    ("rmsprop", O.RMSprop, dict(lr=0.001, momentum=0.5)),
    ("adamax", O.Adamax, dict()),
    ("adamax", O.Adamax, dict(lr=0.005, betas=(0.8, 0.99), weight_decay=0.01)),
    ("nadam", O.NAdam, dict()),
    ("nadam", O.NAdam, dict(lr=0.003, momentum_decay=0.01, weight_decay=0.1, decoupled_weight_decay=True)),
    ("nadam", O.NAdam, dict(lr=0.003, weight_decay=0.01)),
    ("radam", O.RAdam, dict()),
    ("radam", O.RAdam, dict(lr=0.003, weight_decay=0.1, decoupled_weight_decay=True)),
    ("rprop", O.Rprop, dict(lr=0.001)),
    ("rprop", O.Rprop, dict(lr=0.001, etas=(0.4, 1.1), step_sizes=(1e-5, 0.01))),
    ("asgd", O.ASGD, dict()),
    ("asgd", O.ASGD, dict(lr=0.05, lambd=0.01, alpha=0.6, t0=20, weight_decay=0.01)),
    ("adafactor", O.Adafactor, dict()),
    ("adafactor", O.Adafactor, dict(lr=0.03, beta2_decay=-0.5, d=2.0, weight_decay=0.1)),
    ("muon", MuonAndAdamW, dict(lr=0.005, other_lr=0.003)),
    ("muon", MuonAndAdamW, dict(lr=0.003, other_lr=0.001, momentum=0.8, nesterov=False, weight_decay=0.3,
                                adjust_lr_fn="match_rms_adamw")),
    # Settings in which PyTorch itself, from weights one unit in the last place apart, ends less than 1e-10 apart: with
    # lr=0.1 and max_iter=2 that is 3e-8 already.
    ("lbfgs", O.LBFGS, dict(lr=0.1, max_iter=1, history_size=10)),
    ("lbfgs", O.LBFGS, dict(lr=0.05, max_iter=2, history_size=3)),
    ("lbfgs", O.LBFGS, dict(max_iter=1, history_size=10, line_search_fn="strong_wolfe")),
    ("lbfgs", O.LBFGS, dict(lr=0.5, max_iter=2, history_size=4, line_search_fn="strong_wolfe")),
]


def whole(batches):
    return torch.cat([x for x, _ in batches]), torch.cat([target for _, target in batches])


def run(make, options, dtype, weights, batches, network):
    torch.set_default_dtype(dtype)
    model = network()
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), weights):
            parameter.copy_(value.reshape(parameter.shape))
    optimizer = make(model.parameters(), **options)
    result = {}
    for step in range(1, max(STEPS[dtype]) + 1):
        x, target = whole(batches) if make is O.LBFGS else batches[(step - 1) % len(batches)]

        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x.to(dtype)), target)
            loss.backward()
            return loss

        optimizer.step(closure)
        if step in STEPS[dtype]:
            result[str(step)] = [p.detach().double().reshape(-1).tolist() for p in model.parameters()]
    return result


def main():
    torch.set_num_threads(1)
    torch.manual_seed(3)
    torch.set_default_dtype(torch.float64)
    weights = [p.detach().clone() for p in Network().parameters()]
    batches = [(torch.randn(8, 1, 8, 8), torch.randint(0, 5, (8,))) for _ in range(5)]
    _muon._zeropower_via_newtonschulz = orthogonalized
    known = {name.lower() for name in dir(O) if isinstance(getattr(O, name), type)} - {"optimizer", "sparseadam"}
    left = known - {make.__name__.lower() for _, make, _ in RUNS} - {"muon"}
    assert not left, f"no run of {left}"
    runs = []
    for name, make, options in RUNS:
        network = Network if make is MuonAndAdamW else FourAxes
        runs.append({"optimizer": name, "options": joist_options(options), "matrix_kernel": network is Network,
                     "whole": make is O.LBFGS,
                     "float64": run(make, options, torch.float64, weights, batches, network),
                     "float32": run(make, options, torch.float32, weights, batches, network)})
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"torch": torch.__version__, "weights": [w.reshape(-1).tolist() for w in weights],
                   "batches": [{"x": x.reshape(-1).tolist(), "target": t.tolist()} for x, t in batches], "runs": runs}, file)


main()
