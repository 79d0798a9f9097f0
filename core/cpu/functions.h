// The functions of elementwise.h over tiles, compiled for several instruction sets.
#pragma once

#include <joist/core/cpu/tiles.h>
#include <joist/core/elementwise.h>

namespace joist {

/// A tile function and the parameters to call it with, which lie in the Unary or Binary that it was made from.
struct BoundFunction {
  TileFunction function;
  const void* parameters;
};

BoundFunction unary_value(const Unary& f);     ///< inputs x
BoundFunction unary_gradient(const Unary& f);  ///< inputs dy, x: dy * slope(x)

BoundFunction binary_value(const Binary& f);                  ///< inputs a, b
BoundFunction binary_gradient(const Binary& f, int operand);  ///< inputs dy, a, b: dy * slope

}  // namespace joist
