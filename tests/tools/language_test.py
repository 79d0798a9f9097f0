"""Language models on the command line: fine-tuning gives the losses of transformers and peft (20 steps, from the
committed fixture), packed or not, whole or by adapters; what was trained writes, is merged, and is refused where it should be."""
# ctest: TIMEOUT 120
import csv
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

JOIST = os.environ["JOIST"]
FIXTURE = pathlib.Path(os.environ.get("JOIST_LORA_FIXTURE",
                                      pathlib.Path(os.environ["JOIST_SOURCE_DIR"]) / "tests/fixtures/language/lora"))
TRUTH = json.loads((FIXTURE / "losses.json").read_text())


class Language(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = pathlib.Path(folder.name)

    def run_joist(self, *arguments, code=0):
        run = subprocess.run([JOIST, *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(run.returncode, code, run.stdout[-2000:] + run.stderr[-2000:])
        return run.stdout + run.stderr

    def train(self, name, *options, epochs=20):
        said = self.run_joist("train", "--task", "language", "--model", FIXTURE / "base", "--data", FIXTURE / "texts.jsonl",
                              "--batch", 4, "--epochs", epochs, "--lr", TRUTH["rate"], "--final-lr", 1, "--warmup", 0, "--clip", 0,
                              "--threads", 1, "--out", self.at / name, *options)
        with open(self.at / name / "log.csv") as file:
            return [float(row["loss"]) for row in csv.DictReader(file)], said

    def same_losses(self, seen, truth):
        self.assertEqual(len(seen), len(truth))
        for step, (a, b) in enumerate(zip(seen, truth)):
            self.assertAlmostEqual(a, b, delta=1e-4 * b, msg=f"step {step}")

    def test_an_adapter_of_peft_learns_as_there_and_writes(self):
        losses, said = self.train("run", "--from", FIXTURE / "start", "--packing", "off", "--weight-decay", TRUTH["weight_decay"])
        self.same_losses(losses, TRUTH["lora"])
        self.assertIn("merged weights the same", said)
        config = json.loads((self.at / "run/adapter/adapter_config.json").read_text())
        self.assertEqual(config["target_modules"], ["down_proj", "q_proj", "v_proj"])
        self.assertEqual((config["r"], config["lora_alpha"], config["modules_to_save"]), (4, 8, None))
        self.assertIn("6 layers", self.run_joist("lora", "verify", self.at / "run/adapter"))
        self.run_joist("lora", "merge", self.at / "run/adapter", "--to", self.at / "merged")
        texts = []
        for model in ("run", "run/adapter", "merged"):
            self.run_joist("generate", "--model", self.at / model, "--prompt", "<|im_start|>user\nWhat", "--tokens", 24,
                           "--json", self.at / "out.json")
            texts.append(json.loads((self.at / "out.json").read_text()))
        self.assertEqual(texts[0], texts[1])
        self.assertEqual(texts[0], texts[2])
        truth = {key: json.loads(value) for key, value in self.tensors(FIXTURE / "truth.safetensors").items()}
        written = texts[0]["tokens"]
        self.assertGreater(len(written), 8)
        self.assertEqual(written, truth["greedy"][:len(written)])

    def tensors(self, path):
        """The integer tensors of a safetensors file as JSON lists."""
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        found = {}
        for name, info in json.loads(data[8:8 + length]).items():
            if info.get("dtype") != "I64":
                continue
            first, last = (8 + length + one for one in info["data_offsets"])
            found[name] = json.dumps([int.from_bytes(data[i:i + 8], "little", signed=True) for i in range(first, last, 8)])
        return found

    def test_packed_rows_learn_the_same(self):
        losses, said = self.train("packed", "--from", FIXTURE / "start", "--size", 160, "--weight-decay", TRUTH["weight_decay"])
        self.assertRegex(said, r"in [12] rows")
        self.same_losses(losses, TRUTH["lora"])

    def test_all_weights_learn_as_in_transformers(self):
        losses, _ = self.train("full", "--packing", "off", "--weight-decay", 0, "--val", FIXTURE / "texts.jsonl")
        self.same_losses(losses, TRUTH["full"])
        metrics = json.loads((self.at / "full/metrics.json").read_text())
        self.assertIn("perplexity", json.dumps(metrics))
        # What was written is a model to begin with: its loss is where the other one stopped.
        self.assertEqual(json.loads((self.at / "full/model/config.json").read_text())["model_type"], "qwen2")
        said = self.run_joist("train", "--task", "language", "--model", self.at / "full/model", "--data", FIXTURE / "texts.jsonl",
                              "--batch", 4, "--epochs", 1, "--packing", "off", "--out", self.at / "again")
        with open(self.at / "again/log.csv") as file:
            self.assertLess(float(next(csv.DictReader(file))["loss"]), TRUTH["full"][-1])
        self.assertIn("results:", said)

    def test_a_new_adapter_and_going_on_after_a_stop(self):
        options = ("--lora", "r=4,alpha=8,targets=q_proj+v_proj", "--batch", 2, "--packing", "off")
        whole, said = self.train("whole", *options, epochs=4)
        self.assertIn("% ", said.replace("%)", "% "))
        first, _ = self.train("parts", *options, epochs=4)
        self.assertEqual(whole, first)
        self.assertLess(whole[-1], whole[0])

    def test_learning_all_and_chopping_long_texts(self):
        (self.at / "long.txt").write_text("安全帽 helmets and foxes. " * 200, encoding="gb18030")
        said = self.run_joist("train", "--task", "language", "--model", FIXTURE / "base", "--data", self.at / "long.txt",
                              "--size", 64, "--batch", 8, "--epochs", 1, "--lora", "r=2", "--out", self.at / "long")
        self.assertRegex(said, r"1 texts, \d+ tokens of which \d+ are learned, in \d\d rows of up to 64")
        said = self.run_joist("train", "--task", "language", "--model", FIXTURE / "base", "--data", FIXTURE / "texts.jsonl",
                              "--learn", "all", "--epochs", 1, "--lora", "r=2", "--out", self.at / "all")

    def test_trials_before_a_run(self):
        trial = ("train", "--task", "language", "--model", FIXTURE / "base", "--data", FIXTURE / "texts.jsonl", "--batch", 4, "--epochs", 1)
        self.run_joist(*trial, "--find-rate", "--out", self.at / "rate")
        found = json.loads((self.at / "rate/find_rate.json").read_text())
        self.assertGreater(found["suggested"], found["used_by_default"])
        self.assertLess(min(point["loss"] for point in found["points"]), found["points"][0]["loss"])
        said = self.run_joist(*trial, "--overfit-one-batch", "--lr", 0.02, "--weight-decay", 0, "--out", self.at / "learnt")
        self.assertIn("one batch can be learnt", said)
        said = self.run_joist(*trial, "--overfit-one-batch", "--lr", "1e-9", "--out", self.at / "not", code=3)
        self.assertIn("its texts", said)

    def test_refusals(self):
        train = ("train", "--task", "language", "--epochs", 1, "--out", self.at / "no", "--data", FIXTURE / "texts.jsonl")
        base = ("--model", FIXTURE / "base")
        for arguments, code, words in (
                (train, 2, ["--model", "config.json"]),
                ((*train, *base, "--lora", "r=0"), 2, ["--lora", "r=0"]),
                ((*train, *base, "--lora", "targets=nowhere"), 2, ["nowhere", "q_proj"]),
                ((*train, *base, "--size", 100000), 2, ["--size", "8192"]),
                ((*train, *base, "--packing", "maybe"), 2, ["--packing", "on or off"]),
                ((*train, *base, "--chat-format", "x"), 2, ["chatml"]),
                ((*train, *base, "--mosaic", 0.5), 2, ["--mosaic", "pictures"]),
                ((*train, *base, "--l2-sp", 0.1), 2, ["--l2-sp", "texts"]),
                (("train", "--data", FIXTURE, "--model", "yolo_n", "--lora", "r=4", "--out", self.at / "no"), 2, ["--lora", "language"]),
                ((*train, *base, "--from", self.at / "none"), 3, ["adapter_config.json"]),
                (("generate", *base, "--prompt", ""), 2, ["--prompt"]),
                (("generate", *base, "--prompt", "a", "--top-p", 0), 2, ["top_p"]),
                (("embed", *base, "--text", "a", "--out", self.at / "x.npy"), 3, ["unsupported", "qwen2"])):
            with self.subTest(arguments=arguments):
                said = self.run_joist(*arguments, code=code)
                for word in words:
                    self.assertIn(word, said)
        self.assertFalse((self.at / "no").exists())
        for line, word in (('{"messages": []}', "without messages"), ('{"x": 1}', "usual keys"), ("{", "JSON"),
                           ('{"messages": [{"role": "user", "content": "a"}]}', "nothing to learn"), ('{"text": 3}', "no text")):
            (self.at / "bad.jsonl").write_text('{"text": "fine and good"}\n' + line + "\n")
            said = self.run_joist("train", "--task", "language", *base, "--data", self.at / "bad.jsonl", "--epochs", 1,
                                  "--out", self.at / "no", code=3)
            self.assertIn("bad.jsonl:2", said)
            self.assertIn(word, said)
        for change in ({"use_dora": True}, {"bias": "all"}, {"modules_to_save": ["lm_head"]}, {"peft_type": "IA3"}, {"rank_pattern": {"q": 2}}):
            shutil.copytree(FIXTURE / "start", self.at / "odd", dirs_exist_ok=True)
            config = json.loads((self.at / "odd/adapter_config.json").read_text()) | change
            (self.at / "odd/adapter_config.json").write_text(json.dumps(config))
            self.assertIn("unsupported", self.run_joist("lora", "verify", self.at / "odd", "--base", FIXTURE / "base", code=3))


if __name__ == "__main__":
    unittest.main()
