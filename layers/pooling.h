// Pooling layers; none has parameters. MaxPool2d{{.kernel = {3}, .stride = {2}}}.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

namespace joist {

struct MaxPool1d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return max_pool1d(x, options); }
  auto fields() { return joist::fields(); }
};
struct MaxUnpool1d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x, const Tensor& indices, const Shape& output_size = {}) const {
    return max_unpool1d(x, indices, options, output_size);
  }
  auto fields() { return joist::fields(); }
};
struct AvgPool1d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return avg_pool1d(x, options); }
  auto fields() { return joist::fields(); }
};
struct LPPool1d {
  double norm = 2;
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return lp_pool1d(x, norm, options); }
  auto fields() { return joist::fields(); }
};
/// output_size: a length per spatial axis or one for all; -1 keeps a length.
struct AdaptiveAvgPool1d {
  Shape output_size{1};
  Tensor operator()(const Tensor& x) const { return adaptive_avg_pool1d(x, output_size); }
  auto fields() { return joist::fields(); }
};
struct AdaptiveMaxPool1d {
  Shape output_size{1};
  Tensor operator()(const Tensor& x) const { return adaptive_max_pool1d(x, output_size); }
  auto fields() { return joist::fields(); }
};

struct MaxPool2d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return max_pool2d(x, options); }
  auto fields() { return joist::fields(); }
};
struct MaxUnpool2d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x, const Tensor& indices, const Shape& output_size = {}) const {
    return max_unpool2d(x, indices, options, output_size);
  }
  auto fields() { return joist::fields(); }
};
struct AvgPool2d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return avg_pool2d(x, options); }
  auto fields() { return joist::fields(); }
};
struct LPPool2d {
  double norm = 2;
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return lp_pool2d(x, norm, options); }
  auto fields() { return joist::fields(); }
};
/// output_size: a length per spatial axis or one for all; -1 keeps a length.
struct AdaptiveAvgPool2d {
  Shape output_size{1};
  Tensor operator()(const Tensor& x) const { return adaptive_avg_pool2d(x, output_size); }
  auto fields() { return joist::fields(); }
};
struct AdaptiveMaxPool2d {
  Shape output_size{1};
  Tensor operator()(const Tensor& x) const { return adaptive_max_pool2d(x, output_size); }
  auto fields() { return joist::fields(); }
};

struct MaxPool3d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return max_pool3d(x, options); }
  auto fields() { return joist::fields(); }
};
struct MaxUnpool3d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x, const Tensor& indices, const Shape& output_size = {}) const {
    return max_unpool3d(x, indices, options, output_size);
  }
  auto fields() { return joist::fields(); }
};
struct AvgPool3d {
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return avg_pool3d(x, options); }
  auto fields() { return joist::fields(); }
};
struct LPPool3d {
  double norm = 2;
  PoolOptions options{};
  Tensor operator()(const Tensor& x) const { return lp_pool3d(x, norm, options); }
  auto fields() { return joist::fields(); }
};
/// output_size: a length per spatial axis or one for all; -1 keeps a length.
struct AdaptiveAvgPool3d {
  Shape output_size{1};
  Tensor operator()(const Tensor& x) const { return adaptive_avg_pool3d(x, output_size); }
  auto fields() { return joist::fields(); }
};
struct AdaptiveMaxPool3d {
  Shape output_size{1};
  Tensor operator()(const Tensor& x) const { return adaptive_max_pool3d(x, output_size); }
  auto fields() { return joist::fields(); }
};

}  // namespace joist
