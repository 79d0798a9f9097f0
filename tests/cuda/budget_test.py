"""Registers, spills and shared memory of every kernel stay within budget.json, as nvcc's assembler printed them."""
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import budget  # noqa: E402

BUILD = os.environ["JOIST_BINARY_DIR"]
SAID = """ptxas info    : Compiling entry function '_ZN5joist4cuda8run_bodyINS0_4RowsEEEvT_' for 'sm_90'
ptxas info    : Function properties for _ZN5joist4cuda8run_bodyINS0_4RowsEEEvT_
    {stack} bytes stack frame, {spill} bytes spill stores, 4 bytes spill loads
ptxas info    : Used {registers} registers, used 1 barriers, {shared} bytes smem, 400 bytes cmem[0]
"""


class Budget(unittest.TestCase):
    def test_kernels_as_they_were_built(self):
        architectures, kernels = budget.read(budget.logs(BUILD))
        if not kernels:
            self.skipTest("nvcc compiled nothing here")
        allowed = json.loads(budget.BUDGET.read_text(encoding="utf-8"))
        here = {"nvcc": budget.nvcc_of(BUILD), "architectures": sorted(architectures)}
        if here != {key: allowed[key] for key in here}:
            self.skipTest(f"the budget is of nvcc {allowed['nvcc']} for {allowed['architectures']}, this build of {here}")
        self.assertEqual(budget.excesses(allowed["kernels"], kernels), [])
        self.assertEqual(sorted(set(allowed["kernels"]) - set(kernels)), [], "no longer there: --renew")

    def test_names_what_exceeds(self):
        def excesses(**numbers):
            said = SAID.format(**{"stack": 0, "spill": 0, "registers": 40, "shared": 96} | numbers)
            return budget.excesses(allowed, budget.read({"softmax": said})[1])
        allowed = {"softmax: Rows": {"registers": 40, "stack": 0, "spill": 4, "shared": 96}}
        self.assertEqual(excesses(), [])
        self.assertEqual(excesses(registers=41), ["softmax: Rows: registers 41, the budget is 40"])
        self.assertEqual(excesses(spill=8, stack=16), ["softmax: Rows: stack 16, the budget is 0",
                                                       "softmax: Rows: spill 12, the budget is 4"])
        self.assertEqual(excesses(shared=97), ["softmax: Rows: shared 97, the budget is 96"])
        allowed = {}
        self.assertRegex(excesses()[0], "softmax: Rows: not in the budget")


if __name__ == "__main__":
    unittest.main()
