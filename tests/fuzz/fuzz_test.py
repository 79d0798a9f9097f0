"""Fuzzing of every format (tests/fuzz/run): JOIST_FUZZ_SECONDS each, 2 by default. Skips without clang."""
# ctest: TIMEOUT 900 PROCESSORS 2
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

RUN = pathlib.Path(os.environ.get("JOIST_SOURCE_DIR", ".")) / "tests/fuzz/run"
clang = os.environ.get("CLANG", "clang++")
if shutil.which(clang) is None:
    print("skipped: no clang++ (tools/install-dependencies --fuzz)")
    sys.exit(77)
with tempfile.TemporaryDirectory() as folder:
    probe = subprocess.run([clang, "-fsanitize=fuzzer", "-x", "c++", "-", "-o", os.path.join(folder, "probe")],
                           input="extern \"C\" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }",
                           text=True, capture_output=True, check=False)
if probe.returncode != 0:
    print("skipped: clang has no libFuzzer (tools/install-dependencies --fuzz)")
    sys.exit(77)
sys.exit(subprocess.run([RUN, os.environ.get("JOIST_FUZZ_SECONDS", "2")], check=False,
                        env={"JOIST_FUZZ_JOBS": "2", **os.environ}).returncode)
