// svd:   a = u diag(s) vᵀ     da = u ((F∘(uᵀdu - duᵀu)) s + s (F∘(vᵀdv - dvᵀv)) + diag(ds)) vᵀ
//                                  + (1 - u uᵀ) du s⁻¹ vᵀ + u s⁻¹ dvᵀ (1 - v vᵀ),   F_ij = 1 / (s_j² - s_i²), i ≠ j
//                             (Townsend 2016, "Differentiating the singular value decomposition")
// eigh:  a v = v diag(w)      da = sym(v (diag(dw) + (vᵀdv) ∘ E) vᵀ),   E_ij = 1 / (w_j - w_i), i ≠ j
// pinv:  p = a⁺               da = -pᵀ dp pᵀ + (1 - a p) dpᵀ p pᵀ + pᵀ p dpᵀ (1 - p a)   (Golub & Pereyra 1973, "The
//                             differentiation of pseudo-inverses and nonlinear least squares problems …")
// |a|F:  y = √Σ a²            da = dy a / y, 0 where y is 0
#include <joist/core/kernels/linalg.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/linalg.h>
#include <joist/core/ops/matrices.h>
#include <joist/core/ops/reduction.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace joist {
namespace {

using namespace matrices;

constexpr double infinity = std::numeric_limits<double>::infinity();

double epsilon(Dtype dtype) {
  return dtype == Dtype::float64 ? std::numeric_limits<double>::epsilon()
                                 : static_cast<double>(std::numeric_limits<float>::epsilon());
}

// 1 / (x_j - x_i) [..., i, j], 0 on the diagonal; infinite where two are equal.
Tensor inverse_differences(const Tensor& x) {
  const Tensor difference = as_row(x) - as_column(x);
  const std::int64_t n = x.shape(-1);
  return where(mask(n, n, x.device(), [](auto i, auto j) { return i == j; }), 0.0, reciprocal(difference));
}

// diag(x) [..., n, n] of x [..., n].
Tensor diagonal_matrix(const Tensor& x) { return identity_like(x, x.shape(-1)) * as_row(x); }

Tensor svd_gradient(const Tensor& u, const Tensor& s, const Tensor& vh, std::span<const Array> dys) {
  const std::int64_t m = u.shape(-2), k = s.shape(-1), n = vh.shape(-1);
  if (!dys[0].defined() && !dys[2].defined()) return matmul(u * as_row(Tensor(dys[1])), vh);
  const Tensor factors = inverse_differences(square(s));
  Tensor inner = dys[1].defined() ? diagonal_matrix(Tensor(dys[1])) : to(zeros({k, k}, s.dtype()), s.device());
  const auto skew = [&](const Tensor& product) { return factors * (product - turned(product)); };
  Tensor outside{};
  if (dys[0].defined()) {
    const Tensor du = slice(Tensor(dys[0]), -1, 0, k), product = matmul(turned(u), du);
    inner = inner + skew(product) * as_row(s);
    if (m > k) outside = matmul((du - matmul(u, product)) / as_row(s), vh);
  }
  if (dys[2].defined()) {
    const Tensor dvh = slice(Tensor(dys[2]), -2, 0, k), product = matmul(vh, turned(dvh));
    inner = inner + as_column(s) * skew(product);
    if (n > k) {
      const Tensor across = matmul(u, (dvh - matmul(turned(product), vh)) / as_column(s));
      outside = outside.defined() ? outside + across : across;
    }
  }
  const Tensor da = matmul(matmul(u, inner), vh);
  return outside.defined() ? da + outside : da;
}

// What counts as 0 among singular values [..., k] of an m × n matrix: [..., 1].
Tensor cutoff(const Tensor& s, std::int64_t m, std::int64_t n, const RankTolerance& tolerance) {
  const double atol = tolerance.atol.value_or(0);
  const double rtol = tolerance.rtol.value_or(
      tolerance.atol.value_or(0) > 0 ? 0 : static_cast<double>(std::max(m, n)) * epsilon(s.dtype()));
  if (!(atol >= 0) || !(rtol >= 0))
    throw UsageError({.where = "tolerance of a rank",
                      .what = "atol " + std::to_string(atol) + ", rtol " + std::to_string(rtol),
                      .expected = "numbers from 0 on"});
  return clamp_min(slice(s, -1, 0, std::min<std::int64_t>(1, s.shape(-1))) * rtol, atol);
}

void require_elements(const Tensor& a) {
  if (a.shape(-1) == 0 || a.shape(-2) == 0)
    throw ShapeError({.where = "matrix_norm",
                      .what = "the extreme of no elements, input " + a.shape().text(),
                      .expected = "at least one row and column",
                      .remedy = "the orders \"fro\" and \"nuc\" are 0 for empty matrices"});
}

Tensor extreme(const Tensor& x, bool largest) { return largest ? amax(x, {-1}) : amin(x, {-1}); }

// The first or last singular value; equal ones share its gradient, as in PyTorch.
Tensor extreme_singular(const Tensor& a, bool largest) {
  const Tensor s = svdvals(a);
  const std::int64_t at = largest ? 0 : s.shape(-1) - 1;
  const Tensor chosen = slice(s.detach(), -1, at, at + 1), equal_ones = to(eq(s, chosen), s.dtype());
  return sum(s * (equal_ones / sum(equal_ones, {-1}, true)), {-1});
}

Tensor frobenius(const Tensor& a) {
  const Tensor y = [&] {
    const NoGradient off;
    return sqrt(sum(square(a), {-2, -1}));
  }();
  return record({Op::norm}, {a}, y.value(), [a = saved(a), y = saved(y)](const Array& dy, Node& node) {
    const NoGradient off;
    const Tensor length(y), scale = where(eq(length, 0.0), 0.0, Tensor(dy) / length);
    node.give(0, (Tensor(a) * as_column(as_column(scale))).value());
  });
}

Tensor finished_norm(const Tensor& norm, bool keep_axes) { return keep_axes ? as_column(as_column(norm)) : norm; }

}  // namespace

SVD svd(const Tensor& a, bool full_matrices) {
  require_matrix("svd", a);
  const std::int64_t m = a.shape(-2), n = a.shape(-1), k = std::min(m, n);
  const Shape batch = batch_of(a);
  Array u = Array::empty(a.shape().with(-1, full_matrices ? m : k), a.dtype(), a.device());
  Array s = Array::empty(batch.inserted(batch.rank(), k), a.dtype(), a.device());
  Array vh = Array::empty(a.shape().with(-2, full_matrices ? n : k), a.dtype(), a.device());
  const Array failed = new_failed(a);
  kernels_of<LinalgKernels>(a.value()).svd(a.value(), u, s, vh, failed);
  require_success("svd", failed, batch, "holds infinities or NaN", "finite numbers", "find where they came from");
  const auto results = record(
      {Op::svd}, std::span(&a, 1), {u, s, vh},
      [u = saved(u), s = saved(s), vh = saved(vh), k](std::span<const Array> dys, Node& node) {
        const NoGradient off;
        node.give(0, svd_gradient(slice(Tensor(u), -1, 0, k), Tensor(s), slice(Tensor(vh), -2, 0, k), dys).value());
      });
  return {results[0], results[1], results[2]};
}

Tensor svdvals(const Tensor& a) {
  require_matrix("svdvals", a);
  return svd(a, false).s;
}

EigenPairs eigh(const Tensor& given, bool upper) {
  require_square("eigh", given);
  const Tensor a = upper ? turned(given) : given;
  Array values = Array::empty(a.shape().without(-1), a.dtype(), a.device());
  Array vectors = Array::empty(a.shape(), a.dtype(), a.device());
  const Array failed = new_failed(a);
  kernels_of<LinalgKernels>(a.value()).eigh(a.value(), values, vectors, failed);
  require_success("eigh", failed, batch_of(a), "holds infinities or NaN", "finite numbers",
                  "find where they came from");
  const auto results = record({Op::eigh}, std::span(&a, 1), {values, vectors},
                              [w = saved(values), v = saved(vectors)](std::span<const Array> dys, Node& node) {
                                const NoGradient off;
                                const Tensor across = turned(Tensor(v));
                                if (!dys[1].defined())
                                  return node.give(0, matmul(Tensor(v) * as_row(Tensor(dys[0])), across).value());
                                Tensor inner = matmul(across, Tensor(dys[1])) * inverse_differences(Tensor(w));
                                if (dys[0].defined()) inner = inner + diagonal_matrix(Tensor(dys[0]));
                                const Tensor da = matmul(matmul(Tensor(v), inner), across);
                                node.give(0, ((da + turned(da)) * 0.5).value());
                              });
  return {results[0], results[1]};
}

Tensor eigvalsh(const Tensor& a, bool upper) {
  require_square("eigvalsh", a);
  return eigh(a, upper).values;
}

Tensor pinv(const Tensor& a, const RankTolerance& tolerance) {
  require_matrix("pinv", a);
  const Tensor p = [&] {
    const NoGradient off;
    const auto [u, s, vh] = svd(a, false);
    const Tensor kept = gt(s, cutoff(s, a.shape(-2), a.shape(-1), tolerance));
    return contiguous(matmul(turned(vh) * as_row(where(kept, reciprocal(s), 0.0)), turned(u)));
  }();
  return record({Op::inverse}, {a}, p.value(), [a = saved(a), p = saved(p)](const Array& given, Node& node) {
    const NoGradient off;
    const Tensor x(a), y(p), dy(given), yt = turned(y), dyt = turned(dy);
    const Tensor right = matmul(matmul(dyt, y), yt), left = matmul(matmul(yt, y), dyt);
    const Tensor da = (right - matmul(x, matmul(y, right))) + (left - matmul(matmul(left, y), x));
    node.give(0, (da - matmul(matmul(yt, dy), yt)).value());
  });
}

Tensor matrix_rank(const Tensor& a, const RankTolerance& tolerance) {
  require_matrix("matrix_rank", a);
  const NoGradient off;
  const Tensor s = svdvals(a);
  if (s.shape(-1) == 0) return to(Tensor::zeros(batch_of(a), Dtype::int64), a.device());
  return count_nonzero(gt(s, cutoff(s, a.shape(-2), a.shape(-1), tolerance)), {-1});
}

LeastSquares lstsq(const Tensor& a, const Tensor& b, const RankTolerance& tolerance) {
  require_matrix("lstsq", a);
  require_matrix("lstsq", b);
  require_same_kind("lstsq", a, b);
  if (a.shape(-2) != b.shape(-2))
    throw ShapeError({.where = "lstsq",
                      .what = a.shape().text() + " and " + b.shape().text(),
                      .expected = "[..., m, n] and [..., m, k] with equal m",
                      .remedy = "a vector per matrix is [..., m, 1]"});
  broadcast(batch_of(a), batch_of(b), "lstsq");
  LeastSquares result;
  result.solution = matmul(pinv(a, tolerance), b);
  const NoGradient off;
  result.rank = matrix_rank(a, tolerance);
  result.singular_values = svdvals(a);
  const std::int64_t n = a.shape(-1);
  const bool unique = a.shape(-2) > n && equal(result.rank, Tensor::full(result.rank.shape(), static_cast<double>(n),
                                                                         Dtype::int64, a.device()));
  result.residuals = unique ? sum(square(matmul(a, result.solution) - b), {-2}) : to(zeros({0}, a.dtype()), a.device());
  return result;
}

Tensor matrix_norm(const Tensor& a, std::string_view order, bool keep_axes) {
  require_matrix("matrix_norm", a);
  if (order == "fro") return finished_norm(frobenius(a), keep_axes);
  if (order == "nuc") return finished_norm(sum(svdvals(a), {-1}), keep_axes);
  throw UsageError({.where = "matrix_norm",
                    .what = "order \"" + std::string(order) + "\"",
                    .expected = "\"fro\", \"nuc\", or one of the numbers 1, -1, 2, -2, infinity, -infinity"});
}

Tensor matrix_norm(const Tensor& a, double order, bool keep_axes) {
  require_matrix("matrix_norm", a);
  const double kind = std::abs(order);
  if (kind == 1 || kind == 2 || kind == infinity) {
    // The largest of no magnitudes is 0, and so are all sums of none; the smallest of none is not defined.
    const bool some = kind == 1 ? a.shape(-1) > 0 : kind == infinity && a.shape(-2) > 0;
    if (a.value().elements() == 0 && (order > 0 || some)) return finished_norm(sum(abs(a), {-2, -1}), keep_axes);
    require_elements(a);
  }
  if (kind == 2) return finished_norm(extreme_singular(a, order > 0), keep_axes);
  if (kind == 1) return finished_norm(extreme(sum(abs(a), {-2}), order > 0), keep_axes);
  if (kind == infinity) return finished_norm(extreme(sum(abs(a), {-1}), order > 0), keep_axes);
  throw UsageError({.where = "matrix_norm",
                    .what = "order " + std::to_string(order),
                    .expected = "1, -1, 2, -2, infinity, -infinity, \"fro\" or \"nuc\""});
}

Tensor cond(const Tensor& a, double order) {
  require_matrix("cond", a);
  if (order == 2) return matrix_norm(a, 2.0) / matrix_norm(a, -2.0);
  if (order == -2) return matrix_norm(a, -2.0) / matrix_norm(a, 2.0);
  require_square("cond", a);
  return matrix_norm(a, order) * matrix_norm(inverse(a), order);
}

Tensor matrix_power(const Tensor& a, std::int64_t n) {
  require_square("matrix_power", a);
  if (n == 0) return contiguous(expand(identity_like(a, a.shape(-1)), a.shape()));
  Tensor base = n < 0 ? inverse(a) : a, result{};
  for (std::uint64_t rest = n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n); rest > 0;
       rest /= 2) {
    if (rest % 2 == 1) result = result.defined() ? matmul(result, base) : base;
    if (rest > 1) base = matmul(base, base);
  }
  return result;
}

Tensor matrix_exp(const Tensor& a) {
  require_square("matrix_exp", a);
  if (a.value().elements() == 0) return a * 1.0;
  // Halvings until the largest 1-norm is at most 5.37, where the approximant is right to double precision.
  const Array norms = contiguous(to(to(matrix_norm(a.detach(), 1.0), Dtype::float64), cpu)).value();
  double largest = 0;
  for (const double norm : norms.to_vector<double>()) {
    if (!std::isfinite(norm))
      throw DataError({.where = "matrix_exp",
                       .what = "a matrix holds infinities or NaN",
                       .expected = "finite numbers",
                       .remedy = "find where they came from"});
    largest = std::max(largest, norm);
  }
  const int halvings = largest > 5.37 ? static_cast<int>(std::ceil(std::log2(largest / 5.37))) : 0;
  const Tensor x = a * std::ldexp(1.0, -halvings), one = identity_like(a, a.shape(-1));
  constexpr std::array<double, 14> c{64764752532480000,
                                     32382376266240000,
                                     7771770303897600,
                                     1187353796428800,
                                     129060195264000,
                                     10559470521600,
                                     670442572800,
                                     33522128640,
                                     1323241920,
                                     40840800,
                                     960960,
                                     16380,
                                     182,
                                     1};
  const auto k = [&](std::size_t i) { return c[i] / c[0]; };  // so that float32 does not overflow
  const Tensor x2 = matmul(x, x), x4 = matmul(x2, x2), x6 = matmul(x4, x2);
  const Tensor odd =
      matmul(x, matmul(x6, x6 * k(13) + x4 * k(11) + x2 * k(9)) + x6 * k(7) + x4 * k(5) + x2 * k(3) + one * k(1));
  const Tensor even = matmul(x6, x6 * k(12) + x4 * k(10) + x2 * k(8)) + x6 * k(6) + x4 * k(4) + x2 * k(2) + one * k(0);
  Tensor result = solve(even - odd, even + odd);
  for (int i = 0; i < halvings; ++i) result = matmul(result, result);
  return result;
}

}  // namespace joist
