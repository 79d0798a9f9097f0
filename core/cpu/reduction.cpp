#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/product.h>
#include <joist/core/cpu/reduction.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace joist {
namespace {

using Axis = StridedAxes::Axis;
constexpr std::size_t output = 3;  // operand number of the output; the inputs come first
constexpr std::int64_t elements_per_thread = 16384;
constexpr std::int64_t most_totals = 512;

bool is_kept(const Axis& axis) { return axis.stride[output] != 0; }

void remove_axes(StridedAxes& axes, bool kept) {
  for (int i = axes.rank() - 1; i >= 0; --i)
    if (is_kept(axes[i]) == kept) axes.remove(i);
}

// One tile spans a part of a kept axis (one total per element) and a part of a summed one. Whichever of the two is
// innermost in memory is the tile's columns. All other axes are walked outside.
struct Sum {
  TileFunction function;
  const void* parameters;
  std::array<const float*, 3> inputs{};
  std::size_t input_count = 0;
  float* out;
  bool accumulate;
  float scale;

  StridedAxes kept, summed;
  Axis kept_axis{1, {}}, summed_axis{1, {}};
  bool columns_kept = false;

  std::int64_t kept_chunk = 1, summed_chunk = 1;

  void plan() {
    if (kept.rank() > 0) columns_kept = is_kept(kept[kept.rank() - 1]);
    remove_axes(kept, false);
    remove_axes(summed, true);
    if (kept.rank() > 0) kept_axis = kept.remove(kept.rank() - 1);
    if (summed.rank() > 0) summed_axis = summed.remove(summed.rank() - 1);
    if (columns_kept) {
      kept_chunk = std::min(kept_axis.length, most_totals);
      summed_chunk = std::clamp<std::int64_t>(function ? tile_elements / kept_chunk : 64, 1, 64);
    } else {
      summed_chunk = std::min(summed_axis.length, tile_elements);
      kept_chunk =
          std::min<std::int64_t>(kept_axis.length, std::clamp<std::int64_t>(tile_elements / summed_chunk, 1, 64));
    }
    summed_chunk = std::min(summed_chunk, summed_axis.length);
  }

  std::int64_t kept_blocks() const { return (kept_axis.length + kept_chunk - 1) / kept_chunk; }
  std::int64_t summed_blocks() const { return (summed_axis.length + summed_chunk - 1) / summed_chunk; }

  // total[...] += the sums of tiles [begin, end) of the summed axes, for one block of the kept ones.
  void add(std::int64_t unit, std::int64_t begin, std::int64_t end, float* buffer, double* total) const {
    const std::int64_t first = unit % kept_blocks() * kept_chunk,
                       count = std::min(kept_chunk, kept_axis.length - first);
    const StridedAxes::Offsets base = kept.offsets(unit / kept_blocks());
    const Axis &row = columns_kept ? summed_axis : kept_axis, &column = columns_kept ? kept_axis : summed_axis;
    for (std::int64_t step = begin; step < end; ++step) {
      const std::int64_t from = step % summed_blocks() * summed_chunk;
      const std::int64_t depth = std::min(summed_chunk, summed_axis.length - from);
      const StridedAxes::Offsets at = summed.offsets(step / summed_blocks());
      Tile tile;
      tile.rows = columns_kept ? depth : count;
      tile.columns = columns_kept ? count : depth;
      const std::int64_t size = std::max(tile_elements, tile.rows * tile.columns);
      for (std::size_t i = 0; i < input_count; ++i)
        tile.in[i] = gapless_rows(
            inputs[i] + base[i] + at[i] + first * kept_axis.stride[i] + from * summed_axis.stride[i], row.stride[i],
            column.stride[i], tile.rows, tile.columns, buffer + static_cast<std::int64_t>(i) * size);
      Tile::Input values = tile.in[0];
      if (function) {
        tile.out = buffer + 3 * size;
        tile.out_row = tile.columns;
        function(parameters, tile);
        values = {tile.out, tile.out_row};
      }
      if (columns_kept)
        add_column_sums(values, tile.rows, tile.columns, total);
      else
        add_row_sums(values, tile.rows, tile.columns, total);
    }
  }

  void write(std::int64_t unit, const double* total) const {
    const std::int64_t first = unit % kept_blocks() * kept_chunk,
                       count = std::min(kept_chunk, kept_axis.length - first);
    const std::int64_t stride = kept_axis.stride[output];
    float* y = out + kept.offsets(unit / kept_blocks())[output] + first * stride;
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = static_cast<float>(static_cast<double>(scale) * total[i]);
      y[i * stride] = accumulate ? y[i * stride] + value : value;
    }
  }

  void run() const {
    const std::int64_t units = kept.elements() * kept_blocks(), steps = summed.elements() * summed_blocks();
    const std::int64_t work = steps * summed_chunk * kept_chunk;
    // Few totals of many numbers: the numbers are cut into parts (their count must not depend on the threads).
    const std::int64_t parts =
        units >= 64 ? 1 : std::clamp<std::int64_t>(std::min(64 / units, work / elements_per_thread), 1, steps);
    const std::int64_t per_part = (steps + parts - 1) / parts;
    std::vector<double> partial(parts > 1 ? static_cast<std::size_t>(units * parts * kept_chunk) : 0);
    parallel_for(units * parts, elements_per_thread / (work / parts), [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> buffer(static_cast<std::size_t>(4 * std::max(tile_elements, kept_chunk * summed_chunk)));
      std::array<double, most_totals> own;
      for (std::int64_t index = begin; index < end; ++index) {
        const std::int64_t unit = index / parts, from = std::min(steps, index % parts * per_part);
        double* total = parts > 1 ? partial.data() + index * kept_chunk : own.data();
        std::fill_n(total, kept_chunk, 0.0);
        add(unit, from, std::min(steps, from + per_part), buffer.data(), total);
        if (parts == 1) write(unit, total);
      }
    });
    if (parts == 1) return;
    for (std::int64_t unit = 0; unit < units; ++unit) {
      double* total = partial.data() + unit * parts * kept_chunk;
      for (std::int64_t part = 1; part < parts; ++part)
        for (std::int64_t i = 0; i < kept_chunk; ++i) total[i] += total[part * kept_chunk + i];
      write(unit, total);
    }
  }
};

void sum(const Array& x, double scale, const Out& y) { sum_tiles(nullptr, nullptr, {&x}, scale, y); }

// The first of equals; a NaN wins over all numbers, as in PyTorch.
template <bool largest>
void extreme(const Array& x, int axis, const Out& out, const Array& index_array) {
  write_or_add(out, [&](const Array& y) {
    const std::int64_t length = x.shape(axis), step = x.strides()[axis];
    const Array first = x.selected(axis, 0), values = y.selected(axis, 0), indices = index_array.selected(axis, 0);
    const StridedAxes axes(first.shape(), {&values, &first, &indices});
    const auto* from = first.data<float>();
    auto* to = values.data<float>();
    auto* at = indices.data<std::int64_t>();
    parallel_for(axes.elements(), elements_per_thread / length, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) {
        const StridedAxes::Offsets offset = axes.offsets(line);
        const float* p = from + offset[1];
        std::int64_t best = 0;
        float value = *p;
        for (std::int64_t i = 1; i < length && !std::isnan(value); ++i)
          if ((largest ? p[i * step] > value : p[i * step] < value) || std::isnan(p[i * step])) {
            best = i;
            value = p[i * step];
          }
        to[offset[0]] = value;
        at[offset[2]] = best;
      }
    });
  });
}

}  // namespace

void sum_tiles(TileFunction function, const void* parameters, std::initializer_list<const Array*> inputs, double scale,
               const Out& out) {
  std::array<const Array*, 3> in{};
  std::fill(in.begin(), in.end(), *inputs.begin());
  std::copy(inputs.begin(), inputs.end(), in.begin());
  if (out.array.elements() == 0) return;
  if (in[0]->elements() == 0) {
    if (!out.accumulate) fill_array(0, out.array);
    return;
  }
  const Array full = out.array.expanded(in[0]->shape());
  const StridedAxes axes(in[0]->shape(), {in[0], in[1], in[2], &full});
  Sum sum{.function = function,
          .parameters = parameters,
          .out = out.array.data<float>(),
          .accumulate = out.accumulate,
          .scale = static_cast<float>(scale),
          .kept = axes,
          .summed = axes};
  for (const Array* input : inputs) sum.inputs[sum.input_count++] = input->data<float>();
  sum.plan();
  sum.run();
}

void fill_reduction(Kernels& table) {
  table.reduction.sum = sum;
  table.reduction.maximum = extreme<true>;
  table.reduction.minimum = extreme<false>;
  table.reduction.product = product;
  table.reduction.product_backward = product_backward;
}

}  // namespace joist
