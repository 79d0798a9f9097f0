"""ONNX's node cases of operator sets 18 to 21, written by PyPI's onnx and run by the conformance test. Runs with --with-peers."""
# ctest: TIMEOUT 600
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

if not os.environ.get("JOIST_WITH_PEERS"):
    print("skipped: runs with tools/test --with-peers")
    sys.exit(77)
if importlib.util.find_spec("onnx") is None:
    print("skipped: no module named onnx")
    sys.exit(77)

source, binary = pathlib.Path(os.environ["JOIST_SOURCE_DIR"]), pathlib.Path(os.environ["JOIST_BINARY_DIR"])
with tempfile.TemporaryDirectory() as folder:
    cases = pathlib.Path(folder) / "cases"
    subprocess.run([sys.executable, source / "tests/fixtures/make_onnx_node_cases.py", cases], check=True)
    done = subprocess.run([binary / "bin/tools_training_onnx_conformance_test", "--gtest_filter=OnnxConformance.NewerNodeCases"],
                          env={**os.environ, "JOIST_ONNX_CASES": str(cases)}, check=False)
sys.exit(done.returncode)
