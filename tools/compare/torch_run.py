"""One PyTorch process of the comparison. compare.py starts it.

torch_run.py WORKLOAD prepare --weights FILE --inputs FILE    writes what joist starts from
torch_run.py WORKLOAD time MODE --json FILE                   times steps
Exit code 5: a package is missing, its name on standard error.
"""
import argparse
import dataclasses
import json
import pathlib
import resource
import sys
import time

from workloads import WORKLOADS

WARM_UP = 3
LOSSES = 5
MISSING = 5


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("task", choices=["prepare", "time"])
    parser.add_argument("mode", nargs="?", default="eager")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--vector-bits", type=int, help="of the code that torch.compile makes")
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--inputs", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


def write_arrays(file, arrays):
    import h5py
    with h5py.File(file, "w") as target:
        for name, tensor in arrays.items():
            target.create_dataset(name, data=tensor.contiguous().cpu().numpy())


def timed(peer, given):
    import torch
    step = peer.prepare(given.mode, given.bf16)
    losses, milliseconds = [], []
    for number in range(WARM_UP + given.steps):
        start = time.perf_counter()
        loss = step()
        if number < LOSSES:
            losses.append(loss.detach().clone())  # read at the end: a GPU is waited for once per step
        if given.device == "cuda":
            torch.cuda.synchronize()
        milliseconds.append(1000 * (time.perf_counter() - start))
    more = {"peak_bytes": torch.cuda.max_memory_allocated()} if given.device == "cuda" else {}
    return {**more, "mode": given.mode, "losses": [loss.item() for loss in losses], "first_step_ms": milliseconds[0], "step_ms": milliseconds[WARM_UP:],
            "parameters": sum(parameter.numel() for parameter in peer.model.parameters() if parameter.requires_grad),
            "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def main():
    given = options()
    import torch
    from peers import MissingPeer, Peer
    torch.set_num_threads(given.threads)
    if given.vector_bits:
        import torch._inductor.config
        torch._inductor.config.cpp.simdlen = given.vector_bits
    workload = dataclasses.replace(WORKLOADS[given.workload], batch=given.batch, size=given.size, rate=given.rate)
    try:
        peer = Peer(workload, given.device)
    except MissingPeer as error:
        print(error, file=sys.stderr)
        return MISSING
    if given.task == "prepare":
        write_arrays(given.weights, peer.weights())
        write_arrays(given.inputs, peer.batch)
        return 0
    given.json.write_text(json.dumps({**timed(peer, given), "torch": torch.__version__,
                                      "instruction_set": torch.backends.cpu.get_cpu_capability()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
