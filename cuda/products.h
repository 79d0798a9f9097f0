// What the code around matrix products asks of a library of them: device/cublaslt.cpp asks cuBLASLt, and
// emulator/products.cpp records the same descriptions and carries them out on the CPU. As in every BLAS, matrices are
// stored by columns.
#pragma once

#include <joist/core/dtype.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace joist::cuda {

/// A matrix as it is stored: element (i, j) of matrix number b lies at i + j · leading + b · batch_stride.
struct MatrixLayout {
  Dtype dtype = Dtype::float32;
  std::int64_t rows = 0, columns = 0, leading = 0, batch_stride = 0;
  std::int64_t alignment = 1;  ///< of the first element, in bytes
  auto operator<=>(const MatrixLayout&) const = default;
};

/// y = op(a) · op(b) (+ y, where it adds) (+ bias, an element for every row of y), `batches` times. op(x) is x or its
/// transpose.
struct ProductShape {
  MatrixLayout a{}, b{}, y{};
  std::int64_t batches = 1;
  bool transpose_a = false, transpose_b = false;
  bool adds = false, bias = false;
  std::int64_t bias_alignment = 1;
  bool tf32 = false;  ///< float32 operands may be rounded
  auto operator<=>(const ProductShape&) const = default;
};
/// Addresses on the GPU.
struct ProductData {
  const void *a = nullptr, *b = nullptr, *bias = nullptr;
  void* y = nullptr;
};

/// How a library computes products of one shape: found once, used many times.
class ProductPlan {
 public:
  ProductPlan() = default;
  ProductPlan(const ProductPlan&) = delete;
  ProductPlan& operator=(const ProductPlan&) = delete;
  virtual ~ProductPlan() = default;
  /// Bytes that run() needs.
  virtual std::size_t workspace() const = 0;
  /// Puts the product into a stream; `name` for messages.
  virtual void run(const char* name, const ProductData& data, void* workspace, void* stream) const = 0;
};
/// Throws EnvironmentError where the library is missing, UnsupportedError where it has no way to compute this.
std::unique_ptr<ProductPlan> plan_product(const ProductShape& shape);

}  // namespace joist::cuda
