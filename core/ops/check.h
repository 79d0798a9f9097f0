// Checks that several op families share. Each throws before any work is done.
#pragma once

#include <joist/core/tensor.h>

namespace joist {

/// Throws ShapeError "name: axis words" unless x has the rank that `axes` ("[batch, channel, height, width]")
/// describes.
inline void require_rank(const char* op, const Tensor& x, int rank, const char* axes) {
  if (x.rank() != rank) throw ShapeError({.where = op, .what = "input of shape " + x.shape().text(), .expected = axes});
}

/// Throws unless a vector of one value per channel fits.
inline void require_vector(const char* op, const char* name, const Tensor& x, std::int64_t length) {
  if (x.shape() != Shape{length})
    throw ShapeError({.where = op,
                      .what = std::string(name) + " of shape " + x.shape().text(),
                      .expected = "[" + std::to_string(length) + "]"});
}

/// Throws unless both operands live on one device.
inline void require_same_device(const char* op, const Tensor& a, const Tensor& b) {
  if (a.device() != b.device())
    throw InternalError({.where = op,
                         .what = "operands on " + a.device().text() + " and " + b.device().text(),
                         .remedy = "move both to one device"});
}

/// Throws unless both operands live on one device with one dtype.
inline void require_same_kind(const char* op, const Tensor& a, const Tensor& b) {
  require_same_device(op, a, b);
  if (a.dtype() != b.dtype())
    throw DtypeError({.where = op,
                      .what = std::string(name_of(a.dtype())) + " and " + std::string(name_of(b.dtype())),
                      .expected = "one element type"});
}

}  // namespace joist
