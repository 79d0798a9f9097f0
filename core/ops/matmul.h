// Products of matrices and vectors, and what is made of them.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

/// a [..., m, k] · b [..., k, n] -> [..., m, n]; leading axes broadcast. A vector on the left is a row, on the right a
/// column, and its axis is missing in the result; of two vectors the product is one number.
Tensor matmul(const Tensor& a, const Tensor& b);
/// x [..., in] · weight[out, in]ᵀ + bias[out] (undefined: none) -> [..., out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});
/// a [..., in1], b [..., in2], weight [out, in1, in2] -> y[..., o] = a · weight[o] · b + bias[o].
Tensor bilinear(const Tensor& a, const Tensor& b, const Tensor& weight, const Tensor& bias = {});

// ---- for fixed ranks ------------------------------------------------------------------------------------------------
Tensor mm(const Tensor& a, const Tensor& b);     ///< [m, k] · [k, n]
Tensor bmm(const Tensor& a, const Tensor& b);    ///< [batch, m, k] · [batch, k, n], no broadcasting
Tensor mv(const Tensor& a, const Tensor& x);     ///< [m, k] · [k]
Tensor dot(const Tensor& a, const Tensor& b);    ///< [n] · [n]
Tensor vdot(const Tensor& a, const Tensor& b);   ///< the same (numbers are real)
Tensor outer(const Tensor& a, const Tensor& b);  ///< [m], [n] -> [m, n]
Tensor inner(const Tensor& a, const Tensor& b);  ///< sum over the last axes: [..., n], [..., n] -> [..., ...]

/// beta · x + alpha · product, x broadcast to it: of matrices; of batches; of batches summed up; of a matrix and a
/// vector; of two vectors.
Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b, double beta = 1, double alpha = 1);
Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b, double beta = 1, double alpha = 1);
Tensor addbmm(const Tensor& x, const Tensor& a, const Tensor& b, double beta = 1, double alpha = 1);
Tensor addmv(const Tensor& x, const Tensor& a, const Tensor& v, double beta = 1, double alpha = 1);
Tensor addr(const Tensor& x, const Tensor& a, const Tensor& b, double beta = 1, double alpha = 1);

// ---- of several tensors or over chosen axes -------------------------------------------------------------------------
/// Sums of products by Einstein's convention, "bij,bjk->bik": axes are named by letters, "..." stands for axes that
/// broadcast, a letter that an operand has twice takes its diagonal. Without "->" the result has the letters that occur
/// once, in alphabetical order. Operands are multiplied from left to right.
Tensor einsum(std::string_view equation, std::span<const Tensor> operands);
inline Tensor einsum(std::string_view equation, std::initializer_list<Tensor> operands) {
  return einsum(equation, std::span(operands.begin(), operands.size()));
}
/// Sum over axes_a of a and axes_b of b, pair by pair; or over the last `count` axes of a and the first of b.
Tensor tensordot(const Tensor& a, const Tensor& b, std::span<const int> axes_a, std::span<const int> axes_b);
Tensor tensordot(const Tensor& a, const Tensor& b, int count = 2);
/// The product of a chain of matrices (first and last may be vectors), in the order with the fewest multiplications.
Tensor multi_dot(std::span<const Tensor> matrices);
inline Tensor chain_matmul(std::span<const Tensor> matrices) { return multi_dot(matrices); }
/// A square matrix (or batch of them) times itself; power 0 is the unit matrix. Negative powers throw UnsupportedError.
Tensor matrix_power(const Tensor& x, int power);
/// Kronecker's product: each element of a times all of b.
Tensor kron(const Tensor& a, const Tensor& b);
/// Sum of the diagonal of a matrix.
Tensor trace(const Tensor& x);
/// a × b along an axis of length 3.
Tensor cross(const Tensor& a, const Tensor& b, int axis = -1);
/// Powers x^0 … x^(columns - 1) of a vector as columns, falling unless `increasing`; columns -1: as many as x is long.
Tensor vander(const Tensor& x, std::int64_t columns = -1, bool increasing = false);
/// Matrices along the diagonal of a larger one (vectors are rows).
Tensor block_diag(std::span<const Tensor> matrices);
/// All ways to choose one element of each vector, as rows; of one vector itself.
Tensor cartesian_prod(std::span<const Tensor> vectors);
/// All ways to choose `count` elements of a vector, as rows.
Tensor combinations(const Tensor& x, std::int64_t count = 2, bool with_replacement = false);

// ---- distances ------------------------------------------------------------------------------------------------------
/// Distances between all rows: a [..., p, m], b [..., r, m] -> [..., p, r]; leading axes broadcast. Differences are
/// formed one by one (no |a|² - 2ab + |b|², which loses digits), so memory for p · r · m numbers is needed. Gradient 0
/// at distance 0.
Tensor cdist(const Tensor& a, const Tensor& b, double p = 2);
/// Distances between all pairs of rows i < j: [n, m] -> [n (n - 1) / 2].
Tensor pdist(const Tensor& x, double p = 2);
/// Norm of a - b + eps along the last axis.
Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p = 2, double eps = 1e-6, bool keep_axis = false);
/// a · b / (max(|a|, eps) max(|b|, eps)) along an axis.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int axis = 1, double eps = 1e-8);

}  // namespace joist
