// Layers that rearrange: none has parameters.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

namespace joist {

/// torch.nn.Identity: x itself (Identity is the scalar function of that name).
struct IdentityLayer {
  Tensor operator()(const Tensor& x) const { return x; }
  auto fields() { return joist::fields(); }
};
/// Axes first … last become one.
struct Flatten {
  int first = 1;
  int last = -1;
  Tensor operator()(const Tensor& x) const { return flatten(x, first, last); }
  auto fields() { return joist::fields(); }
};
/// One axis becomes several; one of their lengths may be -1.
struct Unflatten {
  int axis = 1;
  Shape lengths{-1};
  Tensor operator()(const Tensor& x) const { return unflatten(x, axis, lengths); }
  auto fields() { return joist::fields(); }
};
struct Unfold {
  UnfoldOptions options{};
  Tensor operator()(const Tensor& x) const { return unfold(x, options); }
  auto fields() { return joist::fields(); }
};
struct Fold {
  std::int64_t height = 1, width = 1;
  UnfoldOptions options{};
  Tensor operator()(const Tensor& x) const { return fold(x, height, width, options); }
  auto fields() { return joist::fields(); }
};

}  // namespace joist
