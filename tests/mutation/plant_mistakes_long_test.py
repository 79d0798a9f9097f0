# ctest: TIMEOUT 10800 RUN_SERIAL ON
"""Plants mistakes in kernels and operations, one at a time; the tests of core/ must catch each.

    JOIST_BINARY_DIR=build/release python3 tests/mutation/plant_mistakes_long_test.py [FIRST-LAST]

Nothing in the source tree changes: a wrong copy of one file stands in front of the include path, what includes it is
compiled again with the build's own commands, and the tests run with the resulting library preloaded. A mistake whose old
text is no longer in its file (exactly once) counts as an error: bring it up to date.
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("JOIST_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("JOIST_BINARY_DIR", SOURCE / "build/release")).resolve()
TESTS = ["core_backend_test", "core_gradcheck_test", "core_torch_fixtures_test", "core_dtype_test", "core_creation_test",
         "core_autocast_test", "core_hooks_test", "core_checkpoint_test", "core_random_graphs_test", "core_random_test"]

# (file, right, wrong): each text stands exactly once in its file.
MISTAKES = [
    # functions: value and slope
    ("core/elementwise.inl", "return y * (T(1.0) + x * (T(1.0) - y));", "return y * (T(1.0) + x * y);"),
    ("core/elementwise.inl", "slope(const Relu&, T x) { return select(x > T(0.0), T(1.0), T(0.0)); }",
     "slope(const Relu&, T) { return T(1.0); }"),
    ("core/elementwise.inl", "return T(0.5) * x * (T(1.0) + tanh(T(0.79788456080286536) * (x + T(0.044715) * x * x * x)));",
     "return T(0.5) * x * (T(1.0) + tanh(T(0.79788456080286536) * (x + T(0.044715) * x * x)));"),
    ("core/elementwise.inl", "return T(0.0) - a / (b * b); }", "return a / (b * b); }"),
    ("core/elementwise.inl", "(max(z, T(0.0)) + log1p(exp(T(0.0) - abs(z)))) * T(1.0 / f.beta));", "(max(z, T(0.0)) + log1p(exp(T(0.0) - abs(z)))));"),
    ("core/elementwise.inl", "x * T(1.0 / 3.0) + T(0.5), T(1.0)), T(0.0));", "x * T(1.0 / 6.0) + T(0.5), T(1.0)), T(0.0));"),
    ("core/elementwise.inl", "select(x < T(0.0), T(-1.0), T(0.0))); }", "select(x < T(0.0), T(1.0), T(0.0))); }"),
    ("core/elementwise.inl", "slope_first(const Maximum&, T a, T b) { return select(a > b, T(1.0), select(a < b, T(0.0), T(0.5)));", "slope_first(const Maximum&, T a, T b) { return select(a < b, T(0.0), T(1.0));"),
    # loops over tiles and strides
    ("core/cpu/tiles.cpp", "if (accumulate) return true;", "if (accumulate) return false;"),
    ("core/cpu/tiles.cpp", "tile.rows = std::min(height, row.length - y);", "tile.rows = height;"),
    ("core/cpu/tiles.cpp", "return {buffer, row_stride == 0 ? 0 : columns};", "return {buffer, columns};"),
    ("core/cpu/tiles.cpp", "buffer[row * columns + i] = data[i * column_stride + row];",
     "buffer[row * columns + i] = data[i * column_stride];"),
    ("core/cpu/strided.cpp", "if (outside.stride[i] != inside.stride[i] * inside.length) return false;",
     "if (outside.stride[i] < inside.stride[i] * inside.length) return false;"),
    ("core/cpu/strided.cpp", "index /= axis.length;", "index /= axis.length + (i == 1);"),
    ("core/cpu/copy.cpp", "std::min(width, column.length - left)", "std::min(width, column.length)"),
    ("core/cpu/copy.cpp", "to = converted<To>(to + converted<To>(from));", "to = converted<To>(from);"),
    # sums
    ("core/cpu/reduction.cpp", "y[i * stride] = accumulate ? y[i * stride] + value : value;", "y[i * stride] = value;"),
    ("core/cpu/reduction.cpp", "for (std::int64_t part = 1; part < parts; ++part)", "for (std::int64_t part = 2; part < parts; ++part)"),
    ("core/cpu/elementwise.cpp", "std::holds_alternative<Subtract>(f) && operand == 1 ? -1.0 : 1.0", "1.0"),
    ("core/cpu/sums.cpp", "for (; i < end; i += width) a = a + load_up_to(x + i, end - i);", ""),
    ("core/cpu/reduction.cpp", "(largest ? p[i * step] > value : p[i * step] < value)", "(largest ? p[i * step] >= value : p[i * step] < value)"),
    # products and convolutions
    ("core/cpu/matmul.cpp", "if (x.strides()[i] != apart * rows) return {};", ""),
    ("core/cpu/matmul.cpp", "else if (!y.accumulate)", "else"),
    ("core/cpu/onednn.cpp", "<< y.array.shape() << options << y.accumulate;", "<< y.array.shape() << options;"),
    ("core/cpu/onednn.cpp", "for (auto& count : counts) --count;", "counts[0] = counts.back() = counts[0] - 1;"),
    ("core/cpu/winograd_tiles.cpp", "bottom[s] = (m1 - m2) - m3;", "bottom[s] = (m1 - m2) + m3;"),
    ("core/cpu/winograd_tiles.cpp", "rows[8 + c] = sum + s[12 + c];", "rows[8 + c] = sum;"),
    ("core/cpu/winograd.cpp", "around.padding = {2 - options.padding[0], 2 - options.padding[1]};", "around.padding = options.padding;"),
    ("core/cpu/depthwise.cpp", "slot(first + y * down.dilation)", "slot(first + y)"),
    ("core/cpu/depthwise.cpp", "{taps_first, dw.accumulate || group > 0}", "{taps_first, group > 0}"),
    ("core/cpu/depthwise.cpp", "for (next_ = std::max(next_, first);", "for (next_ = std::max(next_, first + 1);"),
    ("core/cpu/convolution.cpp", "const bool own = db.array.defined() && (db.accumulate ||", "const bool own = db.array.defined() && (false ||"),
    ("core/cpu/convolution.cpp", "if (bias.defined()) copy_array(per_channel(bias, y.array.rank()), {y.array, true});", ""),
    # batch norm
    ("core/cpu/batch_norm.cpp", "(count > 1 ? count / (count - 1) : 1)", "1"),
    ("core/cpu/batch_norm.cpp", "if (fixed_statistics) continue;", ""),
    ("core/cpu/batch_norm.cpp", "dbeta.put(i, sum, dbeta_out.accumulate);", "dbeta.put(i, sum, false);"),
    ("core/cpu/batch_norm.cpp", "static_cast<float>(factor * r * r * product / count)", "static_cast<float>(factor * r * product / count)"),
    ("core/cpu/batch_norm_tiles.cpp", "second[i] += q + d * (s + s + count * d);", "second[i] += q;"),
    ("core/cpu/batch_norm_layout.cpp", "tile.columns = std::min(most_columns, columns_ - column);", "tile.columns = most_columns;"),
    # pooling and resize
    ("core/cpu/max_pool.cpp", "if (x > best || std::isnan(x)) {", "if (x >= best || std::isnan(x)) {"),
    ("core/cpu/max_pool.cpp", "const FloatMask better = hn::Or(x > best, hn::IsNaN(x.v));", "const FloatMask better = x > best;"),
    ("core/cpu/max_pool.cpp", "const std::int64_t end = (s + padding) / stride + 1;", "const std::int64_t end = (s + padding) / stride;"),
    ("core/cpu/pooling.cpp", "options.count_padding ? padded :", "!options.count_padding ? padded :"),
    ("core/cpu/pooling.cpp", "if (end == 0) end = i + 1;", "end = i + 1;"),
    ("core/cpu/resize.cpp", "= (s * out + in - 1) / in;", "= s * out / in;"),
    ("core/cpu/windows.cpp", "*y = line.accumulate ? *y + sum : sum;", "*y = sum;"),
    # softmax and losses
    ("core/cpu/softmax.cpp", "exp(load_up_to(x + i, left) - Lanes(maximum))", "exp(load_up_to(x + i, left))"),
    ("core/cpu/softmax.cpp", "if (left >= lanes()) return x;", "return x;"),
    ("core/cpu/loss.cpp", "dx[wanted[row]] -= static_cast<float>(g * (1 - s));", "dx[wanted[row]] -= static_cast<float>(g);"),
    ("core/cpu/loss.cpp", "dx[n.left + 1] -= static_cast<float>(g * n.right_weight);", "dx[n.left + 1] -= static_cast<float>(g * n.left_weight);"),
    ("core/kernels/complete_iou.inl", "by_w = by_area * c.ha + by_angle * h,", "by_w = by_area * c.ha - by_angle * h,"),
    ("core/cpu/box_loss.cpp", "count = std::min(BoxBlock::size, rows - first);", "count = std::min(BoxBlock::size, rows - first - 1);"),
    # indexing, random, optimizers
    ("core/cpu/indexing.cpp", "{.array = dx.selected(0, wanted[i * step]), .accumulate = true}",
     "{.array = dx.selected(0, wanted[i * step]), .accumulate = out.accumulate}"),
    ("core/cpu/random.cpp", "if (!plain) return;", ""),
    ("core/cpu/random_words.cpp", "for (int round = 0; round < 10; ++round)", "for (int round = 0; round < 9; ++round)"),
    ("core/cpu/optimizer_ranges.cpp", "updated(rule, shrink * old, slope, remembered)", "updated(rule, old, slope, remembered)"),
    ("core/cpu/optimizer_ranges.cpp", "multiply_add(decay, old, gradient * load_up_to(g + i, left))", "gradient * load_up_to(g + i, left)"),
    # comparisons, random numbers, integers, 16-bit numbers, bfloat16 products
    ("core/cpu/comparison.cpp", "left, right, y, std::less_equal<>{}", "left, right, y, std::less<>{}"),
    ("core/cpu/comparison.cpp", "first || second", "first != second"),
    ("core/cpu/comparison.cpp", "c[at[1]] ? p[at[2]] : q[at[3]]", "c[at[1]] ? p[at[2]] : p[at[2]]"),
    ("core/cpu/random.cpp", "to[at] = from + width * uniform_from", "to[at] = width * uniform_from"),
    ("core/cpu/random.cpp", "to[at] = m + s * pair[static_cast<std::size_t>(k % 2)];", "to[at] = m + s * pair[0];"),
    ("core/cpu/random.cpp", "< p[at_p] ? 1.0F : 0.0F", "< p[at_p * 0] ? 1.0F : 0.0F"),
    ("core/cpu/random.cpp", "static_cast<std::uint32_t>(i / 2)", "static_cast<std::uint32_t>(i)"),
    ("core/cpu/integers.cpp", "(a % b != 0 && (a < 0) != (b < 0) ? 1 : 0)", "0"),
    ("core/cpu/integers.cpp", "if (std::is_signed_v<T> && b == static_cast<T>(-1))", "if (false)"),
    ("core/cpu/integers.cpp", "static_cast<Wrapping<T>>(floor_quotient(a, b)) * q);", "static_cast<Wrapping<T>>(a / b) * q);"),
    ("core/cpu/integers.cpp", "for (std::int64_t i = 1; i < length; ++i) {", "for (std::int64_t i = 2; i < length; ++i) {"),
    ("core/cpu/half.cpp", "value.array = as_float(out.array, out.accumulate);", "value.array = as_float(out.array, false);"),
    ("core/cpu/half.cpp", "std::memcmp(before.raw(), wide.raw(), wide.bytes()) == 0", "std::memcmp(before.raw(), wide.raw(), 0) == 0"),
    ("core/cpu/onednn.cpp", "key << a.dtype() << bias.shape() << y.accumulate;", "key << bias.shape() << y.accumulate;"),
    # the tape: hooks, checkpoints, custom operations
    ("core/gradient.cpp", "if (node->reusable_) continue;  // its only input is a leaf", "if (node->reusable_) return;"),
    ("core/checkpoint.cpp", "state.has_gradient = out.accumulate;", "state.has_gradient = false;"),
    ("core/checkpoint.cpp", "const Recomputing again(context);", ""),
    ("core/custom.cpp", "if (!out.accumulate) kernels_of<ElementwiseKernels>(out.array).fill(0.0, out.array);", ""),
    # operations: what backward is told
    ("core/ops/normalization.cpp", "options, !training, dx, dgamma", "options, training, dx, dgamma"),
    ("core/ops/matmul.cpp", "table.matmul.product(dy.transposed(), x, {}, node.slot(1));",
     "table.matmul.product(x.get().transposed(), dy, {}, Out{node.slot(1).array.transposed(), false});"),
    ("core/ops/reshape.cpp", "back[static_cast<std::size_t>(forward[position])] = position;", "back[static_cast<std::size_t>(position)] = forward[position];"),
    ("core/ops/indexing.cpp", "if (!dx.accumulate) kernels_of<ElementwiseKernels>(dy).fill(0, dx.array);",
     "kernels_of<ElementwiseKernels>(dy).fill(0, dx.array);"),
    ("core/ops/reduction.cpp", ".unary(Affine{scale, 0}, view", ".unary(Affine{1, 0}, view"),
    ("core/gradient.cpp", "received = {gradient, false};\n      return;", "received = {gradient, true};\n      return;"),
]


def run(command, **options):
    return subprocess.run(command, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


class Commands:
    """How the build compiles a file; `target`: for which of its targets."""

    def __init__(self, target="joist.dir"):
        entries = json.loads((BUILD / "compile_commands.json").read_text())
        self.compile = {}
        for entry in entries:
            path = pathlib.Path(entry["file"]).resolve()
            if path.is_relative_to(SOURCE.resolve()) and f"/{target}/" in entry["command"]:
                self.compile[str(path.relative_to(SOURCE.resolve()))] = shlex.split(entry["command"])

    def compiled(self, folder, file, wrong, source):
        """Compiles `source` with the text `wrong` in place of `file`, which it is or includes. Returns the object and what
        the build calls its own, or None twice when it does not compile."""
        copy = folder / "joist" / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(wrong, encoding="utf-8")
        command = list(self.compile[source])
        target = command.index("-o") + 1
        own, made = command[target], str(folder / (source.replace("/", "_") + ".o"))
        command[target] = made
        if source == file:
            command[command.index("-c") + 1] = str(copy)
        # In front of the build's own include folder, behind the compiler and its launcher.
        # -O1 compiles faster and computes the same; a mistake may leave a variable unused.
        command = ["-O1" if part in ("-O2", "-O3") else part for part in command] + ["-Wno-error"]
        command.insert(next(k for k, part in enumerate(command) if part.startswith("-")), f"-I{folder}")
        result = run(command)
        if result.returncode != 0:
            print(result.stdout[-2000:])
            return None, None
        return made, own


class Library(Commands):
    """How the build makes libjoist.so."""

    def __init__(self):
        super().__init__()
        lines = run(["ninja", "-t", "commands", "joist"], check=True).stdout.strip().split("\n")
        link = next(line for line in reversed(lines) if "-shared" in line)
        self.link = [part for part in shlex.split(link.split("&& ")[1] if link.startswith(":") else link) if part not in (":", "&&")]

    def with_mistake(self, folder, file, wrong):
        """Builds the library with the text `wrong` in place of `file`; returns its path and the file, or None when it does
        not compile."""
        link = list(self.link)
        for source in [file] if file.endswith(".cpp") else users_of(file):
            made, own = self.compiled(folder, file, wrong, source)
            if not made:
                return None
            link[link.index(own)] = made
        link[link.index("-o") + 1] = str(folder / "libjoist.so")
        result = run(link)
        if result.returncode != 0:
            print(result.stdout[-2000:])
            return None
        return folder / "libjoist.so", file


def users_of(header):
    """The files that compute with an .inl: of elementwise.inl in registers of floats or in double."""
    if header == "core/kernels/complete_iou.inl":
        return ["core/cpu/box_loss.cpp"]
    assert header == "core/elementwise.inl"
    found = []
    for path in sorted((SOURCE / "core/cpu").glob("*.cpp")) + sorted((SOURCE / "core/plain").glob("*.cpp")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"\b(value|slope\w*)\(", text) and ("simd-inl.h" in text or "core/plain" in str(path)):
            found.append(path.relative_to(SOURCE).as_posix())
    return found


# Where a mistake in a file shows first: these cases run before all others, which is most of what the run takes.
FIRST = {"elementwise.inl": "activation|arithmetic", "unary": "activation", "binary": "arithmetic", "onednn": "convolution|matmul",
         "batch_norm": "normalization", "max_pool": "pooling", "sums": "reduction", "windows": "pooling",
         "box_loss": "loss", "complete_iou": "loss", "winograd": "convolution", "depthwise": "convolution", "copy": "reshape", "tiles": "arithmetic", "strided": "reshape", "elementwise": "arithmetic",
         "optimizer": "Kernel", "random": "Kernel|dropout", "integers": "Kernel"}


def first_cases(file):
    stem = pathlib.Path(file).name.removesuffix(".cpp")
    names = next((cases for name, cases in FIRST.items() if stem.startswith(name)), stem)
    return ":".join(f"*{name}*" for name in names.split("|")) + "-Cases.*"  # those run all cases


def caught_by(made):
    """The first test that fails with this library, or None."""
    library, file = made or (None, None)
    environment = dict(os.environ, OMP_WAIT_POLICY="passive", **({"LD_PRELOAD": str(library)} if library else {}))
    runs = [(test, [f"--gtest_filter={first_cases(file)}"]) for test in TESTS[:3]] if file else []
    for test, options in runs + [(test, []) for test in TESTS]:
        try:
            result = run([str(BUILD / "bin" / test), "--gtest_brief=1", "--gtest_fail_fast", *options], env=environment,
                         timeout=600)
        except subprocess.TimeoutExpired:
            return f"{test} (hangs)"
        if result.returncode != 0:
            return f"{test} {' '.join(options)}"
    return None


def plant(mistakes, tests, builder, caught):
    """Plants each of the mistakes (or those of the command line), prints who caught it. `builder()` makes what has
    with_mistake(); `caught` names the test that fails with what it made, with None: without a mistake."""
    missing = [test for test in tests if not (BUILD / "bin" / test).exists()]
    if missing:
        print(f"skipped: {', '.join(missing)} not in {BUILD / 'bin'}")
        return 77
    first, last = (int(part) for part in sys.argv[1].split("-")) if len(sys.argv) > 1 else (1, len(mistakes))
    maker = builder()
    before = caught(None)
    if before:
        print(f"{before} fails without any mistake")
        return 1
    escaped, broken = [], []
    for number in range(first, last + 1):
        file, right, wrong = mistakes[number - 1]
        text = (SOURCE / file).read_text(encoding="utf-8")
        label = f"{number:2} {file}: {wrong.strip() or 'nothing'} for {right}"
        if text.count(right) != 1:
            broken.append(label)
            print(f"{label}\n   out of date: {text.count(right)} places")
            continue
        with tempfile.TemporaryDirectory() as folder:
            made = maker.with_mistake(pathlib.Path(folder), file, text.replace(right, wrong))
            verdict = caught(made) if made else None
        if not made:
            broken.append(label)
        elif not verdict:
            escaped.append(label)
        print(f"{label}\n   {verdict or ('ESCAPED' if made else 'does not compile')}", flush=True)
    print(f"{last - first + 1} mistakes: {len(escaped)} escaped, {len(broken)} out of date")
    return 1 if escaped or broken else 0


def main():
    return plant(MISTAKES, TESTS, Library, caught_by)


if __name__ == "__main__":
    sys.exit(main())
