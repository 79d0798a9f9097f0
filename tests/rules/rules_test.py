"""Checks this repository against the rules of the house, after proving that each rule can fail."""
import pathlib
import tempfile
import unittest

import rules

ROOT = pathlib.Path(__file__).parents[2]

# What is planted: file, content, and a part of the message that must come out ("" for none).
HEADER = "#pragma once\n"
PLANTED = [
    ("core/array.h", HEADER + "#include <joist/core/shape.h>\n#include <vector>\n#include <sys/mman.h>\n", ""),
    ("core/shape.h", HEADER + "#include <joist/core/tensor.h>\n", "core/shape may not include core/tensor.h"),
    ("core/tensor.h", HEADER + "#include <joist/core/array.h>\n", ""),
    ("core/gradient.cpp", "#include <joist/core/cpu/pool.h>\n", "core may not include core/cpu/pool.h"),
    ("core/kernels.cpp", "#include <joist/core/cpu/pool.h>\n", "core/kernels.cpp may not include core/cpu/pool.h"),
    ("core/fields.h", HEADER + "#include <fmt/format.h>\n", "may not include the library header <fmt/format.h>"),
    ("core/ops/matmul.cpp", "#include <joist/core/tensor.h>\n", ""),
    ("core/ops/resize.cpp", "#include <joist/core/cpu/pool.h>\n", "core/ops may not include core/cpu/pool.h"),
    ("core/ops/softmax.cpp", "#include <dnnl.hpp>\n", "core/ops may not include the library header <dnnl.hpp>"),
    ("core/ops/loss.cpp", "#include <Eigen/Core>\n", "core/ops may not include the library header <Eigen/Core>"),
    ("core/cpu/pool.h", HEADER + "#include <dnnl.hpp>\n#include <joist/core/array.h>\n#include <omp.h>\n", ""),
    ("core/cpu/matmul.cpp", "#include <joist/core/tensor.h>\n", "core/cpu may not include core/tensor.h"),
    ("core/cpu/loss.cpp", "  #  include <joist/core/ops.h>\n", "core/cpu may not include core/ops.h"),
    ("core/cpu/resize.cpp", "#include <hdf5.h>\n", "core/cpu may not include the library header <hdf5.h>"),
    ("core/formats/onnx.cpp", "#include <onnx/onnx.pb.h>\n#include <joist/core/array.h>\n", ""),
    ("core/formats/onnx.h", HEADER + "#include <onnx/onnx.pb.h>\n", "a public header may not include the library header"),
    ("core/formats/hdf5.cpp", "#include <joist/layers/conv.h>\n", "core/formats may not include layers/conv.h"),
    ("cuda/matmul.cu", "#include <joist/core/ops.h>\n", "cuda may not include core/ops.h"),
    ("layers/conv.h", HEADER + "#include <joist/core/tensor.h>\n", ""),
    ("layers/conv.cpp", "#include <joist/data/dataset.h>\n", "layers may not include data/dataset.h"),
    ("layers/norm.cpp", "#include <joist/optim/sgd.h>\n", "layers may not include optim/sgd.h"),
    ("layers/pool.cpp", "#include <omp.h>\n", "layers may not include the library header <omp.h>"),
    ("optim/sgd.cpp", "#include <joist/layers/conv.h>\n", "optim may not include layers/conv.h"),
    ("data/dataset.h", HEADER + "#include <joist/core/array.h>\n", ""),
    ("data/picture.cpp", "#include <joist/layers/conv.h>\n", "data may not include layers/conv.h"),
    ("data/encode.cpp", "#include <png.h>\n#include <joist/missing.h>\n", "data may not include missing.h"),
    ("data/decode.cpp", "#include <joist/data/missing.h>\n", "includes data/missing.h, which does not exist"),
    ("data/loader.cpp", '#include "dataset.h"\n', "write <joist/...>"),
    ("tools/training/train.cpp", "#include <CLI/CLI.hpp>\n", "tools/training may not include the library header"),
    ("tools/training/loop.cpp", "#include <joist/tools/options.h>\n", "tools/training may not include tools/options.h"),
    ("tools/main.cpp", "#include <CLI/CLI.hpp>\n#include <joist/layers/conv.h>\n", ""),
    ("tools/options.h", HEADER + "#include <CLI/CLI.hpp>\n", "a public header may not include the library header"),
    ("tools/bench.cpp", "#include <joist/core/cpu/pool.h>\n", "tools may not include core/cpu/pool.h"),
    ("tools/gpu/times.cpp", "#include <cupti.h>\n", ""),
    ("tools/gpu/ops.cpp", "#include <joist/core/ops.h>\n", "tools/gpu may not include core/ops.h"),
    ("tests/core/pool_test.cpp", "#include <joist/core/cpu/pool.h>\n#include <gtest/gtest.h>\n", ""),
    ("core/once.h", "int x;\n", "no #pragma once"),
    ("core/cpu/simd-inl.h", "int x;\n", ""),
    ("core/wide.cpp", "// " + "w" * 118 + "\n", "121 columns"),
    ("core/wide_utf8.cpp", "// " + "宽" * 117 + "\n", ""),
    ("src/main.cpp", "int main() {}\n", "the top level is closed"),
    ("notes.txt", "hello\n", "the top level is closed"),
    ("tests/fixtures/big.bin", "x" * 100_001, "files stay under"),
    ("tests/data/paths.py", "open('/ro" + "ot/data.json')\n", "an absolute path of one machine"),
    ("tools/fetch", "curl https://py" + "pi.org/simple\n", "the host of a package registry"),
    ("tools/later.cpp", "// TO" + "DO: later\n", "marks unfinished work"),
    ("tests/urls.md", "https://example.com/home/page $HOME/x ../work/x\n", ""),
]


class Rules(unittest.TestCase):
    def test_each_rule_can_fail(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, content, _ in PLANTED:
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
            for name, _, expected in PLANTED:
                found = rules.check(root, [name])
                with self.subTest(name, expected=expected):
                    self.assertEqual(len(found), 1 if expected else 0, found)
                    if expected:
                        self.assertIn(expected, found[0])
            self.assertEqual(sorted(rules.check(root)), sorted(rules.check(root, [name for name, _, _ in PLANTED])))

    def test_this_repository(self):
        files = rules.repository_files(ROOT)
        self.assertGreater(len([name for name in files if name.startswith("core/")]), 10, "found no sources to check")
        violations = rules.check(ROOT, files)
        self.assertFalse(violations, "\n" + "\n".join(violations))


if __name__ == "__main__":
    unittest.main()
