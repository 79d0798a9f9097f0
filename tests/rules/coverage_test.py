"""Every public function of core/ops and every layer has a case in tests/cases; prints how many there are per family.

A case counts when it calls the function, or makes the layer, by its name. Nothing is run: that the cases are right is the
business of core_backend_test and core_gradcheck_test, which run them all.
"""
import functools
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).parents[2]
AT_LEAST = 300  # functions and layers

# Name -> why it has no case of its own. Whoever adds one here says where it is tested.
EXCEPTIONS = {
    "promote": "tests/core/dtype_test.cpp: types, not numbers",
    "result_type": "tests/core/dtype_test.cpp: types, not numbers",
    "wants_autocast": "tests/core/autocast_test.cpp: asks for a mode",
    "wants_halves": "tests/cuda/training_test.cpp: asks for a mode",
    "halved": "tests/cuda/training_test.cpp: under Autocast on a GPU",
    "unhalved": "tests/cuda/training_test.cpp: under Autocast on a GPU",
    "to": "tests/core/dtype_test.cpp: types that the reference, which is all double, does not have",
    "Hooked": "tests/layers/tools_test.cpp: computes what the layer in it computes",
    "TransformerEncoder": "the case of Transformer, which is an encoder and a decoder",
    "TransformerDecoder": "the case of Transformer, which is an encoder and a decoder",
    "empty": "uninitialized memory has no values to check",
}
# Whole files of random or constant tensors, which have no gradient and no reference: tested by name in these.
TESTED_IN = {"core/ops/creation.h": ["tests/core", "tests/cases"]}


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def statements(text):
    """Declarations directly in namespace joist, without the bodies of functions and structs."""
    text = re.sub(r"^\s*#.*$", "", without_comments(text), flags=re.M)
    depth, start, found, inside = 0, 0, [], []
    for at, char in enumerate(text):
        if char == "{":
            head = text[start:at]
            is_namespace = re.search(r"\bnamespace\b[\w\s:]*$", head)
            inside.append(bool(is_namespace))
            if all(inside[:-1]) and not is_namespace:
                found.append(head.strip())
            start = at + 1
        elif char == "}":
            inside.pop()
            start = at + 1
        elif char == ";":
            if all(inside):
                found.append(text[start:at].strip())
            start = at + 1
    return [statement for statement in found if statement]


def functions_of(text):
    names = set()
    for statement in statements(text):
        statement = re.sub(r"\brequires\b.*?(?=\bTensor\b|\bstd::vector\b|\bbool\b|\bvoid\b)", "", statement, flags=re.S)
        if re.match(r"(template\s*<[^>]*>\s*)?(struct|class|enum|using|static_assert|constexpr\s+\w+\s+\w+\s*=)\b", statement):
            continue
        match = re.search(r"[\w>&*]\s+\*?&?([a-z]\w*)\s*\(", " " + statement)
        if match and "operator" not in statement.split("(")[0]:
            names.add(match.group(1))
    return names


def layers_of(text):
    """Structs that can be called; of a template for any number of axes its named kinds (Conv1d, Conv2d, …)."""
    kinds = dict(re.findall(r"^using (\w+) = (\w+)<[^>]*>;", without_comments(text), flags=re.M))
    return {kind for kind, layer in kinds.items() if layer in structs_of(text)} | (structs_of(text) - set(kinds.values()))


def structs_of(text):
    text = re.sub(r"template\s*<[^>]*>", "", without_comments(text))
    names = set()
    for match in re.finditer(r"\b(?:struct|class)\s+(\w+)[^;{()]*\{", text):
        depth, at = 1, match.end()
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        if "operator()(" in text[match.end():at]:
            names.add(match.group(1))
    return names


@functools.cache
def text_of(*folders):
    return "\n".join(without_comments(path.read_text(encoding="utf-8")) for folder in folders
                     for path in sorted((ROOT / folder).glob("*.cpp")))


def uncovered(root=ROOT):
    """(family -> names, names without a case)."""
    families, missing = {}, []
    public = re.findall(r"#include <joist/(core/ops/\w+\.h)>", (root / "core/ops.h").read_text(encoding="utf-8"))
    for name in sorted(public):  # other headers in that folder are helpers that operations share
        header = root / name
        cases = text_of(*TESTED_IN.get(name, ["tests/cases"]))
        families[header.stem] = functions_of(header.read_text(encoding="utf-8"))
        missing += [f"{name}: {function}" for function in sorted(families[header.stem])
                    if function not in EXCEPTIONS and not re.search(rf"\b{function}\s*(<[^>]*>)?\(|[(, ]{function}[,)]", cases)]
    cases = text_of("tests/cases")
    for header in sorted((root / "layers").glob("*.h")):
        layers = layers_of(header.read_text(encoding="utf-8"))
        if layers:
            families["layers/" + header.stem] = layers
        missing += [f"layers/{header.name}: {layer}" for layer in sorted(layers)
                    if layer not in EXCEPTIONS and not re.search(rf"\b{layer}\b", cases)]
    return families, missing


class Coverage(unittest.TestCase):
    def test_the_parser_sees_functions_and_layers(self):
        self.assertEqual(functions_of("""#pragma once
            namespace joist {
            // a comment(with) parentheses;
            Tensor relu(const Tensor& x);
            inline Tensor twice(const Tensor& x) { return helper(x); }
            std::vector<Tensor> chunk(const Tensor& x, int chunks,
                                      int axis);
            Tensor operator+(const Tensor& a, const Tensor& b);
            struct Options { int f(int); };
            namespace losses { bool all_close(const Tensor&); }
            template <class T> requires std::is_floating_point_v<T> Tensor full(T x);
            enum class Kind { a, b };
            using Hook = std::function<Tensor(int)>;
            }"""), {"relu", "twice", "chunk", "all_close", "full"})
        self.assertEqual(layers_of("template <int n>\nstruct Pool { int operator()(int); };\nusing Pool1 = Pool<1>;\n"
                                   "using Pool2 = Pool<2>;\n"), {"Pool1", "Pool2"})
        self.assertEqual(layers_of("struct A { Tensor operator()(const Tensor& x) const { return x; } }; struct B { int b; };"),
                         {"A"})

    def test_every_exception_is_needed(self):
        families, _ = uncovered()
        known = set().union(*families.values())
        self.assertEqual(set(EXCEPTIONS) - known, set(), "not declared any more")

    def test_every_function_and_layer_has_a_case(self):
        families, missing = uncovered()
        for family, names in sorted(families.items()):
            print(f"{family:24} {len(names):4}", file=sys.stderr)
        total = sum(len(names) for names in families.values())
        print(f"{'all':24} {total:4}", file=sys.stderr)
        self.assertFalse(missing, "\nno case in tests/cases:\n" + "\n".join(missing))
        self.assertGreaterEqual(total - len(EXCEPTIONS), AT_LEAST)


if __name__ == "__main__":
    unittest.main()
