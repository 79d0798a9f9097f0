// Convolutions as matrix products of the weights and the windows' columns, in parts that most_column_bytes() bounds:
//   forward  y [out, windows] = w [out, in · area] · columns [in · area, windows]
//   input    columns = wᵀ · dy, added up to dx
//   weights  dw = dy · columnsᵀ, over the windows of all pictures at once
// for every group. A 1x1 convolution reads the picture itself. Columns lie as the activations do, channels innermost or
// outermost.
#include <joist/cuda/columns.h>
#include <joist/cuda/convolution_columns.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/matmul.h>

#include <algorithm>

namespace joist::cuda::by_columns {
namespace {

constexpr const char* forward_name = "convolution";
constexpr const char* input_name = "convolution_backward_input";
constexpr const char* weight_name = "convolution_backward_weight";

/// x [batch, channel, spatial...] as [batch, group, channel, spatial...].
Array grouped(const Array& x, std::int64_t groups) {
  const std::int64_t channels = x.shape(1) / groups;
  Strides strides = x.strides().inserted(1, x.strides()[1] * channels);
  return x.strided(x.shape().with(1, channels).inserted(1, groups), strides);
}

/// Whether the spatial axes lie as one, and the step between its places.
struct Positions {
  bool merge = true;
  std::int64_t step = 1;
  explicit Positions(const Array& x) {
    std::int64_t count = 1;
    for (int axis = x.rank() - 1; axis >= 3; --axis) {
      if (x.shape(axis) == 1) continue;
      if (count == 1) step = x.strides()[axis];
      merge = merge && x.strides()[axis] == step * count;
      count *= x.shape(axis);
    }
  }
};
/// [batch, group, channel, spatial...] as [batch, group, channel, position]; a copy where the axes do not merge.
Array flat(const Array& x) {
  const Positions positions(x);
  if (!positions.merge) return flat(gapless(x));
  return x.strided({x.shape(0), x.shape(1), x.shape(2), x.shape().elements(3, x.rank())},
                   {x.strides()[0], x.strides()[1], x.strides()[2], positions.step});
}

bool channels_inside(const Array& x) { return x.strides()[2] == 1 && x.shape(2) > 1; }

Windows windows_of(const Shape& w, const Shape& y, const ConvolutionOptions& options) {
  return {.kernel = w.without(0).without(0), .windows = y.without(0).without(0), .options = options};
}
// Columns that are the picture itself.
bool is_pointwise(const Windows& windows) {
  const int rank = windows.kernel.rank();
  return windows.area() == 1 && windows.options.stride == Shape::filled(rank, 1) &&
         windows.options.padding == Shape::filled(rank, 0);
}

/// Memory of columns in two views.
struct Columns {
  Array parts;     ///< [batch, group, channel, place in the kernel, window]
  Array matrices;  ///< [batch, group, channel · place, window]
};
Columns make_columns(const Shape& parts, bool inside, Dtype dtype, Device device) {
  const std::int64_t batches = parts[0], groups = parts[1], channels = parts[2], area = parts[3], count = parts[4],
                     depth = channels * area;
  const Array memory = Array::empty({parts.elements()}, dtype, device);
  if (inside)
    return {memory.strided(parts, {count * groups * depth, depth, 1, channels, groups * depth}),
            memory.strided({batches, groups, depth, count}, {count * groups * depth, depth, 1, groups * depth})};
  return {memory.strided(parts, {count, depth * batches * count, area * batches * count, batches * count, 1}),
          memory.strided({batches, groups, depth, count}, {count, depth * batches * count, batches * count, 1})};
}

/// w [out, channel, kernel...] as [group, out, channel · place], in the columns' order.
Array weight_matrices(const Array& w, std::int64_t groups, bool inside) {
  const std::int64_t area = w.shape().elements(2, w.rank());
  const Array plain = gapless(w).view({groups, w.shape(0) / groups, w.shape(1), area});
  const Array ordered = inside ? gapless(plain.transposed()) : plain;
  return ordered.view({groups, w.shape(0) / groups, w.shape(1) * area});
}

// How many pictures, windows (or channels) are computed at a time.
struct Part {
  std::int64_t pictures, others;
};
Part part_of(std::int64_t pictures, std::int64_t others, std::int64_t bytes_of_each) {
  const std::int64_t each = std::max<std::int64_t>(bytes_of_each, 1);
  const std::int64_t picture = std::max<std::int64_t>(each * others, 1);
  if (picture <= most_column_bytes())
    return {std::clamp<std::int64_t>(most_column_bytes() / picture, 1, std::max<std::int64_t>(pictures, 1)),
            std::max<std::int64_t>(others, 1)};
  return {1, std::clamp<std::int64_t>(most_column_bytes() / each, 1, others)};
}
template <class Work>
void for_each_part(std::int64_t pictures, std::int64_t others, const Part& part, const Work& work) {
  for (std::int64_t picture = 0; picture < pictures; picture += part.pictures)
    for (std::int64_t other = 0; other < others; other += part.others)
      work(picture, std::min(picture + part.pictures, pictures), other, std::min(other + part.others, others));
}

/// [batch, group, channel, position] as [group, channel, batch · position]; a copy where the axes do not merge.
Array rows_of(const Array& x) {
  const Array turned = x.permuted({1, 2, 0, 3});
  const Strides& strides = turned.strides();
  const bool merges = x.shape(0) == 1 || x.shape(3) == 1 || strides[2] == strides[3] * x.shape(3);
  if (!merges) return rows_of(gapless(turned).permuted({2, 0, 1, 3}));
  return turned.strided({x.shape(1), x.shape(2), x.shape(0) * x.shape(3)},
                        {strides[0], strides[1], x.shape(3) == 1 ? strides[2] : strides[3]});
}

}  // namespace

void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  if (y.array.elements() == 0) return;
  const std::int64_t groups = options.groups;
  if (!Positions(grouped(y.array, groups)).merge) {
    const Array plain = Array::empty(y.array.shape(), y.array.dtype(), y.array.device());
    forward(x, w, bias, options, {plain});
    return copy_elements(plain, y);
  }
  const Array result = flat(grouped(y.array, groups));
  const Windows windows = windows_of(w.shape(), y.array.shape(), options);
  const bool inside = channels_inside(result), fused = bias.defined() && inside && groups == 1;
  const bool adds = y.accumulate || (bias.defined() && !fused);
  if (bias.defined() && !fused) copy_elements(per_channel(bias, y.array.rank()).expanded(y.array.shape()), y);
  const Array weights = weight_matrices(w, groups, inside).inserted(0);
  const auto multiply_part = [&](const Array& columns, const Array& part) {
    if (inside)
      multiply(forward_name, columns.transposed(), weights.transposed(), fused ? bias : Array(),
               {part.transposed(), adds});
    else
      multiply(forward_name, weights, columns, {}, {part, adds});
  };
  const Array pictures = grouped(x, groups);
  if (is_pointwise(windows)) return multiply_part(flat(pictures), result);
  const std::int64_t area = windows.area(), channels = w.shape(1);
  const Part size =
      part_of(x.shape(0), windows.count(), groups * channels * area * static_cast<std::int64_t>(size_of(x.dtype())));
  for_each_part(x.shape(0), windows.count(), size,
                [&](std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t last) {
                  const Columns columns =
                      make_columns({to - from, groups, channels, area, last - first}, inside, x.dtype(), x.device());
                  write_columns(pictures.sliced(0, from, to), windows, first, columns.parts);
                  multiply_part(columns.matrices, result.sliced(0, from, to).sliced(3, first, last));
                });
}

void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx) {
  if (dx.array.elements() == 0) return;
  const std::int64_t groups = options.groups;
  const Windows windows = windows_of(w.shape(), dy.shape(), options);
  const Array slopes = flat(grouped(dy, groups)), pictures = grouped(dx.array, groups);
  if (is_pointwise(windows) && Positions(pictures).merge)
    return multiply(input_name, weight_matrices(w, groups, false).inserted(0).transposed(), slopes, {},
                    {flat(pictures), dx.accumulate});
  const bool inside = channels_inside(pictures);
  const std::int64_t area = windows.area(), count = windows.count();
  const Part size = part_of(dy.shape(0), w.shape(1), groups * area * count * 4);
  for_each_part(
      dy.shape(0), w.shape(1), size, [&](std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t last) {
        // In float32, since up to `area` of them are added.
        const Columns columns =
            make_columns({to - from, groups, last - first, area, count}, inside, Dtype::float32, dy.device());
        const Array weights = weight_matrices(w.sliced(1, first, last), groups, inside).inserted(0);
        multiply(input_name, weights.transposed(), slopes.sliced(0, from, to), {}, {columns.matrices});
        add_columns(columns.parts, windows, {pictures.sliced(0, from, to).sliced(2, first, last), dx.accumulate});
      });
}

void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw) {
  if (dw.array.elements() == 0) return;
  if (dy.elements() == 0) {
    if (!dw.accumulate) cuda_kernels().elementwise.fill(0, dw.array);
    return;
  }
  const std::int64_t groups = options.groups, outs = dy.shape(1) / groups, channels = dw.array.shape(1);
  const Windows windows = windows_of(dw.array.shape(), dy.shape(), options);
  const std::int64_t area = windows.area(), count = windows.count();
  const Array slopes = flat(grouped(dy, groups)), pictures = grouped(x, groups);
  const bool inside = channels_inside(slopes);
  // In float32, since the parts are added.
  const Array total = Array::empty({groups, outs, channels * area}, Dtype::float32, dy.device());
  if (is_pointwise(windows)) {
    multiply(weight_name, rows_of(slopes), rows_of(flat(pictures)).transposed(), {}, {total});
  } else {
    const Part size =
        part_of(dy.shape(0), count, groups * channels * area * static_cast<std::int64_t>(size_of(x.dtype())));
    bool adds = false;
    for_each_part(dy.shape(0), count, size,
                  [&](std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t last) {
                    const Columns columns =
                        make_columns({to - from, groups, channels, area, last - first}, inside, x.dtype(), x.device());
                    write_columns(pictures.sliced(0, from, to), windows, first, columns.parts);
                    multiply(weight_name, rows_of(slopes.sliced(0, from, to).sliced(3, first, last)),
                             rows_of(columns.matrices).transposed(), {}, {total, adds});
                    adds = true;
                  });
  }
  const Array matrices =
      inside ? total.view({dy.shape(1), area, channels}).transposed() : total.view({dy.shape(1), channels, area});
  const Array wanted = gapless(matrices).view(dw.array.shape());
  copy_elements(wanted, dw);
}

}  // namespace joist::cuda::by_columns
