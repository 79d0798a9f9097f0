// Dropout layers: active while training().
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

namespace joist {

/// Drops elements and scales the rest.
struct Dropout {
  double p = 0.5;
  Tensor operator()(const Tensor& x) const { return dropout(x, p); }
  auto fields() { return joist::fields(); }
};
/// Drops whole channels of [batch, channel, length].
struct Dropout1d {
  double p = 0.5;
  Tensor operator()(const Tensor& x) const { return dropout1d(x, p); }
  auto fields() { return joist::fields(); }
};
/// Drops whole channels of [batch, channel, height, width].
struct Dropout2d {
  double p = 0.5;
  Tensor operator()(const Tensor& x) const { return dropout2d(x, p); }
  auto fields() { return joist::fields(); }
};
/// Drops whole channels of [batch, channel, depth, height, width].
struct Dropout3d {
  double p = 0.5;
  Tensor operator()(const Tensor& x) const { return dropout3d(x, p); }
  auto fields() { return joist::fields(); }
};
/// Keeps mean and variance behind SELU.
struct AlphaDropout {
  double p = 0.5;
  Tensor operator()(const Tensor& x) const { return alpha_dropout(x, p); }
  auto fields() { return joist::fields(); }
};
/// The same for whole channels.
struct FeatureAlphaDropout {
  double p = 0.5;
  Tensor operator()(const Tensor& x) const { return feature_alpha_dropout(x, p); }
  auto fields() { return joist::fields(); }
};
/// Drops whole samples of a residual branch (stochastic depth).
struct DropPath {
  double p = 0;
  Tensor operator()(const Tensor& x) const { return drop_path(x, p); }
  auto fields() { return joist::fields(); }
};

}  // namespace joist
