#!/usr/bin/env python3
"""joist and PyTorch on the same machine: time per training step and peak memory. README.md says what is done and why.

python3 tools/compare/compare.py                        the usual workloads
python3 tools/compare/compare.py gpt lstm --runs 5      some of them, more rounds
python3 tools/compare/compare.py --isa avx2             as on a processor without AVX-512
python3 tools/compare/compare.py --bf16                 products in bfloat16 on both sides
python3 tools/compare/compare.py --losses-only          only whether both compute the same
Exit code: 0 all losses agree, 1 some do not or a side failed, 2 wrong usage.
"""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import sys

import figures
from workloads import USUAL, WORKLOADS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MISSING = 5  # exit code of torch_run.py where a package is missing
TIME_LIMIT = 3600  # seconds of one process
# Relative difference of the losses, and of their fall over 5 steps: float32, bfloat16.
TOLERANCE = {False: (1e-3, 0.05), True: (2e-2, 0.5)}
ISA = {"avx2": {"JOIST_MAX_CPU_ISA": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2",
                "MKL_ENABLE_INSTRUCTIONS": "AVX2"}, "native": {}}


class Failed(Exception):
    """A process ended badly; the text is the end of what it said."""


class Absent(Exception):
    """The workload needs a package that is not there."""


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; usual: {', '.join(USUAL)}")
    parser.add_argument("--isa", choices=ISA, default="native", help="avx2: both sides without AVX-512")
    parser.add_argument("--bf16", action="store_true", help="bfloat16 autocast on both sides")
    parser.add_argument("--runs", type=int, default=3, help="rounds of joist and PyTorch in turn (default 3)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of each side (default: all cores)")
    parser.add_argument("--modes", help="PyTorch's modes to try, with commas between (default: all)")
    parser.add_argument("--losses-only", action="store_true", help="compare the losses of 5 steps; no times")
    parser.add_argument("--batch", type=int, help="instead of the workload's own")
    parser.add_argument("--size", type=int, help="instead of the workload's own")
    parser.add_argument("--rate", type=float, help="learning rate, instead of the workload's own")
    parser.add_argument("--steps", type=int, help="measured per run, instead of the workload's own")
    parser.add_argument("--joist", type=pathlib.Path, default=ROOT / "build/release/bin/joist", help="the command")
    parser.add_argument("--python", type=pathlib.Path, default=ROOT / "build/venv/bin/python3", help="one that has PyTorch")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/compare", help="folder of files in between")
    parser.add_argument("--json", type=pathlib.Path, help="the result (default: compare.json in the folder --work)")
    given = parser.parse_args(arguments)
    for name in given.workloads:
        if name not in WORKLOADS:
            parser.error(f"no workload is named {name!r}; there are {', '.join(WORKLOADS)}")
    for name, least in (("runs", 1), ("threads", 1), ("batch", 1), ("size", 1), ("steps", 2)):
        if getattr(given, name) is not None and getattr(given, name) < least:
            parser.error(f"--{name} {getattr(given, name)}: expected at least {least}")
    if not given.joist.is_file():
        parser.error(f"{given.joist} does not exist: build joist (tools/test), or --joist FILE")
    if not given.python.is_file():
        parser.error(f"{given.python} does not exist: tools/test --with-torch makes it, or --python FILE")
    known = {mode for workload in WORKLOADS.values() for mode in workload.modes}
    given.modes = given.modes.split(",") if given.modes else None
    if given.modes and not known.issuperset(given.modes):
        parser.error(f"--modes {','.join(given.modes)}: expected some of {', '.join(sorted(known))}")
    return given


class Session:
    """Runs processes of both sides under the same conditions."""

    def __init__(self, given):
        self.given = given
        self.work = given.work
        self.work.mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, **ISA[given.isa], "OMP_NUM_THREADS": str(given.threads),
                            "PYTHONDONTWRITEBYTECODE": "1", "TORCHINDUCTOR_CACHE_DIR": str(self.work / "inductor")}

    def run(self, *command):
        done = subprocess.run([str(part) for part in command], env=self.environment, capture_output=True, text=True,
                              timeout=TIME_LIMIT, check=False)
        if done.returncode == MISSING and str(HERE) in str(command[1]):
            raise Absent(done.stderr.strip().split("\n")[-1])
        if done.returncode != 0:
            raise Failed(f"{' '.join(str(part) for part in command)}\nended with {done.returncode}: "
                         + "\n".join((done.stdout + done.stderr).strip().split("\n")[-8:]))
        return done.stdout

    def result(self, file, *command):
        self.run(*command, "--json", file)
        return json.loads(file.read_text())

    def torch(self, workload, task, *more):
        return [self.given.python, HERE / "torch_run.py", workload.name, task, *more, "--batch", workload.batch, "--size",
                workload.size, "--rate", workload.rate, "--threads", self.given.threads]

    def files(self, workload):
        return ["--weights", self.work / f"{workload.name}-weights.h5", "--inputs", self.work / f"{workload.name}-inputs.h5"]

    def prepare(self, workload):
        self.run(*self.torch(workload, "prepare"), *self.files(workload))

    def time_torch(self, workload, mode):
        more = ["--steps", workload.steps, *(["--bf16"] if self.given.bf16 else []),
                *(["--vector-bits", 256] if self.given.isa == "avx2" else [])]
        return self.result(self.work / f"{workload.name}-torch.json", *self.torch(workload, "time", mode), *more)

    def time_joist(self, workload):
        return self.result(self.work / f"{workload.name}-joist.json", self.given.joist, "bench", "train", "--model",
                           workload.name, *self.files(workload), "--no-drops", "--classes", workload.classes, "--lr",
                           workload.rate, "--steps", workload.steps, "--threads", self.given.threads,
                           *(["--bf16"] if self.given.bf16 else []))

    def roofline(self):
        return self.result(self.work / "roofline.json", self.given.joist, "bench", "roofline", "--threads", self.given.threads)


def best_mode(session, workload, say):
    """Runs every mode once: (runs by mode, the fastest, what failed)."""
    runs, failed = {}, {}
    for mode in [mode for mode in workload.modes if not session.given.modes or mode in session.given.modes]:
        try:
            runs[mode] = session.time_torch(workload, mode)
            say(f"{workload.name}: PyTorch {mode} {figures.median(runs[mode]['step_ms']):.1f} ms")
        except Failed as error:  # torch.compile needs a compiler and does not take every model
            failed[mode] = str(error)
            say(f"{workload.name}: PyTorch {mode} failed")
    if not runs:
        raise Failed("\n".join(failed.values()) or "none of --modes is a mode of this workload")
    return runs, min(runs, key=lambda mode: figures.median(runs[mode]["step_ms"])), failed


def compare(session, workload, say):
    """All that is known of one workload afterwards."""
    given = session.given
    session.prepare(workload)
    if given.losses_only:
        workload = dataclasses.replace(workload, steps=2)
        mode = given.modes[0] if given.modes else "eager"
        pairs = [(session.time_joist(workload), session.time_torch(workload, mode))]
        result = figures.workload_result(workload, mode, pairs, {}, {}, *TOLERANCE[given.bf16])
        result.pop("ratio", None)  # two steps of one run are no measurement
        return result
    trials, mode, failed = best_mode(session, workload, say)
    pairs = []
    for number in range(given.runs):
        sides = [lambda: session.time_joist(workload), lambda: session.time_torch(workload, mode)]
        first = number % 2  # who is measured first changes: what heats the machine hits both
        results = {first: sides[first](), 1 - first: sides[1 - first]()}
        pairs.append((results[0], results[1]))
    result = figures.workload_result(workload, mode, pairs, trials, failed, *TOLERANCE[given.bf16])
    say(figures.line(result))
    return result


def main(arguments=None):
    given = options(arguments)
    say = lambda text: print(text, file=sys.stderr, flush=True)
    session = Session(given)
    roofs, results = [] if given.losses_only else [session.roofline()], []
    for name in given.workloads or USUAL:
        changed = {key: getattr(given, key) for key in ("batch", "size", "steps", "rate") if getattr(given, key) is not None}
        workload = dataclasses.replace(WORKLOADS[name], **changed)
        try:
            results.append(compare(session, workload, say))
        except Absent as error:
            results.append({"workload": name, "skipped": str(error)})
        except (Failed, subprocess.TimeoutExpired) as error:
            results.append({"workload": name, "failed": str(error)})
        if not given.losses_only:
            roofs.append(session.roofline())
    outcome = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
               "processor": figures.processor(), "threads": given.threads, "isa": given.isa, "bfloat16": given.bf16,
               "joist": session.run(given.joist, "--version").strip(), "runs": given.runs, "tolerance": TOLERANCE[given.bf16],
               "roofline": figures.roofline_range(roofs), "workloads": results, **figures.means(results)}
    file = given.json or given.work / "compare.json"
    file.write_text(json.dumps(outcome, indent=1) + "\n")
    print(figures.agreement(results) if given.losses_only else figures.table(outcome))
    print(f"All figures: {file}")
    return 1 if any("failed" in result or result.get("agrees") is False for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
