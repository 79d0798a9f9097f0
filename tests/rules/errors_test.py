"""Every layer has rows in tests/errors: what it refuses and what the message says; prints how many there are per header.

A row counts when it names the layer: wrong_shape("Conv2d", …), or a function of rows that is called with "Conv2d". That the
messages are right is the business of those tests (tests/support/refusals.h).
"""
import functools
import pathlib
import re
import sys
import unittest

from coverage_test import layers_of

ROOT = pathlib.Path(__file__).parents[2]
AT_LEAST = 150  # layers

# Layer -> why nothing can be wrong.
EXCEPTIONS = {
    "IdentityLayer": "takes everything, computes nothing",
}


@functools.cache
def named():
    """What stands as the first argument of a call in tests/errors."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests/errors").glob("*.cpp")))
    return set(re.findall(r'\w(?:<[\w:]+>)?\(\s*"(\w+)"', text))


def families(root=ROOT):
    """header -> its layers, in all of layers/."""
    found = {str(path.relative_to(root)): layers_of(path.read_text(encoding="utf-8"))
             for path in sorted((root / "layers").rglob("*.h"))}
    return {header: layers for header, layers in found.items() if layers}


class Errors(unittest.TestCase):
    def test_every_exception_is_needed(self):
        layers = set().union(*families().values())
        self.assertEqual(set(EXCEPTIONS) - layers, set(), "not declared any more")
        self.assertEqual(set(EXCEPTIONS) & named(), set(), "has rows")

    def test_every_layer_has_rows(self):
        missing, total, covered = [], 0, 0
        for header, layers in families().items():
            rows = {layer for layer in layers if layer in named()}
            missing += [f"{header}: {layer}" for layer in sorted(layers - rows - set(EXCEPTIONS))]
            print(f"{header:36} {len(rows):4} of {len(layers):4}", file=sys.stderr)
            total, covered = total + len(layers), covered + len(rows)
        print(f"{'all':36} {covered:4} of {total:4}", file=sys.stderr)
        self.assertFalse(missing, "\nno rows in tests/errors:\n" + "\n".join(missing))
        self.assertGreaterEqual(covered, AT_LEAST)


if __name__ == "__main__":
    unittest.main()
