"""Every optimizer of torch.optim for 100 steps on a small network, against joist (tools/test --with-torch)."""
# ctest: TIMEOUT 900
import importlib.util
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["JOIST_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["JOIST_BINARY_DIR"])
RUNS = BUILD.parent / "torch-fixtures" / "optimizers.json"

if importlib.util.find_spec("torch") is None:
    print("skipped: no torch here (tools/test --with-torch installs it)")
    sys.exit(77)
if not os.environ.get("JOIST_WITH_TORCH"):
    print("skipped: tools/test --with-torch runs it")
    sys.exit(77)

RUNS.parent.mkdir(parents=True, exist_ok=True)
environment = {**os.environ, "OMP_NUM_THREADS": "1", "JOIST_TORCH_RUNS": str(RUNS)}
subprocess.run([sys.executable, SOURCE / "tests" / "torch" / "make_optimizer_runs.py", RUNS], env=environment, check=True)
sys.exit(subprocess.run([BUILD / "bin" / "optim_torch_runs_test"], env=environment, check=False).returncode)
