#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>
#include <joist/core/cpu/tiles.h>

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/layer_norm.cpp>
// clang-format off
#include <hwy/foreach_target.h>  // before the other
#include <joist/core/cpu/simd-inl.h>
// clang-format on

#ifndef JOIST_CORE_CPU_LAYER_NORM
#define JOIST_CORE_CPU_LAYER_NORM
namespace joist {
namespace {

// Rows begin … end of gapless matrices [rows, n]; vectors may be null.
struct Rows {
  const float *x = nullptr, *dy = nullptr, *gamma = nullptr, *beta = nullptr;
  float *y = nullptr, *dx = nullptr, *mean = nullptr, *inverse = nullptr;
  double *gamma_total = nullptr, *beta_total = nullptr;  // [n] each, added to
  float* partial = nullptr;                              // [2, n], for those
  std::int64_t begin = 0, end = 0, n = 0;
  double epsilon = 0;
  bool root = false, accumulate = false;  // the latter concerns y or dx
};

}  // namespace
}  // namespace joist
#endif

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE Lanes first_lanes(Lanes x, std::int64_t left) {
  if (left >= lanes()) return x;
  return hn::IfThenElseZero(hn::FirstN(FloatTag(), static_cast<std::size_t>(left)), x.v);
}

// Sums of two terms over a row; term(i, left, a, b) sets them. In double from every 64 registers on.
template <class Term>
HWY_INLINE void sums_of(std::int64_t count, const Term& term, double& first, double& second) {
  first = second = 0;
  for (std::int64_t begin = 0; begin < count; begin += 64 * lanes()) {
    const std::int64_t end = std::min(count, begin + 64 * lanes());
    Lanes sum_a(0.0F), sum_b(0.0F);
    for (std::int64_t i = begin; i < end; i += lanes()) {
      Lanes a, b;
      term(i, end - i, a, b);
      sum_a = sum_a + a;
      sum_b = sum_b + b;
    }
    first += static_cast<double>(sum_of_lanes(sum_a));
    second += static_cast<double>(sum_of_lanes(sum_b));
  }
}

HWY_INLINE void write(Lanes value, float* y, std::int64_t left, bool accumulate) {
  store_up_to(accumulate ? load_up_to(y, left) + value : value, y, left);
}

void normalize_rows(const Rows& r) {
  const auto count = static_cast<double>(r.n);
  for (std::int64_t row = r.begin; row < r.end; ++row) {
    const float* x = r.x + row * r.n;
    float* y = r.y + row * r.n;
    // The first element is subtracted before summing: exact where the row lies far from 0.
    const float start = r.root ? 0 : x[0];
    const Lanes origin(start);
    double offset = 0, unused = 0, squares = 0;
    if (!r.root)
      sums_of(
          r.n,
          [&](std::int64_t i, std::int64_t left, Lanes& a, Lanes& b) HWY_ATTR {
            a = first_lanes(load_up_to(x + i, left) - origin, left);
            b = Lanes(0.0F);
          },
          offset, unused);
    const double mean = static_cast<double>(start) + offset / count;
    // The float nearest to the mean is subtracted, which is exact near it; what that lacks is taken off the sums.
    const auto nearest = static_cast<float>(mean);
    const double rest = mean - static_cast<double>(nearest);
    const Lanes center(nearest);
    sums_of(
        r.n,
        [&](std::int64_t i, std::int64_t left, Lanes& a, Lanes& b) HWY_ATTR {
          const Lanes difference = first_lanes(load_up_to(x + i, left) - center, left);
          a = difference * difference;
          b = Lanes(0.0F);
        },
        squares, unused);
    const double inverse = 1 / std::sqrt(std::max(squares / count - rest * rest, 0.0) + r.epsilon);
    if (r.mean) r.mean[row] = nearest;
    r.inverse[row] = static_cast<float>(inverse);
    const Lanes scale(static_cast<float>(inverse)), shift(static_cast<float>(-rest * inverse));
    for (std::int64_t i = 0; i < r.n; i += lanes()) {
      const std::int64_t left = r.n - i;
      Lanes value = multiply_add(load_up_to(x + i, left) - center, scale, shift);
      if (r.gamma) value = value * load_up_to(r.gamma + i, left);
      if (r.beta) value = value + load_up_to(r.beta + i, left);
      write(value, y + i, left, r.accumulate);
    }
  }
}

void flush(float* partial, double* total, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    total[i] += static_cast<double>(partial[i]);
    partial[i] = 0;
  }
}

void row_gradients(const Rows& r) {
  constexpr std::int64_t block = 64;  // rows summed in float before they go to the totals
  float *const gamma_partial = r.partial, *const beta_partial = r.partial ? r.partial + r.n : nullptr;
  if (r.partial) std::fill(r.partial, r.partial + 2 * r.n, 0.0F);
  for (std::int64_t begin = r.begin; begin < r.end; begin += block) {
    for (std::int64_t row = begin; row < std::min(r.end, begin + block); ++row) {
      const float *x = r.x + row * r.n, *dy = r.dy + row * r.n;
      const Lanes center(r.root ? 0.0F : r.mean[row]), inverse(r.inverse[row]);
      const auto slope = [&](std::int64_t i, std::int64_t left) HWY_ATTR {
        const Lanes g = load_up_to(dy + i, left);
        return r.gamma ? g * load_up_to(r.gamma + i, left) : g;
      };
      const auto normalized = [&](std::int64_t i, std::int64_t left)
                                  HWY_ATTR { return (load_up_to(x + i, left) - center) * inverse; };
      if (r.partial)
        for (std::int64_t i = 0; i < r.n; i += lanes()) {
          const std::int64_t left = r.n - i;
          const Lanes g = load_up_to(dy + i, left);
          store_up_to(multiply_add(g, normalized(i, left), load_up_to(gamma_partial + i, left)), gamma_partial + i,
                      left);
          store_up_to(load_up_to(beta_partial + i, left) + g, beta_partial + i, left);
        }
      if (!r.dx) continue;
      double slopes = 0, products = 0;
      sums_of(
          r.n,
          [&](std::int64_t i, std::int64_t left, Lanes& a, Lanes& b) HWY_ATTR {
            a = slope(i, left);  // 0 beyond the end
            b = first_lanes(a * normalized(i, left), left);
          },
          slopes, products);
      const auto count = static_cast<double>(r.n);
      const Lanes constant(static_cast<float>(r.root ? 0 : slopes / count));
      const Lanes linear(static_cast<float>(products / count));
      float* dx = r.dx + row * r.n;
      for (std::int64_t i = 0; i < r.n; i += lanes()) {
        const std::int64_t left = r.n - i;
        const Lanes value = (slope(i, left) - constant - normalized(i, left) * linear) * inverse;
        write(value, dx + i, left, r.accumulate);
      }
    }
    if (r.partial) {
      flush(gamma_partial, r.gamma_total, r.n);
      flush(beta_partial, r.beta_total, r.n);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(normalize_rows);
HWY_EXPORT(row_gradients);

Array dense(const Array& x) { return x.defined() ? with_strides(x, row_major(x.shape())) : x; }
const float* data_of(const Array& x) { return x.defined() ? x.data<float>() : nullptr; }

// body(gapless Out), then copied where `out` has gaps.
template <class Body>
void gapless(const Out& out, Body&& body) {
  if (!out.array.defined() || out.array.is_row_major()) return body(out);
  const Array plain = Array::empty(out.array.shape());
  body(Out{plain, false});
  copy_array(plain, out);
}

std::int64_t grain_of(std::int64_t n) { return std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(1, n)); }

void forward(const Array& x, const Array& gamma, const Array& beta, const LayerNormOptions& options, const Out& y,
             const Array& mean, const Array& inverse_deviation) {
  if (x.elements() == 0) return;
  const Array values = dense(x), scale = dense(gamma), shift = dense(beta);
  gapless(y, [&](const Out& result) {
    Rows all{.x = values.data<float>(),
             .gamma = data_of(scale),
             .beta = data_of(shift),
             .y = result.array.data<float>(),
             .mean = options.root ? nullptr : mean.data<float>(),
             .inverse = inverse_deviation.data<float>(),
             .n = x.shape(1),
             .epsilon = options.epsilon,
             .root = options.root,
             .accumulate = result.accumulate};
    parallel_for(x.shape(0), grain_of(all.n), [&](std::int64_t begin, std::int64_t end) {
      Rows rows = all;
      rows.begin = begin;
      rows.end = end;
      HWY_DYNAMIC_DISPATCH(normalize_rows)(rows);
    });
  });
}

// total [parts, n] summed over parts, set or added to out.
void put_totals(const std::vector<double>& totals, int parts, std::int64_t n, const Out& out) {
  if (!out.array.defined()) return;
  float* data = out.array.data<float>();
  const std::int64_t stride = out.array.strides()[0];
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int part = 0; part < parts; ++part) sum += totals[static_cast<std::size_t>(part * n + i)];
    float& element = data[i * stride];
    element = static_cast<float>(out.accumulate ? static_cast<double>(element) + sum : sum);
  }
}

void backward(const Array& x, const Array& dy, const Array& gamma, const Array& mean, const Array& inverse_deviation,
              const LayerNormOptions& options, const Out& dx, const Out& dgamma, const Out& dbeta) {
  const std::int64_t rows = x.shape(0), n = x.shape(1);
  const Array values = dense(x), slopes = dense(dy), scale = dense(gamma);
  const bool vectors = dgamma.array.defined() || dbeta.array.defined();
  const int parts = x.elements() == 0 ? 0 : parts_of(rows, grain_of(n));
  std::vector<double> gamma_totals(vectors ? static_cast<std::size_t>(parts * n) : 0), beta_totals(gamma_totals);
  if (parts > 0)
    gapless(dx, [&](const Out& result) {
      Rows all{.x = values.data<float>(),
               .dy = slopes.data<float>(),
               .gamma = data_of(scale),
               .dx = result.array.defined() ? result.array.data<float>() : nullptr,
               .mean = options.root ? nullptr : mean.data<float>(),
               .inverse = inverse_deviation.data<float>(),
               .n = n,
               .root = options.root,
               .accumulate = result.accumulate};
      parallel_parts(rows, grain_of(n), [&](int part, std::int64_t begin, std::int64_t end) {
        Rows own = all;
        own.begin = begin;
        own.end = end;
        const Array partial = vectors ? Array::empty({2, n}) : Array();
        if (vectors) {
          own.partial = partial.data<float>();
          own.gamma_total = gamma_totals.data() + part * n;
          own.beta_total = beta_totals.data() + part * n;
        }
        HWY_DYNAMIC_DISPATCH(row_gradients)(own);
      });
    });
  put_totals(gamma_totals, parts, n, dgamma);
  put_totals(beta_totals, parts, n, dbeta);
}

}  // namespace

void fill_layer_norm(Kernels& table) {
  table.layer_norm.forward = forward;
  table.layer_norm.backward = backward;
}

}  // namespace joist
#endif
