"""tools/gpu_check where no GPU is, and with programs that stand for those of a machine with one: nothing is claimed
that was not tried, and the ledger is written after cases that passed only."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

SOURCE = pathlib.Path(os.environ["JOIST_SOURCE_DIR"])
NO_NVCC = {**os.environ, "PATH": "/usr/bin:/bin", "CUDACXX": "/nowhere/nvcc"}


def loaded():
    loader = importlib.machinery.SourceFileLoader("gpu_check", str(SOURCE / "tools/gpu_check"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu_check", loader))
    loader.exec_module(module)
    return module


class GpuCheck(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_without_a_gpu(self):
        if shutil.which("nvidia-smi"):
            self.skipTest("a driver is there")
        done = subprocess.run([SOURCE / "tools/gpu_check", "--work", self.folder], env=NO_NVCC, capture_output=True, text=True)
        self.assertEqual(done.returncode, 77, done.stderr)
        report = json.loads((self.folder / "report.json").read_text())
        states = {step["step"]: step["state"] for step in report["steps"]}
        self.assertEqual({name for name, state in states.items() if state == "passed"}, {"machine"})
        self.assertEqual(states["cases"], "not done")
        self.assertRegex(done.stdout, "failed: none; not done: build, cases, .*verified.json")

    def program(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def checked(self, cases, minutes=9):
        """Exit code, states and ledger of a run whose GPU, build and joist are scripts."""
        module = loaded()
        root = self.folder / "source"
        shutil.copytree(SOURCE / "cuda", root / "cuda")
        shutil.copytree(SOURCE / "tests/cuda", root / "tests/cuda")
        self.program("bin/nvidia-smi", "echo 'NVIDIA H200, 580.65, 9.0, 143771 MiB'")
        for name in ("cmake", "ninja", "nvcc", "g++"):
            self.program(f"bin/{name}", "echo 13.0")
        self.program("work/build/bin/joist", "echo 'gpu: NVIDIA H200'; echo '{}' > /dev/null; [ \"$1\" = doctor ]")
        self.program("work/build/bin/cuda_device_test", cases)
        arguments = ["gpu_check", "--work", str(self.folder / "work"), "--python", "/bin/false", "--minutes", str(minutes)]
        text = io.StringIO()
        with mock.patch.object(module, "ROOT", root), mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(text), \
                mock.patch.dict(os.environ, {"PATH": f"{self.folder}/bin:/usr/bin:/bin"}):
            code = module.main()
        steps = {step["step"]: step for step in json.loads((self.folder / "work/report.json").read_text())["steps"]}
        ledger = json.loads((root / "tests/cuda/verified.json").read_text())["sources"]
        return code, steps, ledger

    def test_cases_that_passed_are_recorded(self):
        code, steps, ledger = self.checked("echo '[  PASSED  ] 7 tests.'")
        self.assertEqual(code, 1)  # the benchmarks fail: that joist is a script
        self.assertEqual(steps["cases"]["result"], {"passed": 7})
        self.assertEqual(steps["gpt: joist"]["state"], "failed")
        self.assertEqual(steps["nccl"]["state"], "not done")
        self.assertIn("no GPU", steps["nccl"]["why"])
        self.assertRegex(ledger["cuda/softmax.cu"]["gpu"], "NVIDIA H200, driver 580.65, case table")

    def test_cases_that_failed_are_not(self):
        before = json.loads((SOURCE / "tests/cuda/verified.json").read_text())["sources"]
        code, steps, ledger = self.checked("echo '[  FAILED  ] Case/CudaBackend.AgreesWithReference/softmax_one'; exit 1")
        self.assertEqual(code, 1)
        self.assertIn("softmax_one", steps["cases"]["why"])
        self.assertEqual(steps["verified.json"]["state"], "not done")
        self.assertEqual(ledger, before)

    def test_a_run_ends_in_time(self):
        code, steps, _ = self.checked("sleep 60", minutes=0.1)
        self.assertEqual(code, 1)
        self.assertEqual(steps["cases"]["state"], "failed")
        self.assertRegex(steps["cases"]["why"], "not done within")
        self.assertEqual(steps["lstm: torch compile"]["why"], "no time was left")


if __name__ == "__main__":
    unittest.main()
