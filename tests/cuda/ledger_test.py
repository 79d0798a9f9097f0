"""The ledger knows every GPU source, claims nothing that is not so, and notices a changed source or header."""
import contextlib
import io
import json
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import ledger  # noqa: E402


def says(*arguments):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        ledger.main([str(argument) for argument in arguments])
    return text.getvalue()


class Ledger(unittest.TestCase):
    def test_lists_every_source_and_no_other(self):
        listed = json.loads((ledger.SOURCE / "tests/cuda/verified.json").read_text(encoding="utf-8"))["sources"]
        self.assertEqual(sorted(listed), ledger.sources(ledger.SOURCE))
        for source, entry in listed.items():
            # Verified is what names a GPU, a day and what exactly was verified; nothing else may look so.
            self.assertEqual(entry["gpu"] is None, entry["hash"] is None, source)
            self.assertEqual(entry["gpu"] is None, entry["date"] is None, source)

    def test_notices_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            shutil.copytree(ledger.SOURCE / "cuda", root / "cuda")
            (root / "tests/cuda").mkdir(parents=True)
            (root / "tests/cuda/verified.json").write_text('{"sources": {}}')
            count = len(ledger.sources(root))
            self.assertIn(f"GPU sources: {count}; verified on a GPU as they are: 0, changed since: 0, never: {count}",
                          says("--root", root))
            self.assertIn(f"as they are: {count}, changed since: 0, never: 0", says("--root", root, "--record", "a GPU"))
            with (root / "cuda/softmax.cu").open("a") as file:
                file.write("// changed\n")
            self.assertIn(f"as they are: {count - 1}, changed since: 1", says("--root", root))
            with (root / "cuda/driver.h").open("a") as file:  # of capture, communicator, runtime, transfer, upload and device/driver
                file.write("// changed\n")
            self.assertIn(f"as they are: {count - 7}, changed since: 7", says("--root", root))
            (root / "cuda/new.cu").write_text("")
            self.assertIn("never: 1", says("--root", root))


if __name__ == "__main__":
    unittest.main()
