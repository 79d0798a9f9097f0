// Checks that several op families share. Each throws before any work is done.
#pragma once

#include <joist/core/tensor.h>

#include <string>
#include <utility>

namespace joist {

/// Throws ShapeError "name: axis words" unless x has the rank that `axes` ("[batch, channel, height, width]")
/// describes.
inline void require_rank(const char* op, const Tensor& x, int rank, const char* axes) {
  if (x.rank() != rank)
    throw ShapeError({.where = op,
                      .what = "input of shape " + x.shape().text(),
                      .expected = axes,
                      .remedy = "reshape() it, or unsqueeze(x, 0) where an axis of length 1 is missing in front"});
}

/// The axis from 0 of one that may be negative. Throws ShapeError "op: axis 2 of shape [2, 3]".
inline int axis_of(const char* op, const Tensor& x, int axis) {
  try {
    return x.shape().axis(axis);
  } catch (const ShapeError& error) {
    Fault fault = error.fault();
    fault.where = op;
    throw ShapeError(std::move(fault));
  }
}

/// Throws DtypeError unless x holds floating-point numbers.
inline void require_floating(const char* op, const Tensor& x, const char* name = "input") {
  if (!is_floating(x.dtype()))
    throw DtypeError({.where = op,
                      .what = std::string(name) + " of " + std::string(name_of(x.dtype())),
                      .expected = "floating-point numbers: float32, float64, float16 or bfloat16",
                      .remedy = "to(x, Dtype::float32)"});
}

/// Throws unless a vector of one value per channel fits.
inline void require_vector(const char* op, const char* name, const Tensor& x, std::int64_t length) {
  if (x.shape() != Shape{length})
    throw ShapeError({.where = op,
                      .what = std::string(name) + " of shape " + x.shape().text(),
                      .expected = Shape{length}.text() + ", one value for each channel or feature",
                      .remedy = "a layer of " + std::to_string(length) +
                                " channels or features; permute() an input whose channels stand on another axis"});
}

/// Throws unless both operands live on one device.
inline void require_same_device(const char* op, const Tensor& a, const Tensor& b) {
  if (a.device() != b.device())
    throw InternalError({.where = op,
                         .what = "operands on " + a.device().text() + " and " + b.device().text(),
                         .expected = "operands on one device",
                         .remedy = "to(x, " + b.device().text() + ")"});
}

/// Throws unless both operands live on one device with one dtype.
inline void require_same_kind(const char* op, const Tensor& a, const Tensor& b) {
  require_same_device(op, a, b);
  if (a.dtype() == b.dtype()) return;
  // The input, which comes first, follows the layer's parameters; but no floating-point numbers become integers.
  const bool second = is_floating(a.dtype()) && !is_floating(b.dtype());
  throw DtypeError({.where = op,
                    .what = std::string(name_of(a.dtype())) + " and " + std::string(name_of(b.dtype())),
                    .expected = "one element type",
                    .remedy = "to(x, Dtype::" + std::string(name_of(second ? a.dtype() : b.dtype())) + ") for the " +
                              (second ? "second" : "first") + " of them"});
}

}  // namespace joist
