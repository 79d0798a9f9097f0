#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/functions.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/reduction.h>

namespace joist {
namespace {

void unary(const Unary& f, const Array& x, const Out& y) {
  const BoundFunction bound = unary_value(f);
  for_each_tile(bound.function, bound.parameters, {&x}, y);
}

void unary_backward(const Unary& f, const Array& x, const Array& dy, const Out& dx) {
  const BoundFunction bound = unary_gradient(f);
  for_each_tile(bound.function, bound.parameters, {&dy, &x}, dx);
}

void binary(const Binary& f, const Array& a, const Array& b, const Out& y) {
  const Array left = a.expanded(y.array.shape()), right = b.expanded(y.array.shape());
  const BoundFunction bound = binary_value(f);
  for_each_tile(bound.function, bound.parameters, {&left, &right}, y);
}

void binary_backward(const Binary& f, const Array& a, const Array& b, const Array& dy, int operand, const Out& dx) {
  const BoundFunction bound = binary_gradient(f, operand);
  // The slopes of a sum are constants: its operands need not be read.
  const bool constant = std::holds_alternative<Add>(f) || std::holds_alternative<Subtract>(f);
  const Array left = constant ? dy : a.expanded(dy.shape()), right = constant ? dy : b.expanded(dy.shape());
  const Shape& shape = dx.array.shape();
  if (shape == dy.shape()) return for_each_tile(bound.function, bound.parameters, {&dy, &left, &right}, dx);
  if (constant)
    return sum_tiles(nullptr, nullptr, {&dy}, std::holds_alternative<Subtract>(f) && operand == 1 ? -1.0 : 1.0, dx);
  sum_tiles(bound.function, bound.parameters, {&dy, &left, &right}, 1.0, dx);
}

}  // namespace

void fill_elementwise(Kernels& table) {
  table.elementwise.fill = fill_array;
  table.elementwise.copy = copy_array;
  table.elementwise.unary = unary;
  table.elementwise.unary_backward = unary_backward;
  table.elementwise.binary = binary;
  table.elementwise.binary_backward = binary_backward;
}

}  // namespace joist
