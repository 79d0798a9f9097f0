// kissfft for lengths of small prime factors. Other lengths by Bluestein's way (Bluestein 1970, "A linear filtering
// approach to the computation of discrete Fourier transform"): jk = (j² + k² - (k - j)²) / 2 makes the transform a
// convolution, which is done with transforms of a power of two.
// Everything is double inside: kissfft's table of angles in float costs 4e-7.
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>

#include <complex>

#include <kissfft/kissfft.hh>

namespace joist {
namespace {

using Complex = std::complex<double>;

std::int64_t largest_factor(std::int64_t n) {
  std::int64_t largest = 1;
  for (std::int64_t factor = 2; factor * factor <= n; ++factor)
    for (; n % factor == 0; n /= factor) largest = factor;
  return std::max(largest, n);
}

class Transform {
 public:
  Transform(std::int64_t n, bool inverse)
      : n_(static_cast<std::size_t>(n)), padded_(n_), direct_(largest_factor(n) <= 64) {
    if (direct_) {
      forward_.assign(n_, inverse);
      return;
    }
    for (padded_ = 1; padded_ < 2 * n_ - 1;) padded_ *= 2;
    forward_.assign(padded_, false);
    backward_.assign(padded_, true);
    const double half_turn = (inverse ? 1 : -1) * std::acos(-1.0) / static_cast<double>(n);
    chirp_.resize(n_);
    std::vector<Complex> filter(padded_);
    for (std::size_t k = 0; k < n_; ++k) {
      chirp_[k] = std::polar(1.0, half_turn * static_cast<double>(k * k % (2 * n_)));
      filter[k] = std::conj(chirp_[k]);
      if (k > 0) filter[padded_ - k] = filter[k];
    }
    filter_.resize(padded_);
    forward_.transform(filter.data(), filter_.data());
  }
  std::size_t length() const { return padded_; }
  /// work and result: length() numbers each; the first n of work are transformed into the first n of result.
  void run(Complex* work, Complex* result) const {
    if (direct_) return forward_.transform(work, result);
    for (std::size_t k = 0; k < n_; ++k) work[k] *= chirp_[k];
    std::fill(work + n_, work + padded_, Complex());
    forward_.transform(work, result);
    for (std::size_t k = 0; k < padded_; ++k) work[k] = result[k] * filter_[k];
    backward_.transform(work, result);
    const double share = 1 / static_cast<double>(padded_);
    for (std::size_t k = 0; k < n_; ++k) result[k] *= chirp_[k] * share;
  }

 private:
  std::size_t n_, padded_;
  bool direct_;
  kissfft<double> forward_{1, false}, backward_{1, true};
  std::vector<Complex> chirp_{}, filter_{};
};

void transform(const Array& x, int axis, bool inverse, double scale, const Out& y) {
  const std::int64_t n = x.shape(axis);
  if (x.elements() == 0) return;
  const Transform plan(n, inverse);
  const std::int64_t xs = x.strides()[axis], ys = y.array.strides()[axis];
  const std::int64_t xi = x.strides()[-1], yi = y.array.strides()[-1];
  const Shape first = x.shape().with(-1, 1).with(axis, 1);
  const Array x_lines = x.strided(first, x.strides()), y_lines = y.array.strided(first, y.array.strides());
  const StridedAxes lines(first, {&y_lines, &x_lines});
  with_floating(x.dtype(), "fft", [&]<class T>(T) {
    parallel_for(lines.elements(), std::max<std::int64_t>(1, 2048 / n), [&](std::int64_t begin, std::int64_t end) {
      const Transform own = plan;  // kissfft writes to memory of its own while it transforms
      std::vector<Complex> work(own.length()), result(own.length());
      for (std::int64_t line = begin; line < end; ++line) {
        const StridedAxes::Offsets at = lines.offsets(line);
        const T* from = x.data<T>() + at[1];
        T* to = y.array.data<T>() + at[0];
        for (std::int64_t k = 0; k < n; ++k)
          work[static_cast<std::size_t>(k)] = {static_cast<double>(from[k * xs]),
                                               static_cast<double>(from[k * xs + xi])};
        own.run(work.data(), result.data());
        for (std::int64_t k = 0; k < n; ++k) {
          const Complex value = scale * result[static_cast<std::size_t>(k)];
          T &real = to[k * ys], &imaginary = to[k * ys + yi];
          real = static_cast<T>(value.real()) + (y.accumulate ? real : T(0));
          imaginary = static_cast<T>(value.imag()) + (y.accumulate ? imaginary : T(0));
        }
      }
    });
  });
}

}  // namespace

void fill_fourier(Kernels& table) { table.fourier.transform = transform; }

}  // namespace joist
