// fft:   y[k] = scale Σ_j x[j] exp(∓2πi jk/n)      dx[j] = scale Σ_k dy[k] exp(±2πi jk/n)
// rfft:  the first n/2 + 1 of the fft of (x, 0)
// irfft: the real part of the inverse of z with everything but frequencies 0 and n/2 doubled: the other half of the
//        spectrum is the conjugate and adds the same real part
#include <joist/core/kernels/fourier.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/fourier.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace joist {
namespace {

void require_complex(const char* op, const Tensor& z) {
  require_floating(op, z);
  if (z.rank() < 1 || z.shape(-1) != 2)
    throw ShapeError({.where = op,
                      .what = "input of shape " + z.shape().text(),
                      .expected = "complex numbers: [..., 2] with real and imaginary part on the last axis",
                      .remedy = "complex(x) for real x"});
}

// The axis in memory: of complex tensors without the last one.
int axis_in(const char* op, const Shape& shape, int axis, bool complex) {
  const int rank = shape.rank() - (complex ? 1 : 0);
  if (axis < -rank || axis >= rank)
    throw ShapeError(
        {.where = op,
         .what = "axis " + std::to_string(axis) + " of shape " + shape.text(),
         .expected = "an axis from " + std::to_string(-rank) + " to " + std::to_string(rank - 1) +
                     (complex ? ", counted without the last one, which holds real and imaginary part" : "")});
  return axis < 0 ? axis + rank : axis;
}

std::int64_t length_of(const char* op, std::optional<std::int64_t> wanted, std::int64_t length) {
  if (wanted && *wanted < 1)
    throw UsageError({.where = op,
                      .what = "length " + std::to_string(*wanted),
                      .expected = "at least 1",
                      .remedy = "leave it out to keep the length"});
  if (!wanted && length < 1)
    throw ShapeError({.where = op,
                      .what = "a length of " + std::to_string(length) + " to transform",
                      .expected = "at least 1",
                      .remedy = "give the length, to fill with zeros"});
  return wanted.value_or(length);
}

// Cut, or filled with zeros, to a length.
Tensor fitted(const Tensor& x, int axis, std::int64_t length) {
  const std::int64_t now = x.shape(axis);
  if (now == length) return x;
  if (now > length) return slice(x, axis, 0, length);
  return concat({x, to(zeros(x.shape().with(axis, length - now), x.dtype()), x.device())}, axis);
}

double scale_of(FourierNorm norm, bool inverse, std::int64_t n) {
  if (norm == FourierNorm::ortho) return 1 / std::sqrt(static_cast<double>(n));
  return (norm == FourierNorm::backward) == inverse ? 1 / static_cast<double>(n) : 1;
}

// z of the right length, along an axis in memory.
Tensor transformed(const Tensor& z, int axis, bool inverse, double scale) {
  const auto& table = kernels_of<FourierKernels>(z.value());
  Array y = Array::empty(z.shape(), z.dtype(), z.device());
  table.transform(z.value(), axis, inverse, scale, {y, false});
  return record({Op::fft, AxisAttribute{axis}}, {z}, std::move(y),
                [axis, inverse, scale, &table](const Array& dy, Node& node) {
                  table.transform(dy, axis, !inverse, scale, node.slot(0));
                });
}

Tensor full(const char* op, const Tensor& z, const FourierOptions& options, bool inverse) {
  require_complex(op, z);
  const int axis = axis_in(op, z.shape(), options.axis, true);
  const std::int64_t n = length_of(op, options.n, z.shape(axis));
  return transformed(fitted(z, axis, n), axis, inverse, scale_of(options.norm, inverse, n));
}

// The axes and lengths of a transform over several, as options of transforms over one.
std::vector<FourierOptions> each_axis(const char* op, const Shape& shape, const FourierAxes& options, bool complex) {
  if (!options.size.empty() && options.size.size() != options.axes.size())
    throw UsageError(
        {.where = op,
         .what = std::to_string(options.size.size()) + " lengths for " + std::to_string(options.axes.size()) + " axes",
         .expected = "one length per axis"});
  if (options.axes.empty())
    throw UsageError({.where = op, .what = "no axes", .expected = "at least one", .remedy = "the default is {-2, -1}"});
  std::vector<FourierOptions> each;
  for (std::size_t i = 0; i < options.axes.size(); ++i) {
    FourierOptions one{.axis = axis_in(op, shape, options.axes[i], complex), .norm = options.norm};
    if (!options.size.empty()) one.n = options.size[i];
    for (const FourierOptions& before : each)
      if (before.axis == one.axis)
        throw ShapeError({.where = op, .what = "axis " + std::to_string(options.axes[i]) + " stands twice"});
    each.push_back(one);
  }
  return each;
}

Tensor rolled(const Tensor& x, int axis, std::int64_t first) {
  const std::int64_t n = x.shape(axis);
  if (n == 0 || first % n == 0) return x;
  return concat({slice(x, axis, first, n), slice(x, axis, 0, first)}, axis);
}

Tensor shifted(const char* op, Tensor x, const std::vector<int>& given, bool complex, bool inverse) {
  if (complex) require_complex(op, x);
  std::vector<int> axes = given;
  if (axes.empty()) {
    axes.resize(static_cast<std::size_t>(x.rank() - (complex ? 1 : 0)));
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (const int one : axes) {
    const int axis = axis_in(op, x.shape(), one, complex);
    x = rolled(x, axis, inverse ? x.shape(axis) / 2 : (x.shape(axis) + 1) / 2);
  }
  return x;
}

Tensor frequencies(const char* op, std::int64_t n, double spacing, bool half) {
  if (n < 1 || !(spacing != 0))
    throw UsageError({.where = op,
                      .what = "n " + std::to_string(n) + ", spacing " + std::to_string(spacing),
                      .expected = "n at least 1, spacing not 0"});
  std::vector<float> values;
  for (std::int64_t k = 0; k < (half ? n / 2 + 1 : n); ++k) {
    const std::int64_t frequency = half || k < (n + 1) / 2 ? k : k - n;
    values.push_back(static_cast<float>(static_cast<double>(frequency) / (static_cast<double>(n) * spacing)));
  }
  const Shape shape{static_cast<std::int64_t>(values.size())};
  return tensor(values, shape);
}

}  // namespace

Tensor fft(const Tensor& z, const FourierOptions& options) { return full("fft", z, options, false); }
Tensor ifft(const Tensor& z, const FourierOptions& options) { return full("ifft", z, options, true); }

Tensor rfft(const Tensor& x, const FourierOptions& options) {
  require_floating("rfft", x);
  const int axis = axis_in("rfft", x.shape(), options.axis, false);
  const std::int64_t n = length_of("rfft", options.n, x.shape(axis));
  return slice(transformed(complex(fitted(x, axis, n)), axis, false, scale_of(options.norm, false, n)), axis, 0,
               n / 2 + 1);
}

Tensor irfft(const Tensor& z, const FourierOptions& options) {
  require_complex("irfft", z);
  const int axis = axis_in("irfft", z.shape(), options.axis, true);
  const std::int64_t n = length_of("irfft", options.n, 2 * (z.shape(axis) - 1)), half = n / 2 + 1;
  std::vector<float> weights(static_cast<std::size_t>(half), 2);
  weights.front() = 1;
  if (n % 2 == 0) weights.back() = 1;
  const Tensor weight = to(to(tensor(weights, Shape::filled(z.rank(), 1).with(axis, half)), z.dtype()), z.device());
  return real(
      transformed(fitted(fitted(z, axis, half) * weight, axis, n), axis, true, scale_of(options.norm, true, n)));
}

Tensor fft2(const Tensor& z, const FourierAxes& options) {
  require_complex("fft2", z);
  Tensor y = z;
  for (const FourierOptions& one : each_axis("fft2", z.shape(), options, true)) y = full("fft2", y, one, false);
  return y;
}

Tensor ifft2(const Tensor& z, const FourierAxes& options) {
  require_complex("ifft2", z);
  Tensor y = z;
  for (const FourierOptions& one : each_axis("ifft2", z.shape(), options, true)) y = full("ifft2", y, one, true);
  return y;
}

Tensor rfft2(const Tensor& x, const FourierAxes& options) {
  require_floating("rfft2", x);
  auto each = each_axis("rfft2", x.shape(), options, false);
  Tensor y = rfft(x, each.back());
  each.pop_back();
  for (const FourierOptions& one : each) y = full("rfft2", y, one, false);
  return y;
}

Tensor irfft2(const Tensor& z, const FourierAxes& options) {
  require_complex("irfft2", z);
  auto each = each_axis("irfft2", z.shape(), options, true);
  const FourierOptions last = each.back();
  each.pop_back();
  Tensor y = z;
  for (const FourierOptions& one : each) y = full("irfft2", y, one, true);
  return irfft(y, last);
}

Tensor fftfreq(std::int64_t n, double spacing) { return frequencies("fftfreq", n, spacing, false); }
Tensor rfftfreq(std::int64_t n, double spacing) { return frequencies("rfftfreq", n, spacing, true); }
Tensor fftshift(const Tensor& x, const std::vector<int>& axes, bool complex) {
  return shifted("fftshift", x, axes, complex, false);
}
Tensor ifftshift(const Tensor& x, const std::vector<int>& axes, bool complex) {
  return shifted("ifftshift", x, axes, complex, true);
}

Tensor complex(const Tensor& re, const Tensor& im) {
  require_floating("complex", re);
  if (im.defined()) {
    require_same_kind("complex", re, im);
    if (re.shape() != im.shape())
      throw ShapeError({.where = "complex",
                        .what = "real part " + re.shape().text() + ", imaginary part " + im.shape().text(),
                        .expected = "equal shapes"});
  }
  const Shape one = re.shape().inserted(re.rank(), 1);
  const Tensor second = im.defined() ? im : to(zeros(re.shape(), re.dtype()), re.device());
  return concat({reshape(re, one), reshape(second, one)}, -1);
}

Tensor polar(const Tensor& magnitude, const Tensor& angle) {
  require_floating("polar", magnitude);
  return complex(magnitude * cos(angle), magnitude * sin(angle));
}

Tensor real(const Tensor& z) {
  require_complex("real", z);
  return reshape(slice(z, -1, 0, 1), z.shape().without(-1));
}
Tensor imag(const Tensor& z) {
  require_complex("imag", z);
  return reshape(slice(z, -1, 1, 2), z.shape().without(-1));
}

Tensor complex_abs(const Tensor& z) {
  require_complex("complex_abs", z);
  const Tensor x = real(z), y = imag(z), size = hypot(x, y), zero = eq(size.detach(), 0.0);
  return where(zero, 0.0, hypot(where(zero, 1.0, x), y));  // the slope at 0 is 0
}
Tensor complex_angle(const Tensor& z) {
  require_complex("complex_angle", z);
  return atan2(imag(z), real(z));
}
Tensor complex_conj(const Tensor& z) {
  require_complex("complex_conj", z);
  return complex(real(z), -imag(z));
}

Tensor complex_mul(const Tensor& a, const Tensor& b) {
  require_complex("complex_mul", a);
  require_complex("complex_mul", b);
  const Tensor ar = real(a), ai = imag(a), br = real(b), bi = imag(b);
  return complex(ar * br - ai * bi, ar * bi + ai * br);
}

Tensor complex_div(const Tensor& a, const Tensor& b) {
  require_complex("complex_div", a);
  require_complex("complex_div", b);
  const Tensor size = sum(square(b), {-1}, true);
  return complex_mul(a, complex_conj(b)) / size;
}

}  // namespace joist
