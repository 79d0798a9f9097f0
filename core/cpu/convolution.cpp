// Convolution of channels-last activations, by oneDNN or, where that pays, by Winograd's algorithm or AMX tiles.
// Volumes (rank 5) have no channels-last arrays outside; they are brought into that order and back, too.
//
// oneDNN 2.6 computes float32 fast on dense channels-last arrays and on its own blocked formats. The two are within a
// few percent of each other on the shapes of ResNet and YOLO, so activations stay channels-last and nothing converts
// between layers. Anything else is copied to dense channels-last first: row-major activations are three to ten times
// slower, and for slices of channels, whose pixels lie further apart than their channels, oneDNN has only plain loops.
// The copy costs about a tenth of a 3x3 convolution of 16 channels and less of wider ones. The weights' way from
// row-major into the primitive's own format and back is 1 % for most layers and 8 % for the widest (512 channels on
// 7x7).
#include <joist/core/cpu/bfloat16.h>
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/depthwise.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/onednn.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/pointwise.h>
#include <joist/core/cpu/split_convolution.h>
#include <joist/core/cpu/tile_product.h>
#include <joist/core/cpu/winograd.h>

namespace joist {
namespace {

using pointwise::matrix;

// Strides of [batch, channel, ...] with the channels innermost, for any rank.
Strides channels_innermost(const Shape& shape) {
  Shape lengths = shape.without(1).inserted(shape.rank() - 1, shape[1]);
  const Strides dense = row_major(lengths);
  return dense.without(-1).inserted(1, dense[-1]);
}

Array packed(const Array& x) { return with_strides(x, channels_innermost(x.shape())); }

Array empty_like(const Shape& shape, Dtype dtype, bool innermost) {
  const Array memory = Array::empty(shape, dtype);
  return innermost ? memory.strided(shape, channels_innermost(shape)) : memory;
}

// Weights and biases, which may be undefined.
Array gapless(const Array& x) { return x.defined() ? with_strides(x, row_major(x.shape())) : x; }

// Hands the body `out` itself if it lies as wanted, else memory that does, which is then copied or added to `out`.
template <class Body>
void write(const Out& out, bool fits, bool innermost, const Body& body) {
  if (fits) return body(out);
  const Array plain = empty_like(out.array.shape(), out.array.dtype(), innermost);
  body(Out{plain});
  copy_array(plain, out);
}

Array per_channel(const Array& vector, int rank) {  // [1, channels, 1, ...]
  Array spread = vector.inserted(0);
  while (spread.rank() < rank) spread = spread.inserted(spread.rank());
  return spread;
}

// The gradient of a bias, if it is wanted.
void add_up(const Array& dy, const Out& db) {
  if (db.array.defined())
    kernels(dy.device(), dy.dtype()).reduction.sum(dy, 1.0, Out{per_channel(db.array, dy.rank()), db.accumulate});
}

void clear(const Out& out) {
  if (out.array.defined() && !out.accumulate) fill_array(0, out.array);
}

// Can a window lie in the padding with all its points? oneDNN 2.6 (brgconv) then forgets the bias.
bool window_may_miss(const Shape& x, const Shape& w, const ConvolutionOptions& options) {
  for (int i = 0; i < options.padding.rank(); ++i) {
    const bool before = options.padding[i] > (w[2 + i] - 1) * options.dilation[i];
    const bool around = options.dilation[i] > x[2 + i];
    if (options.padding[i] > 0 && (before || around)) return true;
  }
  return false;
}

// x with its padding written out.
Array framed(const Array& x, const Shape& padding) {
  Shape shape = x.shape();
  for (int i = 0; i < padding.rank(); ++i) shape[2 + i] += 2 * padding[i];
  const Array frame = empty_like(shape, x.dtype(), true);
  fill_array(0, frame);
  Array inside = frame;
  for (int i = 0; i < padding.rank(); ++i) inside = inside.sliced(2 + i, padding[i], padding[i] + x.shape(2 + i));
  copy_array(x, {inside});
  return frame;
}

// A 1x1 convolution of all pixels is a product of [pixels, channels] and [channels, channels], which tiles compute.
bool is_product(const Array& x, const Shape& w, const ConvolutionOptions& options) {
  const int spatial = options.stride.rank();
  return w.elements(2, w.rank()) == 1 && options.groups == 1 && options.stride == Shape::filled(spatial, 1) &&
         options.padding == Shape::filled(spatial, 0) &&
         tile_product_pays(x.dtype(), x.elements() / x.shape(1), w[0], w[1]);
}
Array pixels(const Array& dense) {
  const std::int64_t channels = dense.shape(1);
  return dense.strided({dense.elements() / channels, channels}, {channels, 1});
}

// dw = dyᵀ x over pixels [pixels, channels], by tiles: each thread takes a part of the pixels, as there are many of
// them and few channels. False: not by tiles.
bool product_weight(const Array& x, const Array& dy, const Out& dw) {
  const std::int64_t out = dy.shape(1), in = x.shape(1);
  const int parts = parts_of(x.shape(0), 2048);
  if (out < 16 || in < 16) return false;
  const auto part = [&](std::int64_t begin, std::int64_t end, const Out& sums) {
    return tile_product(dy.sliced(0, begin, end).transposed(), x.sliced(0, begin, end), {}, sums, 16);
  };
  const Array whole = matrix(dw.array);
  if (parts == 1 || out >= 64 * parts) return part(0, x.shape(0), {whole, dw.accumulate});
  const Array sums = Array::empty({parts, out, in});
  parallel_parts(x.shape(0), 2048, [&](int number, std::int64_t begin, std::int64_t end) {
    part(begin, end, {sums.selected(0, number)});
  });
  kernels(sums).reduction.sum(sums, 1.0, {whole.inserted(0), dw.accumulate});
  return true;
}

void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  require_product_types({&x, &w}, {&bias, &y.array});
  if (y.array.elements() == 0) return;
  if (x.elements() == 0) {  // all windows lie in the padding
    clear(y);
    if (bias.defined()) copy_array(per_channel(bias, y.array.rank()), {y.array, true});
    return;
  }
  if (window_may_miss(x.shape(), w.shape(), options)) {
    ConvolutionOptions unpadded = options;
    unpadded.padding = Shape::filled(options.padding.rank(), 0);
    return forward(framed(x, options.padding), w, bias, unpadded, y);
  }
  if (is_product(x, w.shape(), options) && y.array.is_channels_last() &&
      tile_product(pixels(packed(x)), matrix(gapless(w)).transposed(), gapless(bias), {pixels(y.array), y.accumulate}))
    return;
  const auto pays = [&](const auto& way) { return way(x.shape(), w.shape(), y.array.shape(), x.dtype(), options); };
  const auto convolution = pays(split_convolution::pays) ? split_convolution::forward
                           : pays(winograd::pays)        ? winograd::forward
                                                         : onednn::convolution;
  write(y, y.array.is_channels_last(), true,
        [&](const Out& out) { convolution(packed(x), gapless(w), gapless(bias), options, out); });
}

void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx) {
  require_product_types({&dy, &w}, {&dx.array});
  if (dx.array.elements() == 0) return;
  if (dy.elements() == 0) return clear(dx);
  if (is_product(dy, w.shape(), options) && dx.array.is_channels_last() &&
      tile_product(pixels(packed(dy)), matrix(gapless(w)), {}, {pixels(dx.array), dx.accumulate}))
    return;
  const auto pays = [&](const auto& way) { return way(dx.array.shape(), w.shape(), dy.shape(), dy.dtype(), options); };
  const bool split = pays(split_convolution::pays), fast = split || pays(winograd::pays);
  write(dx, dx.array.is_channels_last() && (fast || !dx.accumulate), true, [&](const Out& out) {
    if (split) return split_convolution::backward_input(packed(dy), gapless(w), options, out);
    if (fast) return winograd::backward_input(packed(dy), gapless(w), options, out);
    onednn::convolution_backward_input(packed(dy), gapless(w), options, out.array);
  });
}

// The pixels that a 1x1 convolution without padding reads.
Array read_pixels(Array x, const ConvolutionOptions& options, const Shape& y) {
  for (int i = 0; i < options.stride.rank(); ++i)
    x = x.sliced(2 + i, 0, (y[2 + i] - 1) * options.stride[i] + 1, options.stride[i]);
  return x;
}

void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw, const Out& db) {
  require_product_types({&x, &dy}, {&dw.array, &db.array});
  if (x.elements() == 0 || dy.elements() == 0) {
    clear(dw);
    return add_up(dy, db);
  }
  const bool channelwise = depthwise::pays(x.shape(), dw.array.shape(), x.dtype(), options);
  if (channelwise || winograd::pays(x.shape(), dw.array.shape(), dy.shape(), x.dtype(), options)) {
    const auto gradient = channelwise ? depthwise::backward_weight : winograd::backward_weight;
    write(dw, dw.array.is_row_major(), false, [&](const Out& out) { gradient(packed(x), packed(dy), options, out); });
    return add_up(dy, db);
  }
  if (is_product(x, dw.array.shape(), options) && dw.array.is_row_major() && dw.array.dtype() == Dtype::float32 &&
      product_weight(pixels(packed(x)), pixels(packed(dy)), dw))
    return add_up(dy, db);
  const Shape ones = Shape::filled(options.stride.rank(), 1), none = Shape::filled(options.stride.rank(), 0);
  const bool pointwise = dw.array.shape().elements(2, dw.array.rank()) == 1 && options.padding == none;
  if (pointwise && options.stride != ones) {
    // Left to itself oneDNN 2.6 gathers the pixels too, but writes past its scratch memory doing so
    // (https://github.com/uxlfoundation/oneDNN/issues/6035).
    ConvolutionOptions dense = options;
    dense.stride = ones;
    return backward_weight(read_pixels(x, options, dy.shape()), dy, dense, dw, db);
  }
  const bool own = db.array.defined() && (db.accumulate || !db.array.is_row_major());
  const Array bias = own ? Array::empty(db.array.shape(), db.array.dtype()) : db.array;
  write(dw, dw.array.is_row_major(), false,
        [&](const Out& out) { onednn::convolution_backward_weight(packed(x), packed(dy), options, out, bias); });
  if (own) copy_array(bias, db);
}

}  // namespace

void fill_convolution(Kernels& table) {
  table.convolution.forward = forward;
  table.convolution.backward_input = backward_input;
  table.convolution.backward_weight = backward_weight;
}

}  // namespace joist
