// Layers that rearrange: none has parameters.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

#include <vector>

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
  Tensor operator()(const Tensor& x) const {
    const int at = x.shape().axis(axis);
    std::vector<std::int64_t> shape(x.shape().begin(), x.shape().begin() + at);
    shape.insert(shape.end(), lengths.begin(), lengths.end());
    shape.insert(shape.end(), x.shape().begin() + at + 1, x.shape().end());
    std::int64_t known = 1, unknown = 0;
    for (const std::int64_t length : lengths)
      (length == -1 ? unknown : known) = length == -1 ? unknown + 1 : known * length;
    if (unknown > 1 || (unknown == 0 ? known != x.shape(at) : known < 1 || x.shape(at) % known != 0))
      throw ShapeError({.where = "Unflatten",
                        .what = "axis " + std::to_string(axis) + " of " + x.shape().text() + " to " + lengths.text(),
                        .expected = "lengths whose product is " + std::to_string(x.shape(at)) + ", at most one -1"});
    return reshape(x, Shape(shape));
  }
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
