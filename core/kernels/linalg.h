// Linear algebra on batches of matrices [..., m, n], row-major. Backwards are written with matrix products.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <cstdint>

namespace joist {

/// `failed` (int64 [1]): index of the first matrix of the batch that could not be factorized, or -1.
struct LinalgKernels {
  /// Lower L with L·Lᵀ = a. Reads the lower triangle. failed: not positive definite.
  Kernel<void(const Array& a, const Array& l, const Array& failed)> cholesky{"cholesky"};
  /// q [m, k], r [k, n] with q·r = a; k = min(m, n), or m where q is m × m. Signs as LAPACK's Householder QR gives
  /// them.
  Kernel<void(const Array& a, const Array& q, const Array& r)> qr{"qr"};
  /// u [m, k], s [k] descending, vt [k, n]; k = min(m, n), or full square u and vt.
  Kernel<void(const Array& a, const Array& u, const Array& s, const Array& vt, const Array& failed)> svd{"svd"};
  /// Symmetric a: values [n] ascending, vectors in columns. Reads the lower triangle.
  Kernel<void(const Array& a, const Array& values, const Array& vectors, const Array& failed)> eigh{"eigh"};
  /// x with a·x = b, a [n, n], b [n, k]. failed: singular.
  Kernel<void(const Array& a, const Array& b, const Array& x, const Array& failed)> solve{"solve"};
  /// a upper or lower triangular (the other triangle is not read); unit: ones on the diagonal.
  Kernel<void(const Array& a, const Array& b, bool upper, bool unit, const Array& x)> triangular_solve{
      "triangular_solve"};
  /// sign [...] and log|det a| [...]: 0 and -inf where singular.
  Kernel<void(const Array& a, const Array& sign, const Array& logarithm)> determinant{"slogdet"};
};

}  // namespace joist
