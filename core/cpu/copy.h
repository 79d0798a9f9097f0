// Filling and copying arrays of any element types and strides.
#pragma once

#include <joist/core/kernels.h>

namespace joist {

/// y = value, converted as copy() does.
void fill_array(double value, const Array& y);

/// y = x, or y += x. x is broadcast to y's shape. Numbers convert as in C++, to bool as "is not 0", to float16 and
/// bfloat16 rounded to nearest even.
void copy_array(const Array& x, const Out& y);

/// The array itself when its elements lie as `strides` says (axes of length 1 are ignored), else a copy that does.
Array with_strides(const Array& x, const Strides& strides);

/// body(plain) with an array to overwrite: out's own, or, where `out` accumulates, a temporary that is then added. For
/// kernels whose output is rarely added to.
template <class Body>
void write_or_add(const Out& out, Body&& body) {
  if (!out.accumulate) return body(out.array);
  const Array plain = Array::like(out.array);
  body(plain);
  copy_array(plain, out);
}

}  // namespace joist
