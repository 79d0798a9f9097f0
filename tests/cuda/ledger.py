"""The ledger of GPU sources: what was last verified on which real GPU (verified.json).

    python3 tests/cuda/ledger.py                     how many sources changed since, or were never verified
    python3 tests/cuda/ledger.py --record "NVIDIA H200, driver 580.65, case table"     on a machine whose GPU passed

A source's hash covers the headers of cuda/ and the formulas of core/ that it includes.
"""
import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ.get("JOIST_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
INCLUDE = re.compile(r"#include <joist/((?:cuda|core/elementwise|core/picture_change|core/kernels/(?:"
                     r"complete_iou|grid_taps|log_sum|region_points))[^>]*)>")


def sources(root):
    """Everything of libjoist_cuda.so that is ours."""
    found = [path for pattern in ("*.cu", "*.cpp", "device/*.cu", "device/*.cpp") for path in (root / "cuda").glob(pattern)]
    return sorted(path.relative_to(root).as_posix() for path in found)


def hash_of(root, source):
    seen, waiting = set(), [source]
    while waiting:
        file = waiting.pop()
        if file in seen or not (root / file).exists():
            continue
        seen.add(file)
        waiting += INCLUDE.findall((root / file).read_text(encoding="utf-8"))
    digest = hashlib.sha256()
    for file in sorted(seen):
        digest.update(file.encode() + b"\0" + (root / file).read_bytes())
    return digest.hexdigest()


def states(root, ledger):
    """Of every source: "verified", "changed since" or "never"."""
    result = {}
    for source in sources(root):
        entry = ledger["sources"].get(source)
        result[source] = ("never" if not entry or not entry["gpu"] else
                          "verified" if entry["hash"] == hash_of(root, source) else "changed since")
    return result


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=SOURCE, help=argparse.SUPPRESS)
    parser.add_argument("--record", metavar="GPU", help="all sources as they are passed on this GPU")
    options = parser.parse_args(arguments)
    file = options.root / "tests/cuda/verified.json"
    ledger = json.loads(file.read_text(encoding="utf-8"))
    if options.record:
        day = datetime.date.today().isoformat()
        ledger["sources"] = {source: {"hash": hash_of(options.root, source), "gpu": options.record, "date": day}
                             for source in sources(options.root)}
        file.write_text(json.dumps(ledger, indent=1) + "\n", encoding="utf-8")
    found = list(states(options.root, ledger).values())
    print(f"GPU sources: {len(found)}; verified on a GPU as they are: {found.count('verified')}, changed since: "
          f"{found.count('changed since')}, never: {found.count('never')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
