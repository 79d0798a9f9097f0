// Convolution theorem: the transform of a convolution is the product of the transforms, once both are filled with zeros
// to a length that keeps the ends apart. Correlation multiplies with the conjugate.
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/fourier.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>

namespace joist {
namespace {

// The next length that has no prime factors above 5: such transforms are the fastest.
std::int64_t quick_length(std::int64_t n) {
  for (;; ++n) {
    std::int64_t rest = n;
    for (const std::int64_t factor : {2, 3, 5})
      while (rest % factor == 0) rest /= factor;
    if (rest == 1) return n;
  }
}

// Elements from `first` on, `count` of them, of a periodic axis; first may be negative.
Tensor periodic(const Tensor& x, int axis, std::int64_t first, std::int64_t count) {
  const std::int64_t n = x.shape(axis), begin = (first % n + n) % n;
  if (begin + count <= n) return slice(x, axis, begin, begin + count);
  return concat({slice(x, axis, begin, n), slice(x, axis, 0, begin + count - n)}, axis);
}

Tensor convolved(const char* op, const Tensor& a, const Tensor& b, ConvolveMode mode, int rank, bool reversed) {
  require_same_kind(op, a, b);
  const auto refuse = [&](const char* expected) {
    throw ShapeError({.where = op, .what = a.shape().text() + " and " + b.shape().text(), .expected = expected});
  };
  if (a.rank() < rank || b.rank() < rank) refuse(rank == 1 ? "signals [..., length]" : "planes [..., height, width]");
  const auto leading = [rank](const Tensor& x) {
    Shape shape = x.shape();
    for (int i = 0; i < rank; ++i) shape = shape.without(-1);
    return shape;
  };
  broadcast(leading(a), leading(b), op);
  FourierAxes options{.axes = rank == 1 ? std::vector{-1} : std::vector{-2, -1}};
  for (const int axis : options.axes) {
    if (a.shape(axis) < 1 || b.shape(axis) < 1) refuse("at least one element on each convolved axis");
    options.size.push_back(quick_length(a.shape(axis) + b.shape(axis) - 1));
  }
  const Tensor first = rfft2(a, options), second = rfft2(b, options);
  Tensor y = irfft2(complex_mul(first, reversed ? complex_conj(second) : second), options);
  for (int i = 0; i < rank; ++i) {
    const int axis = options.axes[static_cast<std::size_t>(i)];
    const std::int64_t n = a.shape(axis), m = b.shape(axis), all = n + m - 1;
    const std::int64_t count = mode == ConvolveMode::full   ? all
                               : mode == ConvolveMode::same ? n
                                                            : std::max(n, m) - std::min(n, m) + 1;
    // Correlation's first element, a[0] with b's last, is periodic element 1 - m.
    const std::int64_t start = mode == ConvolveMode::valid ? std::min(n, m) - 1 : (all - count) / 2;
    y = periodic(y, axis, start + (reversed ? 1 - m : 0), count);
  }
  return y;
}

}  // namespace

Tensor fft_convolve(const Tensor& a, const Tensor& b, ConvolveMode mode) {
  return convolved("fft_convolve", a, b, mode, 1, false);
}
Tensor fft_convolve2d(const Tensor& a, const Tensor& b, ConvolveMode mode) {
  return convolved("fft_convolve2d", a, b, mode, 2, false);
}
Tensor fft_correlate(const Tensor& a, const Tensor& b, ConvolveMode mode) {
  return convolved("fft_correlate", a, b, mode, 1, true);
}
Tensor fft_correlate2d(const Tensor& a, const Tensor& b, ConvolveMode mode) {
  return convolved("fft_correlate2d", a, b, mode, 2, true);
}

Tensor fft_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionOptions& options) {
  constexpr const char* op = "fft_conv2d";
  require_rank(op, x, 4, "[batch, channel, height, width]");
  require_rank(op, weight, 4, "[out, in, kernel_height, kernel_width]");
  require_same_kind(op, x, weight);
  if (options.groups != 1 || options.dilation != Shape{1, 1})
    throw UnsupportedError(
        {.where = op,
         .what = "unsupported: groups " + std::to_string(options.groups) + ", dilation " + options.dilation.text(),
         .expected = "groups 1, dilation [1, 1]",
         .remedy = "conv2d"});
  if (x.shape(1) != weight.shape(1))
    throw ShapeError(
        {.where = op,
         .what = "input " + x.shape().text() + ", weight " + weight.shape().text(),
         .expected = "weight [out, in, kernel_height, kernel_width] with in = " + std::to_string(x.shape(1))});
  if (bias.defined()) require_vector(op, "bias", bias, weight.shape(0));
  FourierAxes axes{};
  std::array<std::int64_t, 2> count{};
  for (int i = 0; i < 2; ++i) {
    const std::int64_t room = x.shape(2 + i) + 2 * options.padding[i] - weight.shape(2 + i);
    if (options.stride[i] < 1 || options.padding[i] < 0 || weight.shape(2 + i) < 1 || x.shape(2 + i) < 1 || room < 0)
      throw ShapeError({.where = op,
                        .what = "input " + x.shape().text() + ", weight " + weight.shape().text() + ", stride " +
                                options.stride.text() + ", padding " + options.padding.text(),
                        .expected = "stride at least 1, padding from 0 on, and a window within the padded input"});
    count[static_cast<std::size_t>(i)] = room / options.stride[i] + 1;
    axes.size.push_back(quick_length(x.shape(2 + i) + 2 * options.padding[i]));
  }
  // One matrix product per frequency: [frequency, batch, in] · [frequency, in, out].
  const Tensor xs = rfft2(x, axes), ws = rfft2(weight, axes);
  const std::int64_t height = xs.shape(2), width = xs.shape(3);
  const auto by_frequency = [&](const Tensor& part, bool swap) {
    const Tensor flat = reshape(part, {part.shape(0), part.shape(1), height * width});
    return swap ? permute(flat, {2, 1, 0}) : permute(flat, {2, 0, 1});
  };
  const Tensor xr = by_frequency(real(xs), false), xi = by_frequency(imag(xs), false);
  const Tensor wr = by_frequency(real(ws), true), wi = by_frequency(imag(ws), true);
  const Tensor yr = matmul(xr, wr) + matmul(xi, wi), yi = matmul(xi, wr) - matmul(xr, wi);
  const auto back = [&](const Tensor& part) {
    return reshape(permute(part, {1, 2, 0}), {x.shape(0), weight.shape(0), height, width});
  };
  Tensor y = irfft2(complex(back(yr), back(yi)), axes);
  for (int i = 0; i < 2; ++i) {
    const std::int64_t kept = (count[static_cast<std::size_t>(i)] - 1) * options.stride[i] + 1;
    y = slice(periodic(y, 2 + i, -options.padding[i], kept), 2 + i, 0, kept, options.stride[i]);
  }
  return bias.defined() ? y + reshape(bias, {-1, 1, 1}) : y;
}

// ---- short-time transform -------------------------------------------------------------------------------------------

namespace {

struct Frames {
  std::int64_t hop, n;
  Tensor window;  // [n]
};

Frames frames_of(const char* op, const Tensor& x, const Tensor& window, const StftOptions& options) {
  const std::int64_t n = options.n_fft, hop = options.hop == 0 ? n / 4 : options.hop;
  if (n < 1 || hop < 1)
    throw UsageError({.where = op,
                      .what = "n_fft " + std::to_string(n) + ", hop " + std::to_string(hop),
                      .expected = "both at least 1"});
  if (window.defined()) {
    require_vector(op, "window", window, n);
    require_same_kind(op, x, window);
  }
  return {hop, n, window.defined() ? window : to(ones({n}, x.dtype()), x.device())};
}

Tensor zeros_along(const Tensor& x, std::int64_t length) {
  return to(zeros(x.shape().with(-1, length), x.dtype()), x.device());
}

// [..., frames, n] -> the sum of the frames, each `hop` further, [..., (frames - 1) · hop + n]: blocks of one hop are
// added up, each frame's block i shifted by i blocks.
Tensor overlap_added(const Tensor& frames, std::int64_t hop) {
  const std::int64_t n = frames.shape(-1), count = frames.shape(-2), blocks = (n + hop - 1) / hop;
  const Tensor padded = blocks * hop == n ? frames : concat({frames, zeros_along(frames, blocks * hop - n)}, -1);
  const Shape leading = frames.shape().without(-1).without(-1);
  const auto shaped = [&](const Tensor& x) {
    return reshape(x, leading.inserted(leading.rank(), x.shape(-1) * x.shape(-2)));
  };
  Tensor total{};
  for (std::int64_t i = 0; i < blocks; ++i) {
    std::vector<Tensor> parts;
    const Tensor middle = shaped(slice(padded, -1, i * hop, (i + 1) * hop));
    if (i > 0) parts.push_back(zeros_along(middle, i * hop));
    parts.push_back(middle);
    if (i + 1 < blocks) parts.push_back(zeros_along(middle, (blocks - 1 - i) * hop));
    const Tensor shifted = concat(parts, -1);
    total = total.defined() ? total + shifted : shifted;
  }
  return slice(total, -1, 0, (count - 1) * hop + n);
}

}  // namespace

Tensor stft(const Tensor& x, const Tensor& given, const StftOptions& options) {
  const auto [hop, n, window] = frames_of("stft", x, given, options);
  if (x.rank() < 1) throw ShapeError({.where = "stft", .what = "a single number", .expected = "[..., samples]"});
  const Tensor signal = options.center ? concat({zeros_along(x, n / 2), x, zeros_along(x, n / 2)}, -1) : x;
  if (signal.shape(-1) < n)
    throw ShapeError({.where = "stft",
                      .what = "input of shape " + x.shape().text() + ", n_fft " + std::to_string(n),
                      .expected = "at least n_fft samples",
                      .remedy = "a smaller n_fft, or center"});
  const std::int64_t count = (signal.shape(-1) - n) / hop + 1;
  const Shape leading = x.shape().without(-1);
  const Shape one = leading.inserted(leading.rank(), 1).inserted(leading.rank() + 1, n);
  std::vector<Tensor> frames;
  for (std::int64_t i = 0; i < count; ++i) frames.push_back(reshape(slice(signal, -1, i * hop, i * hop + n), one));
  const FourierNorm norm = options.normalized ? FourierNorm::ortho : FourierNorm::backward;
  return transpose(rfft(concat(frames, -2) * window, {.norm = norm}), -3, -2);
}

Tensor istft(const Tensor& z, const Tensor& given, const StftOptions& options, std::int64_t length) {
  const auto [hop, n, window] = frames_of("istft", z, given, options);
  if (z.rank() < 3 || z.shape(-1) != 2 || z.shape(-3) != n / 2 + 1 || z.shape(-2) < 1)
    throw ShapeError({.where = "istft",
                      .what = "input of shape " + z.shape().text() + ", n_fft " + std::to_string(n),
                      .expected = "[..., " + std::to_string(n / 2 + 1) + ", frames, 2]"});
  const FourierNorm norm = options.normalized ? FourierNorm::ortho : FourierNorm::backward;
  const Tensor frames = irfft(transpose(z, -3, -2), {.n = n, .norm = norm}) * window;
  const std::int64_t count = frames.shape(-2), all = (count - 1) * hop + n;
  const std::int64_t first = options.center ? n / 2 : 0;
  const std::int64_t last = std::min(all, length > 0 ? first + length : options.center ? all - n / 2 : all);
  if (last <= first)
    throw ShapeError(
        {.where = "istft",
         .what = std::to_string(count) + " frames of n_fft " + std::to_string(n) + " at hop " + std::to_string(hop),
         .expected = "frames that reach past the padding"});
  const Tensor cover = slice(overlap_added(contiguous(expand(square(window), {count, n})), hop), -1, first, last);
  if (!equal(to(gt(cover.detach(), 1e-11), cover.dtype()), ones_like(cover)))
    throw UsageError({.where = "istft",
                      .what = "windows that leave samples uncovered",
                      .expected = "the squares of the windows to add up above 0 everywhere",
                      .remedy = "a smaller hop, or a window without zeros at its ends (or center)"});
  const Tensor y = slice(overlap_added(frames, hop), -1, first, last) / cover;
  return length > last - first ? concat({y, zeros_along(y, length - (last - first))}, -1) : y;
}

}  // namespace joist
