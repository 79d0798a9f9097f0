"""The label doctor in a zoo of broken labels and pictures: each fault is found and named with its place, nothing crashes."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["JOIST_SOURCE_DIR"])
JOIST = os.environ["JOIST"]


def check(entry, folder):
    """What is wrong with how the doctor treats one set; empty if nothing."""
    findings = folder / "findings.json"
    findings.unlink(missing_ok=True)
    run = subprocess.run([JOIST, "data", "check", entry["path"], "--json", findings], capture_output=True, text=True,
                         errors="replace", timeout=60)
    if run.returncode not in (0, 3):
        return f"exit code {run.returncode}: {run.stderr[-300:]}"
    if not entry["kind"]:
        return "" if run.returncode == 3 and entry["where"] in run.stderr else f"not named: {run.stderr[-300:]}"
    if not findings.exists():
        return f"no report: {run.stderr[-300:]}"
    found = json.loads(findings.read_text())["findings"]
    if any(one["kind"] == entry["kind"] and entry["where"] in one["where"] for one in found):
        return ""
    return f"found {[(one['kind'], one['where'][-40:]) for one in found]}"


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([sys.executable, SOURCE / "tests/fixtures/make_label_zoo.py", folder], check=True,
                       stdout=subprocess.DEVNULL)
        entries = json.loads((folder / "zoo.json").read_text())
        faults = 0
        for entry in entries:
            if fault := check(entry, folder):
                faults += 1
                print(f"{entry['path']}: {entry['kind']} at {entry['where']}: {fault}")
        print(f"{len(entries)} sets, {faults} not found and named")
        assert len(entries) >= 200
        # Mending leaves a set in which nothing that trains wrongly is left, and says what it did.
        box = next(e for e in entries if e["kind"] == "box outside" and e["path"].endswith("labels.csv"))
        mended = folder / "mended.json"
        run = subprocess.run([JOIST, "data", "check", box["path"], "--policy", "repair", "--out", mended],
                             capture_output=True, text=True)
        assert run.returncode == 0 and "[clipped]" in run.stdout, run.stdout + run.stderr
        assert subprocess.run([JOIST, "data", "check", mended, "--images", pathlib.Path(box["path"]).parent],
                              capture_output=True).returncode == 0
        return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
