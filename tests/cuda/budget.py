"""Registers, spills and shared memory of the GPU's kernels, held to a budget (budget.json).

    python3 tests/cuda/budget.py BUILD           what exceeds its budget; BUILD holds a libjoist_cuda.so
    python3 tests/cuda/budget.py BUILD --renew   the budget as the kernels are now

The numbers are those that nvcc's assembler prints while it compiles (tools/cmake/ptxas_log). Kernels of one body, which
differ in element types or functions, share an entry: the largest numbers of them.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("JOIST_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUDGET = SOURCE / "tests/cuda/budget.json"
ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(\w+)'")
STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")
NUMBERS = ("registers", "stack", "spill", "shared")


def demangled(names):
    tool = shutil.which("c++filt")
    if not tool or not names:
        return list(names)
    return subprocess.run([tool], input="\n".join(names), capture_output=True, text=True, check=True).stdout.splitlines()


def body_of(name):
    """ "void joist::cuda::run_body<joist::cuda::(anonymous namespace)::Rows<…> >(…)" -> "Rows"; of what each() runs the
    function that called it."""
    text = re.sub(r"joist::cuda::|\(anonymous namespace\)::|joist::", "", name)
    found = re.match(r"(?:void )?(?:run_body<)?(Each<)?(?:void )?(?:__nv_\w+<.*?&\(?(?:void )?)*(\w+)", text)
    return ("each " if found.group(1) else "") + found.group(2)


def read(texts):
    """{source stem: text} of the assembler -> {architecture, {kernel: numbers}}."""
    kernels, architectures = {}, set()
    for source, text in texts.items():
        found, now = [], None
        for line in text.splitlines():
            if entry := ENTRY.search(line):
                now = {"name": entry.group(1), "stack": 0, "spill": 0, "registers": 0, "shared": 0}
                architectures.add(entry.group(2))
                found.append(now)
            elif now is not None and (stack := STACK.search(line)):
                now["stack"], now["spill"] = int(stack.group(1)), int(stack.group(2)) + int(stack.group(3))
            elif now is not None and (used := USED.search(line)):
                now["registers"] = int(used.group(1))
                now["shared"] = int((SHARED.search(line) or [0, 0])[1])
        for one, name in zip(found, demangled([one["name"] for one in found])):
            entry = kernels.setdefault(f"{source}: {body_of(name)}", collections.Counter(kernels=0))
            entry["kernels"] += 1
            for number in NUMBERS:
                entry[number] = max(entry[number], one[number])
    return architectures, {name: dict(numbers) for name, numbers in sorted(kernels.items())}


def logs(build):
    return {path.name.split(".")[0]: path.read_text() for path in
            sorted((pathlib.Path(build) / "cuda/CMakeFiles/joist_cuda.dir").glob("**/*.cu.ptxas"))}


def nvcc_of(build):
    """The version that compiled, as the build knows it; "" where it has none."""
    for file in pathlib.Path(build).glob("CMakeFiles/*/CMakeCUDACompiler.cmake"):
        if version := re.search(r'CMAKE_CUDA_COMPILER_VERSION "(\d+\.\d+)', file.read_text()):
            return version.group(1)
    return ""


def excesses(budget, kernels):
    """A line for each kernel that is not what the budget allows."""
    lines = []
    for name, numbers in kernels.items():
        allowed = budget.get(name)
        if allowed is None:
            lines.append(f"{name}: not in the budget ({', '.join(f'{key} {numbers[key]}' for key in NUMBERS)})")
            continue
        lines += [f"{name}: {key} {numbers[key]}, the budget is {allowed[key]}" for key in NUMBERS
                  if numbers[key] > allowed[key]]
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--renew", action="store_true")
    options = parser.parse_args(arguments)
    architectures, kernels = read(logs(options.build))
    if not kernels:
        print(f"{options.build}: nothing that nvcc compiled")
        return 3
    if options.renew:
        BUDGET.write_text(json.dumps({"nvcc": nvcc_of(options.build), "architectures": sorted(architectures)}, indent=1)[:-2] +
                          ',\n "kernels": {\n' +
                          ",\n".join(f"  {json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in kernels.items()) +
                          "\n }\n}\n", encoding="utf-8")
    lines = excesses(json.loads(BUDGET.read_text(encoding="utf-8"))["kernels"], kernels)
    print("\n".join(lines) if lines else f"{len(kernels)} kernels within their budget")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
