# ctest: TIMEOUT 300
"""`joist lab`: results repeat, go on after a kill, and say what is wrong."""
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "training"))
from training_runs import JOIST, make_data, run

SMALL = ["--problem", "rosenbrock", "--problem", "mlp,data=blobs,width=8,samples=400", "--problem", "quadratic_deep",
         "--optimizer", "sgd,momentum=0.9,label=momentum", "--optimizer", "adam,schedule=cosine,warmup=5",
         "--optimizer", "lbfgs,line_search_fn=strong_wolfe", "--optimizer", "sam:sgd,lr=0.01,clip_norm=1",
         "--seeds", "2", "--budget", "30", "--tune", "4", "--points", "5"]


class Lab(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def lab(self, name, *arguments, expect=0):
        return run(JOIST, "lab", "run", "--out", self.folder / name, *arguments, expect=expect)

    def results(self, name):
        return json.loads((self.folder / name / "results.json").read_text())

    def test_one_or_two_processes_and_a_second_time_give_the_same_bytes(self):
        wanted = None
        for name, processes in (("one", 1), ("two", 2), ("again", 2)):
            self.lab(name, *SMALL, "--processes", processes)
            found = (self.folder / name / "results.json").read_bytes()
            wanted = wanted or found
            self.assertEqual(found, wanted, name)
        self.lab("file", "--config", self.folder / "one/config.toml")
        self.assertEqual((self.folder / "file/results.json").read_bytes(), wanted)
        results = json.loads(wanted)
        self.assertEqual(len(results["problems"]), 3)
        for problem in results["problems"]:
            starts = {one["label"]: [r["test"][0] for r in one["runs"]] for one in problem["optimizers"]}
            self.assertEqual(len({tuple(values) for values in starts.values()}), 1, "the same seeds begin alike")
            momentum = problem["optimizers"][0]
            self.assertEqual(len(momentum["tuning"]["trials"]), 4)
            self.assertNotIn("tuning", problem["optimizers"][3], "its rate was given")
        timings = json.loads((self.folder / "one/timings.json").read_text())
        self.assertGreater(timings["problems"][1]["optimizers"][0]["seconds"][0], 0)
        self.assertIn("tuned_within_seconds", timings["problems"][1]["optimizers"][0])
        for picture in ("rosenbrock-paths.png", "rosenbrock-paths.svg", "profile.png"):
            self.assertGreater((self.folder / "one/figures" / picture).stat().st_size, 1000)

    def test_a_killed_run_goes_on(self):
        arguments = ["--problem", "mlp,data=blobs,width=32", "--optimizer", "adam", "--optimizer", "sgd,lr=0.1",
                     "--seeds", "5", "--budget", "300", "--processes", "1"]
        self.lab("whole", *arguments)
        command = [JOIST, "lab", "run", "--out", str(self.folder / "killed"), *arguments]
        for how in (signal.SIGKILL, signal.SIGTERM):
            started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            runs, before = self.folder / "killed/runs", len(list((self.folder / "killed/runs").glob("*.json")))
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and started.poll() is None:
                if len(list(runs.glob("*.json"))) >= before + 2:
                    break
                time.sleep(0.01)
            started.send_signal(how)
            code = started.wait()
            self.assertIn(code, (-how, 128 + how), "it was over before it was stopped")
        kept = {file: file.stat().st_mtime_ns for file in runs.glob("*[0-9a-f].json") if ".time" not in file.name}
        self.assertGreaterEqual(len(kept), 2)
        self.assertLess(len(kept), 10)
        self.lab("killed", *arguments)
        self.assertEqual((self.folder / "killed/results.json").read_bytes(),
                         (self.folder / "whole/results.json").read_bytes())
        for file, when in kept.items():
            self.assertEqual(file.stat().st_mtime_ns, when, "a finished run was not run again")

    def test_a_run_killed_in_the_middle_goes_on_there(self):
        arguments = ["--problem", "mlp,data=blobs,width=512", "--seeds", "1", "--budget", "1600", "--points", "80",
                     "--instruments", "2", "--processes", "1", "--optimizer", "adam,ema=0.9,schedule=plateau"]
        self.lab("whole", *arguments)
        folder = self.folder / "killed"
        started = subprocess.Popen([JOIST, "lab", "run", "--out", str(folder), *arguments], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while not list(folder.glob("runs/*.part")) and started.poll() is None:
            time.sleep(0.005)
        self.assertIsNone(started.poll(), "it was over before it was stopped")
        for process in children_of(started.pid) + [started.pid]:
            os.kill(process, signal.SIGKILL)
        started.wait()
        self.lab("killed", *arguments)
        (timing,) = folder.glob("runs/*.time.json")
        self.assertGreater(json.loads(timing.read_text())["resumed_at"], 0)
        self.assertEqual((folder / "results.json").read_bytes(), (self.folder / "whole/results.json").read_bytes())
        self.assertEqual(list(folder.glob("runs/*.part")), [])
        # What is damaged is begun again.
        (result,) = (file for file in folder.glob("runs/*.json") if ".time" not in file.name)
        result.with_suffix(".part").write_bytes(b"\x20\0\0\0\0\0\0\0{")
        result.unlink()
        self.lab("killed", *arguments)
        self.assertNotIn("resumed_at", json.loads(timing.read_text()))
        self.assertEqual((folder / "results.json").read_bytes(), (self.folder / "whole/results.json").read_bytes())
        table = (folder / "curves.csv").read_text().splitlines()
        self.assertEqual(table[0], "problem,optimizer,seed,gradients,train,test,accuracy,rate")
        self.assertEqual(len(table), 1 + 81)

    def test_a_run_that_diverges_is_recorded_and_the_rest_goes_on(self):
        self.lab("out", "--problem", "bowl", "--optimizer", "sgd,lr=50,label=wild", "--optimizer", "sgd,lr=0.1,label=tame",
                 "--budget", "100")
        wild, tame = self.results("out")["problems"][0]["optimizers"]
        self.assertEqual((wild["diverged"], tame["diverged"]), (5, 0))
        self.assertIsNone(wild["runs"][0]["test"][-1])
        self.assertLess(tame["final"]["mean"], 1e-6)

    def test_no_difference_is_called_so(self):
        done = self.lab("out", "--problem", "mlp,data=blobs,width=8", "--optimizer", "sgd,lr=0.05,label=a", "--optimizer",
                        "sgd,lr=0.05,weight_decay=0,label=b", "--seeds", "6", "--budget", "60")
        self.assertIn("no detectable difference", self.results("out")["reading"][0])
        self.assertIn(self.results("out")["reading"][0], done.stdout)

    def test_what_is_wrong_is_named(self):
        (self.folder / "spec.toml").write_text('seeds = "five"\n')
        (self.folder / "table.csv").write_text("1,2,a\n3,x,b\n")
        one = ["--problem", "bowl", "--optimizer", "sgd"]
        for arguments, code, says in (
                (["--problem", "rosenbrok", "--optimizer", "sgd"], 2, 'did you mean "rosenbrock"?'),
                (["--problem", "bowl", "--optimizer", "adma"], 2, 'did you mean "adam"?'),
                (["--problem", "bowl", "--optimizer", "adam,bta1=0.5"], 2, 'did you mean "beta1"?'),
                (["--problem", "bowl", "--optimizer", "adam,shedule=cosine"], 2, 'did you mean "schedule"?'),
                (["--problem", "bowl", "--optimizer", "adam,beta1=1.5"], 2, "0 ≤ beta1 < 1"),
                (["--problem", "bowl", "--optimizer", "adam,schedule=cosin"], 2, 'did you mean "cosine"?'),
                (["--problem", "mlp,widht=8", "--optimizer", "sgd"], 2, 'did you mean "width"?'),
                ([*one, "--seeds", "0"], 2, "1 ≤ value"),
                (["--config", self.folder / "spec.toml"], 2, "spec.toml:1"),
                (["--config", self.folder / "table.csv"], 2, "table.csv:1"),
                (["--config", self.folder], 3, "folder"),
                (["--problem", f"mlp,data={self.folder / 'table.csv'}", "--optimizer", "sgd"], 3, "table.csv:2"),
                (["--problem", f"char-rnn,text={self.folder / 'spec.toml'}", "--optimizer", "sgd"], 3, "characters"),
                (["--problem", "network,layers=conv 4 3 relu", "--optimizer", "sgd"], 2, "layer"),
                (["--problem", "bowl"], 2, "optimizer")):
            with self.subTest(arguments=arguments):
                done = self.lab("wrong", *arguments, expect=code)
                self.assertIn(says, done.stderr)
        done = run(JOIST, "lab", "ask", "momentun", "--out", self.folder / "x", expect=2)
        self.assertIn('did you mean "momentum"?', done.stderr)

    def test_users_bring_their_own_data_and_layers(self):
        rows = "".join(f"{i % 7 - 3 + 9 * (i % 2)},{i % 5},{'安全帽' if i % 2 else '无'}\n" for i in range(200))
        (self.folder / "工地.csv").write_bytes(("a,b,类\n" + rows).encode("gbk"))
        (self.folder / "spec.toml").write_text(
            f'seeds = 2\nbudget = 200\n[[problem]]\nname = "network"\nlayers = "linear 8, tanh, linear 2"\nbatch = 16\n'
            f'data = "{self.folder / "工地.csv"}"\nlabel = "工地"\n[[optimizer]]\nname = "adam"\nlr = 0.01\n')
        self.lab("out", "--config", self.folder / "spec.toml")
        run_ = self.results("out")["problems"][0]["optimizers"][0]["runs"][0]
        self.assertGreater(run_["accuracy"][-1], 0.85)

    def test_models_of_pictures_are_problems(self):
        data = make_data(self.folder / "pictures", pictures=10)
        self.lab("out", "--problem", f"model,model=yolo_n,data={data},size=64,batch=4,label=detector", "--optimizer",
                 "adamw,lr=0.002", "--seeds", "2", "--budget", "12", "--points", "3", "--instruments", "1")
        problem = self.results("out")["problems"][0]
        first, second = problem["optimizers"][0]["runs"]
        self.assertEqual(problem["score"], "AP")
        self.assertNotEqual(first["test"][0], second["test"][0], "weights and batches of their own")
        # In training: twelve steps are few for the running statistics that the loss on test pictures is of.
        self.assertLess(first["train"][-1], 0.8 * first["train"][1])
        self.assertGreater(first["instruments"][-1]["noise_scale"], 0)
        # Measuring changes nothing, running statistics of normalizations included.
        self.lab("plain", "--problem", f"model,model=yolo_n,data={data},size=64,batch=4,label=detector", "--optimizer",
                 "adamw,lr=0.002", "--seeds", "1", "--budget", "12", "--points", "3")
        plain = self.results("plain")["problems"][0]["optimizers"][0]["runs"][0]
        self.assertEqual(plain["test"], first["test"])
        done = self.lab("wrong", "--problem", "model,model=yolo_n", "--optimizer", "adam", expect=2)
        self.assertIn("data=PATH", done.stderr)

    def test_rates_by_seconds_and_other_seeds(self):
        self.lab("out", "--problem", "mlp,data=blobs,width=8", "--optimizer", "sgd", "--optimizer", "soap", "--tune", "5",
                 "--tune-seconds", "--seeds", "2", "--first-seed", "7", "--budget", "40")
        self.assertEqual([r["seed"] for r in self.results("out")["problems"][0]["optimizers"][0]["runs"]], [7, 8])
        timings = json.loads((self.folder / "out/timings.json").read_text())["problems"][0]["optimizers"]
        by_seconds = [one["tuned_within_seconds"] for one in timings]
        self.assertEqual(by_seconds[0]["seconds"], by_seconds[1]["seconds"])
        quickest = [one for one in by_seconds if one["rate"] is not None]
        self.assertGreaterEqual(len(quickest), 1)
        for one in quickest:
            self.assertGreater(one["final"]["mean"], 0)
        page = (self.folder / "out/report.html").read_text()
        self.assertIn("tuned_within_seconds", page)

    def test_averages_and_schedules(self):
        self.lab("out", "--problem", "mlp,data=blobs,width=8", "--seeds", "1", "--budget", "60", "--points", "6",
                 *(word for setting in ("schedule=one-cycle", "schedule=plateau", "schedule=cosine,final_lr=0.5", "ema=0.9",
                                        "swa=0.25", "clip_value=0.01", "clip_units=0.05")
                   for word in ("--optimizer", "sgd,lr=0.1," + setting)))
        runs = [one["runs"][0] for one in self.results("out")["problems"][0]["optimizers"]]
        self.assertLess(runs[0]["rate"][1], 0.1)
        self.assertAlmostEqual(runs[2]["rate"][-1], 0.05, delta=1e-4)
        self.assertEqual(len({tuple(run["test"]) for run in runs}), len(runs), "each setting does something")
        # Averages change what is judged, not how training goes on.
        self.assertEqual(runs[3]["train"], runs[4]["train"])

    def test_questions_are_answered(self):
        run(JOIST, "lab", "ask", "momentum", "--out", self.folder / "m")
        answer = json.loads((self.folder / "m/results.json").read_text())["answer"]
        self.assertIn("by 0.9802 per step; theory says (κ - 1)/(κ + 1) = 0.9802", answer[0])
        self.assertIn("the limit is where theory has it", answer[2])
        run(JOIST, "lab", "ask", "penalties", "--out", self.folder / "p")
        answer = json.loads((self.folder / "p/results.json").read_text())["answer"]
        self.assertRegex(answer[1], "1[01] of 41 weights are exactly 0")

    def test_event_files_can_be_read(self):
        self.lab("out", "--problem", "mlp,data=blobs,width=8", "--optimizer", "adam", "--seeds", "1", "--budget", "20",
                 "--instruments", "2", "--tensorboard")
        (file,) = (self.folder / "out/tensorboard").rglob("events.out.tfevents.*")
        data, tags = file.read_bytes(), set()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            self.assertEqual(struct.unpack("<I", data[8:12])[0], masked_crc(data[:8]))
            event = data[12:12 + length]
            self.assertEqual(struct.unpack("<I", data[12 + length:16 + length])[0], masked_crc(event))
            for tag in (b"loss/test", b"loss/train", b"accuracy/test", b"instruments/top_eigenvalue"):
                if tag in event:
                    tags.add(tag)
            data = data[16 + length:]
        self.assertEqual(len(tags), 4)


def children_of(process):
    return [int(text) for text in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


if __name__ == "__main__":
    unittest.main()
