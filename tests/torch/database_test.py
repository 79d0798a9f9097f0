"""Compares joist with PyTorch on PyTorch's own test database (tools/test --with-torch).

Makes the fixtures in build/torch-fixtures (again only when generator or PyTorch changed), then runs torch_database on them, and
once more with falsified results, which must fail.
"""
# ctest: TIMEOUT 1200
import hashlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["JOIST_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["JOIST_BINARY_DIR"])
HERE = SOURCE / "tests" / "torch"
FOLDER = BUILD.parent / "torch-fixtures"
SEED = os.environ.get("JOIST_TORCH_SEED", "0")

for package in ("torch", "expecttest"):
    if importlib.util.find_spec(package) is None:
        print(f"skipped: no {package} here (tools/test --with-torch installs it)")
        sys.exit(77)
if not os.environ.get("JOIST_WITH_TORCH"):
    print("skipped: needs minutes; tools/test --with-torch runs it")
    sys.exit(77)


def stamp():
    from importlib.metadata import version
    digest = hashlib.sha256()
    for name in ("make_database.py", "fixture_writer.py"):
        digest.update((HERE / name).read_bytes())
    return f"{version('torch')} seed {SEED} {digest.hexdigest()}"


def make():
    known = FOLDER / "stamp"
    if not (known.is_file() and known.read_text() == stamp()):
        subprocess.run([sys.executable, HERE / "make_database.py", FOLDER, "--seed", SEED], check=True)
        known.write_text(stamp())
    index = json.loads((FOLDER / "index.json").read_text())
    print(f"PyTorch {index['torch']}, seed {index['seed']}: " +
          ", ".join(f"{count} {reason}" for reason, count in index["counts"].items()))


def compare(*options, **how):
    command = [BUILD / "bin" / "torch_database", FOLDER / "database.bin", HERE / "unsupported.json", *options]
    return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, **how)


def main():
    make()
    if compare("--summary", FOLDER / "summary.json").returncode != 0:
        return 1
    compare("--perturb", "--only", "nn.functional.[a-g]*", "--dtype", "float64", "--show", "0", "--summary",
            FOLDER / "falsified.json", stdout=subprocess.DEVNULL)
    falsified = json.loads((FOLDER / "falsified.json").read_text())["functions"]
    blind = [name for name, counts in falsified.items() if counts["failed"] == 0 and counts["passed"] > 0]
    if blind or not falsified:
        print("falsified results pass:", ", ".join(blind))
        return 1
    return 0


sys.exit(main())
