// Kernels for several element types: from a dtype to a C++ type, and one loop over elements of any strides.
#pragma once

#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/strided.h>
#include <joist/core/error.h>
#include <joist/core/half.h>

#include <algorithm>
#include <string>

namespace joist {

[[noreturn]] inline void refuse_dtype(Dtype dtype, const char* where, const char* expected) {
  throw DtypeError({.where = where,
                    .what = std::string(name_of(dtype)) + " elements",
                    .expected = expected,
                    .remedy = "convert with to(x, Dtype::…)"});
}

/// Calls visit(T{}) with float or double.
template <class Visit>
void with_floating(Dtype dtype, const char* where, Visit&& visit) {
  if (dtype == Dtype::float32) return visit(float{});
  if (dtype == Dtype::float64) return visit(double{});
  refuse_dtype(dtype, where, "float32 or float64");
}

/// Calls visit(T{}) with the C++ type of an integer dtype.
template <class Visit>
void with_integer(Dtype dtype, const char* where, Visit&& visit) {
  switch (dtype) {
    case Dtype::int64: return visit(std::int64_t{});
    case Dtype::int32: return visit(std::int32_t{});
    case Dtype::int8: return visit(std::int8_t{});
    case Dtype::uint8: return visit(std::uint8_t{});
    default: refuse_dtype(dtype, where, "int64, int32, int8 or uint8");
  }
}

/// Calls visit(T{}) with the C++ type of any dtype but float16 and bfloat16.
template <class Visit>
void with_number(Dtype dtype, const char* where, Visit&& visit) {
  switch (dtype) {
    case Dtype::float32: return visit(float{});
    case Dtype::float64: return visit(double{});
    case Dtype::boolean: return visit(bool{});
    case Dtype::float16:
    case Dtype::bfloat16: refuse_dtype(dtype, where, "float32, float64, int64, int32, int8, uint8 or bool");
    default: return with_integer(dtype, where, visit);
  }
}

/// body(offsets) once for each element of a shape, offsets in elements from each operand's first; in parallel, so the
/// first operand, which the body writes, may not be broadcast. Operands have the shape (Array::expanded broadcasts).
template <class Body>
void for_each_element(const Shape& shape, std::initializer_list<const Array*> operands, Body&& body) {
  const StridedAxes axes(shape, operands);
  if (axes.empty()) return;
  const int inner = axes.rank() - 1;
  const std::int64_t length = inner < 0 ? 1 : axes[inner].length;
  parallel_for(axes.elements(), 4096, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t run = std::min(end - begin, length - begin % length);
      StridedAxes::Offsets at = axes.offsets(begin);
      for (std::int64_t i = 0; i < run; ++i) {
        body(static_cast<const StridedAxes::Offsets&>(at));
        if (inner >= 0)
          for (std::size_t k = 0; k < StridedAxes::max_operands; ++k) at[k] += axes[inner].stride[k];
      }
      begin += run;
    }
  });
}

/// body(offsets) once for each line along `axis`: the offsets of its first element in each operand. Operands agree on
/// all other axes. In parallel.
template <class Body>
void for_each_line(const Shape& shape, int axis, std::initializer_list<const Array*> operands, std::int64_t grain,
                   Body&& body) {
  std::array<Array, StridedAxes::max_operands> first;
  std::size_t count = 0;
  for (const Array* operand : operands) {
    const Shape& own = operand->shape();
    first[count++] = operand->strided(own.with(axis, 1), operand->strides());
  }
  const Shape lines = shape.with(axis, 1);
  const StridedAxes axes = count == 1   ? StridedAxes(lines, {&first[0]})
                           : count == 2 ? StridedAxes(lines, {&first[0], &first[1]})
                           : count == 3 ? StridedAxes(lines, {&first[0], &first[1], &first[2]})
                                        : StridedAxes(lines, {&first[0], &first[1], &first[2], &first[3]});
  if (axes.empty()) return;
  parallel_for(axes.elements(), std::max<std::int64_t>(1, grain), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) body(axes.offsets(line));
  });
}

}  // namespace joist
