// What the files of losses share.
#pragma once

#include <joist/core/ops/check.h>
#include <joist/core/ops/loss.h>

#include <optional>
#include <string>

namespace joist {

/// Throws ShapeError unless both have one shape. PyTorch broadcasts with a warning that the result is likely wrong.
inline void require_same_shape(const char* op, const Tensor& input, const Tensor& target,
                               const char* target_name = "target") {
  require_same_device(op, input, target);
  if (input.shape() != target.shape())
    throw ShapeError({.where = op,
                      .what = "input " + input.shape().text() + ", " + target_name + " " + target.shape().text(),
                      .expected = "equal shapes",
                      .remedy = "expand or reshape one of them"});
}

/// The same, and DtypeError unless the input holds floating-point numbers.
inline void require_pair(const char* op, const Tensor& input, const Tensor& target,
                         const char* target_name = "target") {
  require_same_shape(op, input, target, target_name);
  require_floating(op, input);
}

/// Throws UsageError unless an option holds.
inline void require_option(const char* op, bool holds, const char* option, double value, const char* expected) {
  if (!holds)
    throw UsageError({.where = op,
                      .what = std::string(option) + " " + std::to_string(value),
                      .expected = expected,
                      .remedy = std::string("another ") + option + ", or none for the usual one"});
}

/// Throws DtypeError unless a tensor of class numbers holds int64.
inline void require_classes(const char* op, const char* name, const Tensor& x) {
  if (x.dtype() != Dtype::int64)
    throw DtypeError({.where = op,
                      .what = std::string(name) + " of " + std::string(name_of(x.dtype())),
                      .expected = "class numbers as int64",
                      .remedy = "to(x, Dtype::int64)"});
}

/// Throws DataError unless all labels (int64 [rows]) are classes or `ignore`. Labels off the host are trusted.
void require_class_range(const char* op, const Array& labels, std::int64_t classes,
                         std::optional<std::int64_t> ignore = {});

/// Throws ShapeError unless a given tensor broadcasts to the losses' shape.
inline void require_fits(const char* op, const char* name, const Tensor& x, const Shape& shape) {
  if (broadcast(x.shape(), shape, op) != shape)
    throw ShapeError({.where = op,
                      .what = std::string(name) + " " + x.shape().text() + " for losses " + shape.text(),
                      .expected = "a shape that broadcasts to that of the losses",
                      .remedy = "reshape it so that axes of length 1 stand where it shall be repeated"});
}

/// An integer or bool target as numbers of the input's type.
Tensor as_numbers(const Tensor& target, const Tensor& input);

}  // namespace joist
