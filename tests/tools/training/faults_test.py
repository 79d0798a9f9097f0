# ctest: TIMEOUT 300
"""Bad input and bad places: the right exit code, a message that names the cause, nothing written and nothing lost."""
import json
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

from training_runs import JOIST, command, make_data, run, train

PROBLEMS = []


def refused(what, done, code, *words):
    """Notes a problem unless the command ended with this code and said these words."""
    if done.returncode != code:
        PROBLEMS.append(f"{what}: exit {done.returncode}, not {code}: {done.stderr.strip()}")
    for word in words:
        if word not in done.stderr:
            PROBLEMS.append(f"{what}: the message does not say {word!r}: {done.stderr.strip()}")


def refused_training(what, folder, data, code, *words, more=()):
    out = folder / "out"
    refused(what, train(data, out, "--epochs", 1, *more, expect=None), code, *words)
    if out.exists():
        PROBLEMS.append(f"{what}: something was written")
        shutil.rmtree(out)


def changed(folder, source, name, change):
    """A copy of a data set whose annotations went through `change`."""
    target = folder / name
    shutil.copytree(source.parent, target)
    file = target / source.name
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return file


def bad_data(folder, data):
    refused_training("missing file", folder, folder / "nowhere.json", 3, "nowhere.json")
    cut = folder / "cut.json"
    cut.write_text(data.read_text()[:200])
    refused_training("truncated JSON", folder, cut, 3, "cut.json")

    def outside(content):
        content["annotations"][3]["bbox"] = [60, 60, 30, 30]
    refused_training("box outside", folder, changed(folder, data, "outside", outside), 3, "annotations[3]",
                     more=("--labels", "fail"))

    def flat(content):
        content["annotations"][2]["bbox"][2] = 0
    refused_training("box without area", folder, changed(folder, data, "flat", flat), 3, "annotations[2]")

    def unknown(content):
        content["annotations"][1]["category_id"] = 9
    refused_training("unknown class", folder, changed(folder, data, "unknown", unknown), 3, "annotations[1]")

    def boxless(content):
        content["annotations"] = []
    refused_training("no boxes", folder, changed(folder, data, "boxless", boxless), 3, "box")

    def empty(content):
        content["annotations"], content["images"] = [], []
    refused_training("empty data set", folder, changed(folder, data, "empty", empty), 3, "empty")

    missing = changed(folder, data, "missing", lambda content: None)
    (missing.parent / "picture003.png").unlink()
    refused_training("picture missing", folder, missing, 3, "picture003.png")
    torn = changed(folder, data, "torn", lambda content: None)
    picture = torn.parent / "picture004.png"
    picture.write_bytes(picture.read_bytes()[:300])
    refused_training("picture truncated", folder, torn, 3, "picture004.png")


def bad_options(folder, data):
    refused_training("misspelt option", folder, data, 2, "--epochs", more=("--epochz", 3))
    refused_training("unknown model", folder, data, 2, "yolo_n", more=("--model", "yolo-n"))
    refused_training("size", folder, data, 2, "multiple of 32", more=("--size", 100))
    refused_training("no such device", folder, data, 4, "cuda", more=("--device", "cuda"))
    config = folder / "run.toml"
    config.write_text("batch = 4\nepohcs = 3\n")
    refused_training("unknown key", folder, data, 2, "run.toml:2", "epochs", more=("--config", config))
    file = folder / "file"
    file.write_text("x")
    refused("output below a file", train(data, file / "run", "--epochs", 1, expect=None), 4, "file")
    if file.read_text() != "x":
        PROBLEMS.append("output below a file: the file was changed")


def bad_checkpoints(folder, data):
    out = folder / "good"
    train(data, out, "--epochs", 1)
    whole = (out / "best.h5").read_bytes()
    broken = folder / "broken.h5"
    for length in (0, 1, 100, 512, 4096, len(whole) // 2, len(whole) - 1):
        broken.write_bytes(whole[:length])
        refused(f"checkpoint of {length} bytes", run(JOIST, "eval", "--model", broken, "--data", data, expect=None), 3, "broken.h5")
    refused_training("weights of another model", folder, data, 3, "yolo_n", "yolo_m",
                     more=("--from", out / "best.h5", "--model", "yolo_m"))

    last = (out / "last.h5").read_bytes()
    (out / "last.h5").write_bytes(last[:-7])
    refused("resuming a damaged checkpoint", train(data, out, "--epochs", 1, "--resume", expect=None), 3, "last.h5")
    if (out / "best.h5").read_bytes() != whole:
        PROBLEMS.append("resuming a damaged checkpoint: best.h5 was changed")


def full_disk(folder, data):
    out = folder / "full"
    done = subprocess.run(command(data, out, "--epochs", 1), capture_output=True, text=True, timeout=120,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    refused("file-size limit", done, 4, "last.h5")
    if out.exists():
        PROBLEMS.append(f"file-size limit: left {list(out.iterdir())}")


def full_output(folder, data):
    """Standard output that cannot be written is no reason to stop."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(command(data, folder / "mute", "--epochs", 1), stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=120)
    refused("standard output is full", done, 0)
    if not (folder / "mute/best.h5").exists():
        PROBLEMS.append("standard output is full: no result")


def two_at_once(folder, data):
    """A training that runs keeps others out of its folder, also after --resume; evaluation reads it; killed, it holds nothing."""
    out = folder / "busy"
    first = subprocess.Popen(command(data, out, "--epochs", 100000), stdout=subprocess.PIPE, text=True)
    try:
        while not (out / "best.h5").exists() and first.poll() is None:
            first.stdout.readline()
        before = (out / "config.toml").read_bytes()
        for more in ((), ("--resume",)):
            refused("a second training", train(data, out, "--epochs", 1, *more, expect=None), 2, str(out),
                    f"process {first.pid}", "another --out")
        if (out / "config.toml").read_bytes() != before or (out / "earlier-1").exists():
            PROBLEMS.append("a second training: the first one's files were changed")
        refused("eval beside a training", run(JOIST, "eval", "--model", out / "best.h5", "--data", data, expect=None), 0)
    finally:
        first.kill()
        first.wait()
    refused("a training after a killed one", train(data, out, "--epochs", 1, expect=None), 0)
    if (out / "running.lock").exists():
        PROBLEMS.append("a finished training left running.lock")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = make_data(folder / "data")
        for part in (bad_data, bad_options, bad_checkpoints, full_disk, full_output, two_at_once):
            part(folder, data)
    if PROBLEMS:
        sys.exit("\n".join(PROBLEMS))
    print("all refused as they should be")


if __name__ == "__main__":
    main()
