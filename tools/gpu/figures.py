"""Training steps of joist on a GPU beside PyTorch's, and where joist's time goes by kernel."""
import glob
import json
import os
import re

# name: batch, size, classes. All with bfloat16 products on both sides.
WORKLOADS = {"resnet50": (256, 224, 1000), "yolo_n": (32, 320, 80), "gpt2": (16, 1024, 50304), "lstm": (64, 128, 65)}
SEQUENCES = ("gpt2", "lstm")
LARGE = ("resnet50", "gpt2")  # whose steps on the CPU, by which memory is foreseen, take longer than the rest of a run
STEPS, SECONDS, MISSING = 10, 90, 5
CUPTI = ("/usr/local/cuda/extras/CUPTI", "/usr/local/cuda", "/usr/local")


def modes(name):
    """PyTorch's, where pictures lie as joist has them."""
    return ("eager", "compile") if name in SEQUENCES else ("channels_last", "channels_last+compile")


def arguments(name):
    batch, size, classes = WORKLOADS[name]
    return ["bench", "train", "--model", name, "--batch", batch, "--size", size, "--classes", classes, "--steps", STEPS,
            "--no-drops", "--bf16", "--device", "cuda"]


def joist(run, name, graphs):
    file = run.work / f"{name}-joist{'-graphs' if graphs else ''}.json"
    foreseen = [] if graphs or name in LARGE else ["--predict-memory"]
    run.command(run.build / "bin/joist", *arguments(name), *foreseen, "--json", file, limit=SECONDS,
                environment={"JOIST_CAPTURE": "1" if graphs else "0"})
    figures = json.loads(file.read_text())
    if graphs and not figures["captured"]:
        raise RuntimeError("steps are not recorded: " + figures["why_not_captured"])
    return {key: figures[key] for key in ("samples_per_second", "step_ms_median", "step_ms_fastest", "step_ms_p90", "first_step_ms",
                                          "peak_bytes", "predicted_peak_bytes", "losses")}


def torch(run, name, mode):
    batch, size, _ = WORKLOADS[name]
    file = run.work / f"{name}-torch-{mode}.json"
    done = run.command(run.given.python, run.root / "tools/compare/torch_run.py", name, "time", mode, "--device", "cuda", "--batch",
                       batch, "--size", size, "--rate", "1e-4", "--threads", len(os.sched_getaffinity(0)), "--steps", STEPS,
                       "--bf16", "--json", file, limit=SECONDS, check=False, libraries=False)
    if done.returncode == MISSING or "No module named" in done.stderr:
        raise run.NotDone(done.stderr.strip().split("\n")[-1])
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-500:])
    figures = json.loads(file.read_text())
    times = sorted(figures["step_ms"])
    median = times[len(times) // 2]
    return {"samples_per_second": round(1000 * batch / median, 1), "step_ms_median": median, "step_ms_fastest": times[0],
            "first_step_ms": figures["first_step_ms"], "peak_bytes": figures.get("peak_bytes"), "torch": figures["torch"],
            "losses": figures["losses"]}


def kernel_times(run):
    """Builds the library that sums the GPU's time by kernel."""
    places = [place for place in CUPTI if os.path.exists(f"{place}/include/cupti.h")]
    if not places:
        raise run.NotDone("no cupti.h")
    libraries = [folder for place in CUPTI for folder in (f"{place}/lib64", f"{place}/lib") if glob.glob(f"{folder}/libcupti.so")]
    file = run.work / "libkernel_times.so"
    run.command("g++", "-std=c++20", "-O2", "-fPIC", "-shared", *(f"-I{place}/include" for place in places),
                "-I/usr/local/cuda/include", run.root / "tools/gpu/kernel_times.cpp", "-o", file,
                *(word for folder in libraries for word in (f"-L{folder}", f"-Wl,-rpath,{folder}")), "-lcupti", limit=60)
    return str(file)


def kernels(run, name):
    library, file = run.work / "libkernel_times.so", run.work / f"{name}-kernels.txt"
    if not library.exists():
        raise run.NotDone("kernel_times was not built")
    file.unlink(missing_ok=True)
    run.command(run.build / "bin/joist", *arguments(name), limit=SECONDS,
                environment={"CUDA_INJECTION64_PATH": str(library), "KERNEL_TIMES": str(file)})
    lines = file.read_text().splitlines()
    busy = re.match(r"busy ([\d.]+) ms of ([\d.]+)", lines[0])
    if not busy:
        raise RuntimeError(f"{file}: {lines[0][:200]}")
    return {"busy_ms": float(busy[1]), "of_ms": float(busy[2]), "most": [" ".join(line.split())[:160] for line in lines[1:6]],
            "all": str(file)}


def beside(steps):
    """{workload: the fastest step of each side and their ratio}, of those where both ran."""
    found = {}
    for name in WORKLOADS:
        sides = {}
        for step in steps:
            of, _, what = step["step"].partition(": ")
            if of == name and step["state"] == "passed" and what != "kernels":
                side = "torch" if what.startswith("torch") else "joist"
                sides.setdefault(side, []).append((step["result"]["step_ms_median"], what))
        if len(sides) == 2:
            ours, theirs = min(sides["joist"]), min(sides["torch"])
            found[name] = {"joist_ms": ours[0], "joist": ours[1], "torch_ms": theirs[0], "torch": theirs[1],
                           "ratio": round(theirs[0] / ours[0], 3)}
    return found


def steps(run):
    """(name of the step, what it does), in order."""
    yield "kernel_times", lambda: kernel_times(run)
    for name in WORKLOADS:
        yield f"{name}: joist", lambda name=name: joist(run, name, False)
        yield f"{name}: joist, graphs", lambda name=name: joist(run, name, True)
        for mode in modes(name):
            yield f"{name}: torch {mode}", lambda name=name, mode=mode: torch(run, name, mode)
    for name in WORKLOADS:
        yield f"{name}: kernels", lambda name=name: kernels(run, name)
