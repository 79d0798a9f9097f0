# ctest: TIMEOUT 7200 RUN_SERIAL ON
"""Plants mistakes in the kernels of cuda/ and in what stands around them, one at a time; its tests must catch each, on a
machine without a GPU.

    JOIST_BINARY_DIR=build/release python3 tests/mutation/plant_gpu_mistakes_long_test.py [FIRST-LAST]

As plant_mistakes_long_test.py: a wrong copy of one file is compiled with the build's own commands, and the tests are
linked again with it.
"""
import os
import pathlib
import shlex
import subprocess
import sys

from plant_mistakes_long_test import BUILD, Commands, plant, run

TESTS = ["cuda_backend_test", "cuda_streams_test", "cuda_kernels_test", "cuda_emulator_test", "cuda_pictures_test",
         "cuda_long_lines_test", "cuda_memory_bound_test", "cuda_batch_norm_test", "cuda_capture_test",
         "cuda_attention_test", "cuda_layer_norm_test"]

# (file, right, wrong): each text stands exactly once in its file. A header's mistake is compiled into one kernel file.
RACES = [
    # What others still read is written again.
    ("cuda/scan.cu", "        block.sync();\n        if (i < lines.length) y.put", "        if (i < lines.length) y.put"),
    # Read before it was written.
    ("cuda/reduce.h", "if (block.lane() == 0) room[block.warp()] = value;\n  block.sync();", "if (block.lane() == 0) room[block.warp()] = value;"),
    # The next sum writes what others still read.
    ("cuda/reduce.h", "block.sync();  // or the next call would write what others still read", ""),
    # Two threads write one place.
    ("cuda/sums.h", "mine && first == 0;", "mine && first < 2;"),
    # The lanes' sums are read before all are there.
    ("cuda/sums.h", "room[block.thread()] = own;\n  block.sync();", "room[block.thread()] = own;"),
    # What goes to one row is written by several blocks.
    ("cuda/indexing.cu", "if (!sorted.goes_on(end) || (sorted.index[begin] == wanted && sorted.goes_on(begin))) continue;", "if (!sorted.goes_on(end)) continue;"),
    # A pair is compared before all of the last round were, or before all of a part was read.
    ("cuda/sorting.cu", "places[low] = b_place, places[high] = a_place;\n          }\n          block.sync();", "places[low] = b_place, places[high] = a_place;\n          }"),
    ("cuda/sorting.cu", "block.sync();\n      for (int size = 2;", "for (int size = 2;"),
    # Of equals both runs think theirs to be the first, and go to one place.
    ("cuda/sorting.cu", "if (second ? !ahead(own, value, descending) : ahead(value, own, descending))", "if (ahead(value, own, descending))"),
    # A step begins before all positions of the last one are there; several threads add what belongs to one label.
    ("cuda/ctc.cu", "        block.sync();\n      }\n      if (block.thread() == 0) loss.put", "      }\n      if (block.thread() == 0) loss.put"),
    ("cuda/ctc.cu", "if (earlier[row + k] != 0) continue;", ""),
]
WAITS = [
    ("cuda/transfer.cpp", "driver::finish(slot.copied);  // of the last time", ""),
    ("cuda/transfer.cpp", "driver::finish(slots[part].copied);", ""),
    ("cuda/upload.cpp", "driver::wait(kernels, places_[turn_].copied);", ""),
    ("cuda/upload.cpp", "driver::wait(stream_, place.released);", ""),
    ("cuda/upload.cpp", "driver::finish(place.copied);  // of the last time", ""),
]
NUMBERS = [
    ("cuda/reduce.h", "for (int mask = 16; mask > 0; mask /= 2)", "for (int mask = 16; mask > 1; mask /= 2)"),
    ("cuda/reduce.h", "for (int warp = 1; warp < block.warps(); ++warp)", "for (int warp = 1; warp < block.warps() - 1; ++warp)"),
    ("cuda/scan.cu", "if (block.lane() >= distance) value += below;", "value += below;"),
    ("cuda/scan.cu", "before = all;", "before = lower;"),
    ("cuda/softmax.cu", "logarithm ? gradient - std::exp(value) * total : value * (gradient - total));", "logarithm ? gradient - std::exp(value) : value * (gradient - total));"),
    ("cuda/layer_norm.cu", "const float scale = 1 / std::sqrt(sum(block, room, own.value()) / n + epsilon);", "const float scale = 1 / std::sqrt(sum(block, room, own.value()) / n);"),
    ("cuda/layer_norm.cu", "slope_mean - normalized * product_mean));", "slope_mean - product_mean));"),
    ("cuda/batch_norm.cu", "square_sum / (n > 1 ? n - 1 : 1.0F);", "square_sum / n;"),
    ("cuda/batch_norm_inside.cu", " + counts[part] * d * d);", ");"),
    ("cuda/batch_norm_inside.cu", "room[block.thread()] = own;\n  block.sync();", "room[block.thread()] = own;"),
    ("cuda/batch_norm_inside.cu", "(total[c] + normalized *", "(normalized *"),
    ("cuda/batch_norm_vectors.cu", "other_square + delta * moved * count;", "other_square;"),
    ("cuda/batch_norm_vectors.cu", "(exists ? element<T>(slopes[u], k) : 0.0F) *", "element<T>(slopes[u], k) *"),
    ("cuda/batch_norm_vectors.cu", "own.count += count;", ""),
    ("cuda/batch_norm_tiles.h", "  keep();\n  block.sync();\n  for", "  keep();\n  for"),
    ("cuda/cross_entropy.cu", "(k == wanted ? 1 - smoothing : 0.0F);", "(k == wanted ? 1.0F : 0.0F);"),
    ("cuda/cross_entropy.cu", "(top == largest ? total : total * std::exp(top - largest))", "total"),
    ("cuda/cross_entropy.cu", "width + k == wanted ? 1.0F", "width == wanted ? 1.0F"),
    ("cuda/cross_entropy.cu", "if (block.thread() == 0) loss.put(base.at[2], 0);", ""),
    ("cuda/maximum_pool.cu", "!(values[u] > best[u] ||", "!(values[u] >= best[u] ||"),
    ("cuda/maximum_pool.cu", "(kernel[axis] - 1) * dilation[axis]", "(kernel[axis] - 1)"),
    ("cuda/maximum_pool.cu", "&& array.strides()[axis] % n != 0) return false;", "&& false) return false;"),
    ("cuda/elementwise.cu", "slope * scalar::slope(f, value)", "slope * scalar::value(f, value)"),
    ("cuda/packs.h", "% (bytes * pack_length) != 0", "% bytes != 0"),
    ("cuda/packs.h", "axes.stride[axis][operand] % pack_length != 0", "axes.stride[axis][operand] % 2 != 0"),
    ("cuda/packs.h", "left < pack_length ? static_cast<int>(left) : pack_length;", "pack_length;"),
    ("cuda/packs.h", "results[u][j] = old[u][j] + results[u][j];", "results[u][j] += 0 * old[u][j];"),
    ("cuda/packs.h", "threads() * (many ? takes : 1) + block", "threads() + block"),
    ("cuda/sums.h", "part < sharing.parts; part += block.warps()", "part < sharing.parts - 1; part += block.warps()"),
    ("cuda/sums.h", "int mask = sharing.lanes / 2;", "int mask = sharing.lanes / 4;"),
    ("cuda/indexing.cu", "other = c + 1 + block.warp(); k < columns && other <= last;", "other = c + 1 + block.warp(); k < columns && other < last;"),
    ("cuda/divisor.h", "/ divisor_ + 1);", "/ divisor_);"),
    ("cuda/elements.h", "elements_.set(i, accumulate_ ? elements_[i] + value : value);", "elements_.set(i, value);"),
    ("cuda/windows.cu", "case PadMode::reflect: return s < 0 ? -s : 2 * (length - 1) - s;", "case PadMode::reflect: return s < 0 ? -s : 2 * length - 1 - s;"),
    ("cuda/pictures.cu", "change.left_to_right != 0 ? width - 1 - x : x", "change.left_to_right != 0 ? width - x : x"),
    ("cuda/random.cu", "const std::int64_t pair = i / 2 * 2;", "const std::int64_t pair = i;"),
    ("cuda/optimizer.cu", "scalar::updated(now.rule, p[u] * shrink,", "scalar::updated(now.rule, p[u] * shrink * shrink,"),
    ("cuda/comparison.cu", "T value = which[places.at[0]] ? first.get<T>(places.at[1]) : second.get<T>(places.at[2]);", "T value = which[places.at[0]] ? first.get<T>(places.at[1]) : second.get<T>(places.at[1]);"),
    ("cuda/walk.h", "here -= left * divisor_[axis].value();", "here -= left * (divisor_[axis].value() + (axis == 1));"),
    ("cuda/sorting.cu", "return !ahead(b, a, descending) && a_place < b_place;", "return !ahead(b, a, descending) && a_place > b_place;"),
    ("cuda/sorting.cu", "return a < b || (a == a && b != b);", "return a < b;"),
    ("cuda/roi_align.cu", "/ apart - 1.5, last", "/ apart + 1.5, last"),
    ("cuda/grid_sample.cu", "first_at_least(pixels, begin, end, pixel)", "first_at_least(pixels, begin, end, pixel + 1)"),
    ("cuda/ctc.cu", "const std::int64_t least = positions - 2 * (steps - t);", "const std::int64_t least = positions - (steps - t);"),
    ("core/kernels/complete_iou.inl", "by_h = by_area * c.wa - by_angle * c.wa;", "by_h = by_area * c.wa + by_angle * c.wa;"),
    ("cuda/fallback.h", "if (copy.owner.shares_memory_with(array)) {\n        copy.begin", "if (false) {\n        copy.begin"),
]
# What a library is told wrongly: leading dimension, batch stride, transpose, bias along the wrong axis, memory that is
# used twice, slices of a convolution.
TOLD = [
    ("cuda/matmul.cpp", ".leading = rows.shape(-2) == 1 ? rows.shape(-1) : rows.strides()[-2],", ".leading = rows.shape(-1),"),
    ("cuda/matmul.cpp", "const Stored first(now_b, inner.b), second(now_a, inner.a),", "const Stored first(now_b, inner.a), second(now_a, inner.b),"),
    ("cuda/matmul.cpp", ".transpose_a = first.transposed,", ".transpose_a = second.transposed,"),
    ("cuda/matmul.cpp", "operand(b, rank).transposed(), operand(a, rank).transposed(), {},", "operand(b, rank).transposed(), operand(a, rank).transposed(), bias,"),
    ("cuda/matmul.cpp", "workspace.get(), stream);", "now_y.raw(), stream);"),
    ("cuda/matmul.cpp", ".adds = out.accumulate,", ".adds = false,"),
    ("cuda/convolution_columns.cpp", "write_columns(pictures.sliced(0, from, to), windows, first, columns.parts);\n                  multiply_part", "write_columns(pictures.sliced(0, from, to), windows, 0, columns.parts);\n                  multiply_part"),
    ("cuda/convolution.cpp", ".dilation = numbers(wanted.options.dilation),", ".dilation = numbers(wanted.options.stride),"),
    ("cuda/convolution.cpp", "const bool in_place = direct && accumulate == way->adds;", "const bool in_place = direct;"),
    ("cuda/convolution.cpp", "if (array != &written) *array = readable(*array, dtype, inside);", "static_cast<void>(array);"),
    ("cuda/convolution.cpp", "    accumulate = true;", ""),
    ("cuda/score_rows.h", "row.number * ((keys + 3) / 4) + quarter", "row.number * (keys / 4) + quarter"),
    ("cuda/recurrent.cu", "return now == (reverse ? length(b) - 1 : 0);", "return now == (reverse ? steps - 1 : 0);"),
    ("cuda/recurrent.cu", "if (!dm.defined()) dh.set(b, j, rest);", "if (!dm.defined() && cell != Cell::lstm) dh.set(b, j, rest);"),
    ("cuda/recurrent.cu", "give(b, j, 2, dn, dn * r);", "give(b, j, 2, dn);"),
    ("cuda/recurrent.cpp", "shared_ = options.cell != Cell::gru && outs.dgates.array.defined() && !outs.dgates.accumulate &&", "shared_ = options.cell != Cell::gru && outs.dgates.array.defined() &&"),
    ("cuda/recurrent.cpp", "if (type != h_.dtype()) operand_ = as(h_, type);", ""),
    ("cuda/layers.cpp", "const WeightPlaces in = places(gate), recurrent = places(gates + gate);", "const WeightPlaces in = places(gate), recurrent = places(2 * gates - 1 - gate);"),
    ("cuda/layers.cpp", "const Array dweights = space(x.device());", "const Array dweights = packed(a);"),
    ("cuda/layers.cpp", "for (std::size_t i = 0; i < given.size(); ++i) shape.lengths[i]", "for (std::size_t i = 1; i < given.size(); ++i) shape.lengths[i]"),
    ("cuda/attention.cpp", "softmax_scores({options, a, from, first}, scores, weights, log_sum);", "softmax_scores({options, a, from, 0}, scores, weights, log_sum);"),
    ("cuda/attention_by_library.cpp", "lies_well(dy, dtype) && layout(dy) == layout(even_y);", "lies_well(dy, dtype);"),
    ("cuda/score_packs.h", "const float score = rows.score(row, j + k, w[u][k]);", "const float score = rows.score(row, j, w[u][k]);"),
    ("cuda/layer_norm_packs.h", "(s + 1) * slice < rows ? (s + 1) * slice : rows", "(s + 1) * slice"),
    ("cuda/columns.cu", "seen = seen && begin >= 0 && begin % frame.stride[axis] == 0", "seen = seen && begin >= 0"),
]
# Collectives: no wait before, not waited for after, wrong count, wrong place, wrong root.
RANKS = [
    ("cuda/communicator.cpp", "driver::wait(stream_, flight.ready);", ""),
    ("cuda/communicator.cpp", "driver::happened(flights.front().done)", "(driver::happened(flights.front().done), true)"),
    ("cuda/communicator.cpp", "call.count = bounds[1] * unit;", "call.count = data.elements() * unit;"),
    ("cuda/communicator.cpp", "+ bounds[r] * width;", "+ bounds[r];"),
    ("cuda/communicator.cpp", "call.root = static_cast<int>(r);", ""),
]
# Recorded steps: what the host decides stays as it was, or what the GPU decides is not heeded.
STEPS = [
    ("cuda/optimizer.cu", "    if (!coefficients.are_wanted()) return;\n    const auto part", "    const auto part"),
    ("cuda/verdict.cu", "is_finite(value) && is_finite(norm);", "is_finite(norm);"),
    ("cuda/verdict.cu", "limit / (norm + 1e-6)", "limit / norm"),
    ("cuda/capture.cpp", "std::copy(words.begin(), words.end(), words_.begin() + kernel.first);", ""),
]
MISTAKES = RACES + WAITS + NUMBERS + TOLD + RANKS + STEPS

# The kernel file that shows a header's mistake, and the cases that run it first.
USER = {"cuda/reduce.h": "cuda/softmax.cu", "cuda/sums.h": "cuda/reduction.cu", "cuda/elements.h": "cuda/reduction.cu",
        "cuda/packs.h": "cuda/elementwise.cu", "cuda/divisor.h": "cuda/elementwise.cu", "cuda/lines.h": "cuda/softmax.cu",
        "cuda/walk.h": "cuda/elementwise.cu", "cuda/score_rows.h": "cuda/attention.cu", "cuda/score_packs.h": "cuda/attention.cu",
        "cuda/layer_norm_packs.h": "cuda/layer_norm.cu", "cuda/fallback.h": "cuda/kernels.cpp",
        "cuda/batch_norm_tiles.h": "cuda/batch_norm_vectors.cu",
        "core/kernels/complete_iou.inl": "cuda/box_loss.cu"}
FIRST = {"scan": "scan", "softmax": "softmax", "reduction": "reduction", "indexing": "indexing|embedding", "layer_norm": "normalization",
         "batch_norm": "normalization", "batch_norm_inside": "norm", "loss": "loss", "cross_entropy": "loss", "maximum_pool": "pooling", "elementwise": "activation|arithmetic", "windows": "windows|convolution_axes",
         "random": "Kernel", "optimizer": "Kernel", "comparison": "comparison", "kernels": "linalg|fourier", "box_loss": "loss", "sorting": "sorting", "roi_align": "detection", "grid_sample": "resample", "attention": "attention",
         "matmul": "matmul", "convolution": "convolution", "convolution_columns": "convolution", "columns": "convolution"}


# The tests that show it before those cases do.
FIRST_TEST = {**dict.fromkeys(["cuda/transfer.cpp", "cuda/upload.cpp", "cuda/communicator.cpp"], "cuda_streams_test"),
              **dict.fromkeys(["cuda/attention_by_library.cpp", "cuda/attention.cu"], "cuda_attention_test"),
              "cuda/layer_norm.cu": "cuda_layer_norm_test",
              **dict.fromkeys(["cuda/sorting.cu", "cuda/roi_align.cu", "cuda/grid_sample.cu", "cuda/ctc.cu"], "cuda_long_lines_test"),
              **dict.fromkeys(["cuda/maximum_pool.cu", "cuda/cross_entropy.cu", "cuda/reduction.cu", "cuda/elementwise.cu", "cuda/indexing.cu"],
                              "cuda_memory_bound_test"),
              **dict.fromkeys(["cuda/batch_norm_vectors.cu", "cuda/batch_norm_inside.cu"], "cuda_batch_norm_test")}


class Programs(Commands):
    """The tests of cuda/, each linked with the emulator's objects."""

    def __init__(self):
        super().__init__("joist_cuda_emulated.dir")

    def with_mistake(self, folder, file, wrong):
        """Folder with the tests linked with `wrong` in place of `file`, or None."""
        source = USER.get(file, file)
        made, original = self.compiled(folder, file, wrong, source)
        return (folder, made, original, source) if made else None

    @staticmethod
    def linked(test, folder, made, original):
        lines = run(["ninja", "-t", "commands", test], check=True).stdout.strip().split("\n")
        link = [part for part in shlex.split(lines[-1]) if part not in (":", "&&")]
        # In front of the others: of a template that several objects hold the linker takes the first.
        link.remove(original)
        link.insert(next(k for k, part in enumerate(link) if part.endswith(".o")), made)
        link[link.index("-o") + 1] = str(folder / test)
        result = run(link)
        if result.returncode != 0:
            raise RuntimeError(result.stdout[-2000:])
        return folder / test


def caught_by(programs):
    """The first test that fails, or None."""
    first = FIRST_TEST.get(programs[3]) if programs else None
    for test in [first, *TESTS] if first else TESTS:
        program, options = BUILD / "bin" / test, [[]]
        if programs is not None:
            folder, made, original, source = programs
            program = Programs.linked(test, folder, made, original)
            if test == "cuda_backend_test":
                names = FIRST.get(pathlib.Path(source).stem, pathlib.Path(source).stem)
                options = [["--gtest_filter=" + ":".join(f"*{name}*" for name in names.split("|"))], []]
        for option in options:
            try:
                result = run([str(program), "--gtest_brief=1", "--gtest_fail_fast", *option],
                             env={**os.environ, "OMP_NUM_THREADS": "1", "LD_LIBRARY_PATH": str(BUILD / "lib")},
                             timeout=300)
            except subprocess.TimeoutExpired:
                return f"{test} (hangs)"
            if result.returncode == 127:
                raise RuntimeError(result.stdout[-2000:])  # did not start, which proves nothing
            if result.returncode != 0:
                reason = next((line for line in result.stdout.splitlines()
                               if "emulated kernel" in line or "differ by" in line or "ERROR: Addr" in line or "Actual:" in line), "")
                return f"{test}: {reason.strip()[:150]}"
    return None


if __name__ == "__main__":
    sys.exit(plant(MISTAKES, TESTS, Programs, caught_by))
