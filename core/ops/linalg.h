// Linear algebra on matrices [..., m, n], one per index of the leading axes; PyTorch's torch.linalg. All take float32
// and float64; float16 and bfloat16 compute by way of float32. Gradients: Giles 2008, "Collected matrix derivative
// results for forward and reverse mode algorithmic differentiation", where core/ops/linalg*.cpp names no other source.
//
// ShapeError: no matrix, not square, lengths that do not fit. DataError: a matrix that has no such decomposition; it
// names the matrix's place in the batch.
#pragma once

#include <joist/core/gradient.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace joist {

/// x with a · x = b (left) or x · a = b. a [..., n, n]; b [..., n, k], leading axes broadcast; or vectors: b [n], or b
/// with a's shape but its last axis. DataError: a is singular.
Tensor solve(const Tensor& a, const Tensor& b, bool left = true);
struct TriangularOptions {
  bool upper = false;          ///< which triangle of a is read
  bool left = true;            ///< a · x = b, else x · a = b
  bool unitriangular = false;  ///< ones stand for the diagonal, which is not read
};
/// The same for triangular a. A 0 on the diagonal gives infinities, no error.
Tensor solve_triangular(const Tensor& a, const Tensor& b, const TriangularOptions& options);
/// a⁻¹. DataError: a is singular.
Tensor inverse(const Tensor& a);
inline Tensor inv(const Tensor& a) { return inverse(a); }
/// Determinant [...]. Its gradient is right for singular matrices too.
Tensor det(const Tensor& a);
struct SignAndLogarithm {
  Tensor sign, logabsdet;  ///< [...]: 0 and -infinity for a singular matrix
};
SignAndLogarithm slogdet(const Tensor& a);
/// Logarithm of the determinant: NaN where that is negative, -infinity where it is 0.
Tensor logdet(const Tensor& a);

/// Lower triangular L with L · Lᵀ = a, or upper U with Uᵀ · U = a. a is symmetric: only that triangle is read; the
/// gradient is symmetric. DataError: a is not positive definite.
Tensor cholesky(const Tensor& a, bool upper = false);
/// x with a · x = b, given the Cholesky factor of a; b [..., n, k].
Tensor cholesky_solve(const Tensor& b, const Tensor& factor, bool upper = false);
/// The inverse of the matrix whose Cholesky factor is given.
Tensor cholesky_inverse(const Tensor& factor, bool upper = false);

struct QR {
  Tensor q, r;  ///< orthonormal columns [..., m, k]; upper triangular [..., k, n]
};
/// q · r = a; k = min(m, n), or m with `complete` (then without gradient where m > n).
QR qr(const Tensor& a, bool complete = false);

struct SVD {
  Tensor u, s,
      vh;  ///< [..., m, k], [..., k] descending, [..., k, n]; k = min(m, n), with full_matrices u and vh square
};
/// u · diag(s) · vh = a. Signs of vectors are not determined: losses must not depend on them. Gradients reach u and vh
/// only where singular values differ from each other (and from 0 for m ≠ n), and ignore the columns beyond min(m, n).
/// DataError: not finite.
SVD svd(const Tensor& a, bool full_matrices = true);
/// Singular values only [..., k]; their gradient always exists.
Tensor svdvals(const Tensor& a);

struct EigenPairs {
  Tensor values, vectors;  ///< [..., n] ascending; [..., n, n], one vector per column
};
/// a symmetric: only the lower (or upper) triangle is read; the gradient is symmetric and reaches the vectors only
/// where values differ. DataError: not finite.
EigenPairs eigh(const Tensor& a, bool upper = false);
Tensor eigvalsh(const Tensor& a, bool upper = false);

/// Singular values up to max(atol, rtol · largest) count as 0. rtol: by default max(m, n) · ε of the element type, or 0
/// where atol is given.
struct RankTolerance {
  std::optional<double> atol{}, rtol{};
};
/// Pseudoinverse (Moore-Penrose) [..., n, m]. The gradient holds while the rank stays (Golub & Pereyra 1973).
Tensor pinv(const Tensor& a, const RankTolerance& tolerance = {});
/// Number of singular values above the tolerance, int64 [...].
Tensor matrix_rank(const Tensor& a, const RankTolerance& tolerance = {});
struct LeastSquares {
  Tensor solution;         ///< [..., n, k], the shortest where there are several
  Tensor residuals;        ///< [..., k] sums of squares; no elements unless m > n and all ranks are n
  Tensor rank;             ///< int64 [...]
  Tensor singular_values;  ///< [..., min(m, n)]
};
/// x that makes |a · x - b|² least: a [..., m, n], b [..., m, k].
LeastSquares lstsq(const Tensor& a, const Tensor& b, const RankTolerance& tolerance = {});

/// "fro": √Σx², "nuc": sum of singular values -> [...].
Tensor matrix_norm(const Tensor& a, std::string_view order = "fro", bool keep_axes = false);
/// 2, -2: largest, smallest singular value; 1, -1: largest, smallest sum of magnitudes over a column; infinity,
/// -infinity: over a row.
Tensor matrix_norm(const Tensor& a, double order, bool keep_axes = false);
/// |a| · |a⁻¹| in the norm of that order; 2: largest by smallest singular value, for any shape.
Tensor cond(const Tensor& a, double order = 2);

/// a · a · …, n times; negative n: of the inverse; 0: identity.
Tensor matrix_power(const Tensor& a, std::int64_t n);
/// Σ aⁿ / n! by scaling, squaring and the Padé approximant of degree 13 (Higham 2005, "The scaling and squaring method
/// for the matrix exponential revisited").
Tensor matrix_exp(const Tensor& a);

}  // namespace joist
