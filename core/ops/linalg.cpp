// solve:      x = a⁻¹ b             db = a⁻ᵀ dx,  da = -db xᵀ   (triangular: that triangle of da)
// inverse:    y = a⁻¹               da = -yᵀ dy yᵀ
// det:        y = |a|               da = dy cof(a),  cof(a) = |u| |v| u diag(Π_{j≠i} s_j) vᵀ  with a = u diag(s) vᵀ
// slogdet:    log ||a||             da = dy a⁻ᵀ
// cholesky:   L Lᵀ = a              da = sym(L⁻ᵀ Φ(Lᵀ dL) L⁻¹), Φ: lower triangle, half the diagonal (Murray 2016,
//                                   "Differentiation of the Cholesky decomposition")
// qr:         q r = a, m ≥ n        da = (dq + q copyltu(r drᵀ - dqᵀ q)) r⁻ᵀ (Walter & Lehmann 2010, "Algorithmic
//                                   differentiation of linear algebra functions with application in optimum
//                                   experimental design"); m < n: of the first m columns x, with a = [x y], r = [u v]:
//                                   dq + y dvᵀ in place of dq, and dy = q dv (Roberts & Roberts 2020, "QR and LQ
//                                   decomposition matrix backpropagation algorithms")
#include <joist/core/kernels/linalg.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/linalg.h>
#include <joist/core/ops/matrices.h>
#include <joist/core/ops/reduction.h>

#include <limits>

namespace joist {
namespace {

using namespace matrices;

const LinalgKernels& table_of(const Tensor& a) { return kernels_of<LinalgKernels>(a.value()); }

constexpr const char* singular_remedy = "add a small multiple of the identity, or use lstsq or pinv";

// Both operands with the same leading axes.
std::pair<Tensor, Tensor> aligned(const char* op, const Tensor& a, const Tensor& b) {
  require_square(op, a);
  require_matrix(op, b);
  require_same_kind(op, a, b);
  if (a.shape(-1) != b.shape(-2))
    throw ShapeError({.where = op,
                      .what = a.shape().text() + " and " + b.shape().text(),
                      .expected = "[..., n, n] and [..., n, k] with equal n",
                      .remedy = "a vector per matrix is [..., n, 1]"});
  const Shape batch = broadcast(batch_of(a), batch_of(b), op);
  const auto wide = [&](const Tensor& x) {
    const Shape full = batch.inserted(batch.rank(), x.shape(-2)).inserted(batch.rank() + 1, x.shape(-1));
    return full == x.shape() ? x : expand(x, full);
  };
  return {wide(a), wide(b)};
}

Tensor solve_matrices(const Tensor& given_a, const Tensor& given_b) {
  const auto [a, b] = aligned("solve", given_a, given_b);
  Array x = Array::empty(b.shape(), a.dtype(), a.device());
  const Array failed = new_failed(a);
  table_of(a).solve(a.value(), b.value(), x, failed);
  require_success("solve", failed, batch_of(a), "is singular", "a matrix with an inverse", singular_remedy);
  return record({Op::solve}, {a, b}, x, [a = saved(a), x = saved(x).when(a)](const Array& dx, Node& node) {
    const NoGradient off;
    const Tensor db = solve_matrices(turned(Tensor(a)), Tensor(dx));
    if (node.wants(0)) node.give(0, matmul(-db, turned(Tensor(x))).value());
    if (node.wants(1)) node.give(1, db.value());
  });
}

Tensor solve_triangle(const Tensor& given_a, const Tensor& given_b, bool upper, bool unit) {
  const auto [a, b] = aligned("solve_triangular", given_a, given_b);
  Array x = Array::empty(b.shape(), a.dtype(), a.device());
  table_of(a).triangular_solve(a.value(), b.value(), upper, unit, x);
  return record({Op::triangular_solve}, {a, b}, x,
                [a = saved(a), x = saved(x).when(a), upper, unit](const Array& dx, Node& node) {
                  const NoGradient off;
                  const Tensor db = solve_triangle(turned(Tensor(a)), Tensor(dx), !upper, unit);
                  if (node.wants(0)) {
                    const Tensor da = matmul(-db, turned(Tensor(x)));
                    const std::int64_t diagonal = unit ? -1 : 0;
                    node.give(0, (upper ? upper_triangle(da, diagonal) : lower_triangle(da, diagonal)).value());
                  }
                  if (node.wants(1)) node.give(1, db.value());
                });
}

Tensor lower_cholesky(const Tensor& a) {
  require_square("cholesky", a);
  Array l = Array::empty(a.shape(), a.dtype(), a.device());
  const Array failed = new_failed(a);
  table_of(a).cholesky(a.value(), l, failed);
  require_success("cholesky", failed, batch_of(a), "is not positive definite",
                  "a symmetric matrix with eigenvalues above 0", "add a small multiple of the identity");
  return record({Op::cholesky}, {a}, l, [l = saved(l)](const Array& dl, Node& node) {
    const NoGradient off;
    const Tensor lower(l), across = turned(lower), full = lower_triangle(matmul(across, Tensor(dl)));
    const Tensor phi = full - diagonal_only(full) * 0.5;
    const Tensor half = solve_triangle(across, phi, true, false);                 // L⁻ᵀ Φ
    const Tensor da = turned(solve_triangle(across, turned(half), true, false));  // … L⁻¹
    node.give(0, ((da + turned(da)) * 0.5).value());
  });
}

// The gradient of a [m, n] with m ≥ n.
Tensor tall_qr_gradient(const Tensor& q, const Tensor& r, const Tensor& dq, const Tensor& dr) {
  const Tensor inner = matmul(r, turned(dr)) - matmul(turned(dq), q);
  const Tensor symmetric = lower_triangle(inner) + turned(lower_triangle(inner, -1));
  const Tensor da = dq + matmul(q, symmetric);  // · r⁻ᵀ: the transposed of r⁻¹ · daᵀ
  return turned(solve_triangle(r, turned(da), true, false));
}

Tensor or_zeros(const Array& gradient, const Tensor& value) {
  return gradient.defined() ? Tensor(gradient) : zeros_like(value);
}

// Π_{j≠i} s_j, by logarithms: s ≥ 0, and a 0 becomes exp(-infinity) unless it is left out.
Tensor products_of_others(const Tensor& s) {
  const std::int64_t n = s.shape(-1);
  const Tensor logs = expand(as_row(log(s)), s.shape().inserted(s.rank() - 1, n));
  return exp(sum(where(mask(n, n, s.device(), [](auto i, auto j) { return i == j; }), 0.0, logs), {-1}));
}

Tensor cofactors(const Tensor& a) {
  const SVD parts = svd(a, false);
  const Tensor sign = slogdet(parts.u).sign * slogdet(parts.vh).sign;
  return matmul(parts.u * as_row(products_of_others(parts.s) * as_column(sign)), parts.vh);
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b, bool left) {
  require_square("solve", a);
  const bool vectors = b.rank() == 1 || (b.rank() + 1 == a.rank() && b.shape() == a.shape().without(-1));
  if (vectors) {
    const Tensor x = left ? solve_matrices(a, as_column(b)) : solve_matrices(turned(a), as_column(b));
    return reshape(x, x.shape().without(-1));
  }
  if (left) return solve_matrices(a, b);
  require_matrix("solve", b);
  return turned(solve_matrices(turned(a), turned(b)));
}

Tensor solve_triangular(const Tensor& a, const Tensor& b, const TriangularOptions& options) {
  if (options.left) return solve_triangle(a, b, options.upper, options.unitriangular);
  require_square("solve_triangular", a);
  require_matrix("solve_triangular", b);
  return turned(solve_triangle(turned(a), turned(b), !options.upper, options.unitriangular));
}

Tensor inverse(const Tensor& a) {
  require_square("inverse", a);
  Array y = Array::empty(a.shape(), a.dtype(), a.device());
  const Array failed = new_failed(a);
  const Tensor identity = expand(identity_like(a, a.shape(-1)), a.shape());
  table_of(a).solve(a.value(), identity.value(), y, failed);
  require_success("inverse", failed, batch_of(a), "is singular", "a matrix with an inverse", singular_remedy);
  return record({Op::inverse}, {a}, y, [y = saved(y)](const Array& dy, Node& node) {
    const NoGradient off;
    const Tensor across = turned(Tensor(y));
    node.give(0, (-matmul(matmul(across, Tensor(dy)), across)).value());
  });
}

Tensor det(const Tensor& a) {
  require_square("det", a);
  const Tensor wide = to(a.detach(), Dtype::float64);  // so that exp(log) costs no digits
  const SignAndLogarithm parts = slogdet(wide);
  Array y = to(parts.sign * exp(parts.logabsdet), a.dtype()).value();
  return record({Op::determinant}, {a}, std::move(y), [a = saved(a)](const Array& dy, Node& node) {
    const NoGradient off;
    node.give(0, (cofactors(Tensor(a)) * as_column(as_column(Tensor(dy)))).value());
  });
}

namespace {

// a⁻ᵀ; infinite for singular matrices, as the slope of the logarithm at 0.
Tensor slope_of_logdet(const Tensor& a) {
  try {
    return inverse(turned(a));
  } catch (const DataError&) {
    return cofactors(a) / as_column(as_column(det(a)));
  }
}

}  // namespace

SignAndLogarithm slogdet(const Tensor& a) {
  require_square("slogdet", a);
  const Shape batch = batch_of(a);
  Array sign = Array::empty(batch, a.dtype(), a.device()), logarithm = Array::empty(batch, a.dtype(), a.device());
  table_of(a).determinant(a.value(), sign, logarithm);
  const auto results = record(
      {Op::determinant}, std::span(&a, 1), {sign, logarithm}, [a = saved(a)](std::span<const Array> dys, Node& node) {
        const NoGradient off;
        if (!dys[1].defined()) return node.give(0, zeros_like(Tensor(a)).value());
        node.give(0, (slope_of_logdet(Tensor(a)) * as_column(as_column(Tensor(dys[1])))).value());
      });
  return {results[0], results[1]};
}

Tensor logdet(const Tensor& a) {
  require_square("logdet", a);
  const auto [sign, logarithm] = slogdet(a);
  return where(lt(sign.detach(), 0.0), std::numeric_limits<double>::quiet_NaN(), logarithm);
}

Tensor cholesky(const Tensor& a, bool upper) {
  require_square("cholesky", a);
  return upper ? turned(lower_cholesky(turned(a))) : lower_cholesky(a);
}

Tensor cholesky_solve(const Tensor& b, const Tensor& factor, bool upper) {
  require_square("cholesky_solve", factor);
  const Tensor lower = upper ? turned(factor) : factor;
  return solve_triangle(turned(lower), solve_triangle(lower, b, false, false), true, false);
}

Tensor cholesky_inverse(const Tensor& factor, bool upper) {
  require_square("cholesky_inverse", factor);
  return cholesky_solve(identity_like(factor, factor.shape(-1)), factor, upper);
}

QR qr(const Tensor& a, bool complete) {
  require_matrix("qr", a);
  const std::int64_t m = a.shape(-2), n = a.shape(-1), k = complete ? m : std::min(m, n);
  Array q = Array::empty(a.shape().with(-1, k), a.dtype(), a.device());
  Array r = Array::empty(a.shape().with(-2, k), a.dtype(), a.device());
  table_of(a).qr(a.value(), q, r);
  const auto results = record(
      {Op::qr}, std::span(&a, 1), {q, r},
      [a = m < n ? saved(a) : Saved(), q = saved(q), r = saved(r), m, n, k](std::span<const Array> dys, Node& node) {
        if (k > n)
          throw UnsupportedError({.where = "backward of qr",
                                  .what = "unsupported: the gradient of complete matrices with more rows (" +
                                          std::to_string(m) + ") than columns (" + std::to_string(n) + ")",
                                  .expected = "q with min(m, n) columns",
                                  .remedy = "qr(a, false)"});
        const NoGradient off;
        const Tensor left(q), right(r), dq = or_zeros(dys[0], left), dr = or_zeros(dys[1], right);
        if (m >= n) return node.give(0, tall_qr_gradient(left, right, dq, dr).value());
        const Tensor rest = slice(Tensor(a), -1, m, n), dv = slice(dr, -1, m, n);
        const Tensor first = tall_qr_gradient(left, slice(right, -1, 0, m), dq + matmul(rest, turned(dv)),
                                              upper_triangle(slice(dr, -1, 0, m)));
        node.give(0, concat({first, matmul(left, dv)}, -1).value());
      });
  return {results[0], results[1]};
}

}  // namespace joist
