"""Ten million inputs of at most 512 bytes per format (tests/fuzz/run): hours."""
# ctest: TIMEOUT 86400 PROCESSORS 2
import os
import pathlib
import sys

os.environ.setdefault("JOIST_FUZZ_RUNS", "10000000")
os.environ.setdefault("JOIST_FUZZ_LENGTH", "512")
os.environ.setdefault("JOIST_FUZZ_SECONDS", "0")  # no limit
# Stacks of allocations cost a fifth of the time; a run again of the input that crashed shows them.
os.environ.setdefault("ASAN_OPTIONS", "malloc_context_size=0:quarantine_size_mb=8")
test = pathlib.Path(__file__).with_name("fuzz_test.py")
os.execv(sys.executable, [sys.executable, str(test)])
