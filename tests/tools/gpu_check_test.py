"""tools/gpu_check where no GPU is, and with programs that stand for those of a machine with one: nothing is claimed
that was not tried, and the ledger is written after cases that passed only."""
import argparse
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
sys.path[:0] = [str(SOURCE / "tools/gpu")]
import built
import cases
import figures
import gpu_run

# A GoogleTest program whose cases do what their names say.
CASES = """#!{python}
import os, sys, time
names = ["case_%d_%s" % (i, {what!r}.get(i, "good")) for i in range({count})]
if "--gtest_list_tests" in sys.argv:
    print("Case/Fake.\\n" + "\\n".join("  %s  # GetParam() = 3" % name for name in names))
    sys.exit()
print("Note: Google Test filter = ...")
full = ["Case/Fake." + name for name in names]
wanted = os.environ.get("GTEST_FILTER", "*")
chosen = full if wanted == "*" else [name for name in full if name in wanted.split(":")]
parts, part = int(os.environ.get("GTEST_TOTAL_SHARDS", 1)), int(os.environ.get("GTEST_SHARD_INDEX", 0))
broken, failed = False, []
with open({log!r}, "a") as log:
    log.write("%d\\n" % len(chosen))
for name in chosen[part::parts]:
    print("[ RUN      ]", name, flush=True)
    if name.endswith("_dies"):
        os.abort()
    if name.endswith("_hangs"):
        time.sleep(60)
    if name.endswith("_complains") and "SANITIZER" in os.environ:
        print("========= Invalid __global__ write of size 4 bytes")
    broken = broken or name.endswith("_breaks")
    if broken or name.endswith("_bad"):
        print("this is what", name, "says")
        failed.append(name)
    print("[  FAILED  ] %s, where GetParam() = 3 (1 ms)" % name if name in failed else "[       OK ] %s (1 ms)" % name, flush=True)
for name in failed:
    print("[  FAILED  ] %s, where GetParam() = 3" % name)
print("\\n %d FAILED TESTS" % len(failed))
sys.exit(1 if failed else 0)
"""
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
        self.assertRegex(done.stdout, "failed: none; not done: build, doctor, cases, .*verified.json")

    def program(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.startswith("#!") else "#!/bin/sh\n" + text)
        path.chmod(0o755)

    def checked(self, cases, *more, minutes=9, joist="echo 'gpu: NVIDIA H200'; [ \"$1\" = doctor ]"):
        """Exit code, states and ledger of a run whose GPU, build and joist are scripts."""
        module = loaded()
        root = self.folder / "source"
        for name in ("cuda", "tests/cuda"):
            shutil.copytree(SOURCE / name, root / name, dirs_exist_ok=True)
        self.program("bin/nvidia-smi", "echo 'NVIDIA H200, 580.65, 9.0, 143771 MiB'")
        for name in ("cmake", "ninja", "nvcc", "g++"):
            self.program(f"bin/{name}", "echo 13.0")
        self.program("work/build/bin/joist", joist)
        self.program("work/build/bin/cuda_device_test", cases)
        arguments = ["gpu_check", "--work", str(self.folder / "work"), "--python", "/bin/false", "--minutes", str(minutes), "--parts", "2", *more]
        text = io.StringIO()
        with mock.patch.object(module, "ROOT", root), mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(text), \
                mock.patch.dict(os.environ, {"PATH": f"{self.folder}/bin:/usr/bin:/bin"}):
            code = module.main()
        steps = {step["step"]: step for step in json.loads((self.folder / "work/report.json").read_text())["steps"]}
        ledger = json.loads((root / "tests/cuda/verified.json").read_text())["sources"]
        return code, steps, ledger

    def cases(self, what, count=7):
        """The text of a program of cases."""
        return CASES.format(python=sys.executable, what=what, count=count, log=str(self.folder / "sizes"))

    def outcome(self, what, count, prefix=(), **more):
        self.program("fake", self.cases(what, count))
        settings = {"limit": 60, "parts": 3, **more}
        return cases.Cases([*prefix, str(self.folder / "fake")], dict(os.environ), **settings).run()

    def test_each_failure_is_found_whatever_it_does_to_others(self):
        what = {4: "breaks", 5: "bad", 10: "dies", 13: "breaks", 22: "bad", 27: "breaks", 39: "bad"}
        found = self.outcome(what, 40)
        self.assertEqual(set(found.failed), {f"Case/Fake.case_{i}_{how}" for i, how in what.items()})
        self.assertEqual((found.passed, found.not_run), (33, []))
        for name, (why, text) in found.failed.items():
            self.assertEqual(why, "exit code -6" if "dies" in name else "exit code 1")
            if "dies" not in name:
                self.assertIn(f"this is what {name} says", cases.first_words(text))
        self.assertEqual(found.broken, 4)
        # Those behind a case that breaks its process go on together and not alone.
        alone = [size for size in (self.folder / "sizes").read_text().split() if size == "1"]
        self.assertLess(len(alone), 20)

    def test_a_case_that_hangs_is_ended(self):
        with mock.patch.object(cases, "ALONE", 6), mock.patch.object(cases.ended, "__defaults__", (4,)):
            found = self.outcome({3: "hangs"}, 9)
        self.assertEqual({name: why for name, (why, _) in found.failed.items()}, {"Case/Fake.case_3_hangs": "hangs"})
        self.assertEqual((found.passed, found.not_run), (8, []))

    def test_what_there_was_no_time_for_is_not_a_failure(self):
        found = self.outcome({0: "hangs", 1: "hangs", 2: "hangs"}, 9, limit=6)
        self.assertEqual((found.passed, found.failed), (0, {}))
        self.assertEqual(len(found.not_run), 9)

    def test_a_sanitizer_tells_of_cases_that_pass(self):
        self.program("sanitizer", 'SANITIZER=1 "$@" > "$0.$$"; code=$?; cat "$0.$$"; grep -q "Invalid" "$0.$$" && code=9; exit $code')
        found = self.outcome({2: "complains", 6: "bad"}, 12, prefix=(str(self.folder / "sanitizer"),))
        self.assertEqual({name: why for name, (why, _) in found.failed.items()},
                         {"Case/Fake.case_2_complains": "exit code 9", "Case/Fake.case_6_bad": "exit code 1"})
        self.assertEqual(found.passed, 10)

    def test_no_cases_are_an_error(self):
        with self.assertRaisesRegex(RuntimeError, "no cases"):
            self.outcome({}, 0)
        self.program("sanitizer", "echo this GPU is not known; exit 3")
        with self.assertRaisesRegex(RuntimeError, "no case was run: exit code 3 this GPU is not known"):
            self.outcome({}, 5, prefix=(str(self.folder / "sanitizer"),))

    def test_kernel_times_is_built_where_cupti_is(self):
        given = argparse.Namespace(work=self.folder / "work", packed=self.folder / "none", built=None, minutes=5)
        run = gpu_run.Run(given, SOURCE)
        with mock.patch.object(figures, "CUPTI", (str(self.folder),)), self.assertRaisesRegex(run.NotDone, "no cupti.h"):
            figures.kernel_times(run)
        if any(os.path.exists(f"{place}/include/cupti.h") for place in figures.CUPTI):
            library = figures.kernel_times(run)
            names = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
            self.assertIn(" T InitializeInjection", names)

    def test_a_build_is_carried_elsewhere(self):
        build = self.folder / "build"
        for name in built.PROGRAMS + built.LIBRARIES:
            (build / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(shutil.which("xz"), build / name)
        (build / "lib/libjoist.so").rename(build / "lib/libjoist.so.0")
        (build / "lib/libjoist.so").symlink_to("libjoist.so.0")
        (self.folder / "out").mkdir()
        file, size = built.pack_built(build, self.folder / "out")
        self.assertEqual(file.stat().st_size, size)
        there = built.unpacked(file, self.folder / "there")
        for name in built.PROGRAMS + built.LIBRARIES:
            self.assertTrue(os.access(there / name, os.X_OK), name)
        self.assertTrue((there / "lib/libjoist.so").is_symlink())
        self.assertTrue(list((there / built.NEEDED).glob("liblzma.so*")))
        self.assertFalse(list((there / built.NEEDED).glob("libc.so*")))
        self.assertIn(str(there / built.NEEDED), built.libraries(there, []))
        (build / built.PROGRAMS[2]).unlink()
        with self.assertRaisesRegex(LookupError, "joist-hdf5-reader"):
            built.pack_built(build, self.folder / "out")
        with self.assertRaisesRegex(LookupError, "bin/joist"):
            built.unpacked(self.folder / "out", self.folder)

    def test_both_sides_are_told_by_their_fastest(self):
        steps = [{"step": f"gpt2: {what}", "state": state, "result": {"step_ms_median": median}} for what, state, median in (
            ("joist", "passed", 40.0), ("joist, graphs", "passed", 30.0), ("torch eager", "passed", 60.0),
            ("torch compile", "failed", 10.0), ("kernels", "passed", 1.0))]
        steps.append({"step": "lstm: joist", "state": "passed", "result": {"step_ms_median": 1.0}})
        self.assertEqual(figures.beside(steps), {"gpt2": {"joist_ms": 30.0, "joist": "joist, graphs", "torch_ms": 60.0,
                                                          "torch": "torch eager", "ratio": 2.0}})

    def test_figures_of_both_sides(self):
        numbers = {"samples_per_second": 9, "step_ms_median": 4, "step_ms_fastest": 3, "step_ms_p90": 5, "first_step_ms": 6, "step_ms": [8, 2, 4],
                   "peak_bytes": 7, "predicted_peak_bytes": 7, "losses": [2, 1], "torch": "2.0"}
        said = self.folder / "said"
        script = f"""#!{sys.executable}
import json, os, sys
open({str(said)!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
if "-c" in sys.argv or "doctor" in sys.argv:
    sys.exit(print("gpu yes"))
if "KERNEL_TIMES" in os.environ:
    sys.exit(open(os.environ["KERNEL_TIMES"], "w").write("busy 3.5 ms of 4.5\\n   2.0 ms  1 x  a\\n") and 0)
recorded = os.environ.get("JOIST_CAPTURE") == "1" and "lstm" not in sys.argv
json.dump({{**{numbers!r}, "captured": recorded, "why_not_captured": "it is an LSTM"}}, open(sys.argv[sys.argv.index("--json") + 1], "w"))
"""
        self.program("python", script)
        self.program("work/libkernel_times.so", "")
        with mock.patch.object(figures, "CUPTI", ()):
            code, steps, _ = self.checked(self.cases({}), "--only", "gpt2,lstm,yolo_n", "--python", str(self.folder / "python"), joist=script)
        self.assertEqual(code, 1)
        failed = {name: step["why"] for name, step in steps.items() if step["state"] == "failed"}
        self.assertEqual(list(failed), ["lstm: joist, graphs"])
        self.assertIn("it is an LSTM", failed["lstm: joist, graphs"])
        self.assertEqual(steps["gpt2: joist, graphs"]["result"]["step_ms_median"], 4)
        self.assertEqual(steps["yolo_n: torch channels_last"]["result"]["samples_per_second"], 8000)
        self.assertEqual(steps["gpt2: kernels"]["result"]["busy_ms"], 3.5)
        runs = [line for line in said.read_text().splitlines() if "gpt2" in line]
        self.assertEqual(len(runs), 5)
        for line in runs:
            self.assertRegex(line, "--batch 16 --size 1024 .*--bf16")
        report = json.loads((self.folder / "work/report.json").read_text())
        self.assertEqual(report["beside"]["gpt2"]["ratio"], 1.0)

    def test_some_steps_only(self):
        code, steps, _ = self.checked(self.cases({}), "--only", "cases,lstm: joist")
        self.assertEqual(set(steps), {"machine", "build", "cases", "cases without cuDNN", "lstm: joist", "lstm: joist, graphs"})
        self.assertEqual(code, 1)
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()) as said:
            self.checked(self.cases({}), "--only", "casse")
        self.assertIn("--only casse", said.getvalue())

    def test_cases_that_passed_are_recorded(self):
        code, steps, ledger = self.checked(self.cases({}))
        self.assertEqual(code, 1)  # the benchmarks fail: that joist is a script
        self.assertEqual(steps["cases"]["result"], {"passed": 7, "failed": 0, "not_run": 0, "broke_processes": 0})
        self.assertEqual(steps["gpt2: joist"]["state"], "failed")
        self.assertEqual(steps["nccl"]["state"], "not done")
        self.assertIn("no GPU", steps["nccl"]["why"])
        self.assertRegex(ledger["cuda/softmax.cu"]["gpu"], "NVIDIA H200, driver 580.65, case table")

    def test_cases_that_failed_are_not(self):
        before = json.loads((SOURCE / "tests/cuda/verified.json").read_text())["sources"]
        code, steps, ledger = self.checked(self.cases({4: "bad"}))
        self.assertEqual(code, 1)
        self.assertIn("6 passed, 1 failed", steps["cases"]["why"])
        self.assertIn("case_4_bad", steps["cases"]["why"])
        self.assertIn("this is what Case/Fake.case_4_bad says", (self.folder / "work/cases.log").read_text())
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
