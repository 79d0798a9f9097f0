// y [..., m, n] = a [..., m, k] · b [..., k, n]      da = dy · bᵀ      db = aᵀ · dy      (summed over broadcast leading
// axes) y [..., out] = x [..., in] · wᵀ + bias             dx = dy · w       dw = dyᵀ · x      dbias = sum of dy over
// rows
#include <joist/core/kernels/matmul.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/autocast.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/reshape.h>

namespace joist {
namespace {

struct Tables {
  const MatmulKernels& matmul;
  const ReductionKernels& reduction;
  explicit Tables(const Array& x) : matmul(kernels_of<MatmulKernels>(x)), reduction(kernels_of<ReductionKernels>(x)) {}
};

Array lifted(const Array& a, int rank) {
  Array result = a;
  while (result.rank() < rank) result = result.inserted(0);
  return result;
}

// a · b into `out`, whose leading axes may be shorter or missing (an operand that was broadcast): then through a sum.
void product_into(const Tables& table, const Array& a, const Array& b, const Shape& full, const Out& out) {
  if (full == out.array.shape()) {
    table.matmul.product(a, b, {}, out);
    return;
  }
  Array wide = Array::empty(full, out.array.dtype(), out.array.device());
  table.matmul.product(a, b, {}, {wide, false});
  table.reduction.sum(wide, 1.0, {lifted(out.array, full.rank()), out.accumulate});
}

[[noreturn]] void refuse_inner(const char* op, const Tensor& a, const Tensor& b) {
  throw ShapeError({.where = op,
                    .what = a.shape().text() + " · " + b.shape().text(),
                    .expected = "[..., m, k] · [..., k, n] with equal inner lengths",
                    .remedy = "transpose() one of them"});
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (wants_halves({a, b})) return matmul(halved(a), halved(b));
  require_same_kind("matmul", a, b);
  if ((a.rank() == 1 && b.rank() >= 1) || (b.rank() == 1 && a.rank() >= 1)) {
    if (a.shape(-1) != b.shape(b.rank() == 1 ? 0 : -2)) refuse_inner("matmul", a, b);
    const Tensor y = matmul(a.rank() == 1 ? unsqueeze(a, 0) : a, b.rank() == 1 ? unsqueeze(b, 1) : b);
    const Tensor row = a.rank() == 1 ? squeeze(y, -2) : y;
    return b.rank() == 1 ? squeeze(row, -1) : row;
  }
  if (a.rank() < 2 || b.rank() < 2 || a.shape(-1) != b.shape(-2)) refuse_inner("matmul", a, b);
  const bool half = wants_autocast({a, b});
  const Array left = operand_of(a.value(), half), right = operand_of(b.value(), half);
  const Tables table(left);
  const Shape leading_a = a.shape().without(-1).without(-1), leading_b = b.shape().without(-1).without(-1);
  Shape shape = broadcast(leading_a, leading_b, "matmul");
  shape = shape.inserted(shape.rank(), a.shape(-2));
  shape = shape.inserted(shape.rank(), b.shape(-1));
  Array y = Array::empty(shape, a.dtype(), a.device());
  table.matmul.product(lifted(left, shape.rank()), lifted(right, shape.rank()), {}, {y, false});
  return record({Op::matmul}, {a, b}, std::move(y),
                [a = saved(left).when(b), b = saved(right).when(a), half, table](const Array& given, Node& node) {
                  const Array dy = operand_of(given, half);
                  for (int i = 0; i < 2; ++i) {
                    if (!node.wants(i)) continue;
                    const Array first = i == 0 ? dy : lifted(a.get(), dy.rank()).transposed();
                    const Array second = i == 0 ? lifted(b.get(), dy.rank()).transposed() : dy;
                    Shape full = dy.shape();
                    full[-2] = first.shape(-2);
                    full[-1] = second.shape(-1);
                    product_into(table, first, second, full, node.slot(i));
                  }
                });
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (wants_halves({x, weight, bias})) return linear(halved(x), halved(weight), halved(bias));
  require_rank("linear", weight, 2, "weight [out, in]");
  require_same_kind("linear", x, weight);
  if (x.rank() < 1 || x.shape(-1) != weight.shape(1))
    throw ShapeError({.where = "linear",
                      .what = "input " + x.shape().text() + ", weight " + weight.shape().text(),
                      .expected = "input [..., in] and weight [out, in] with equal in",
                      .remedy = "a layer of in = the input's last length, or flatten(x) in front"});
  if (bias.defined()) require_vector("linear", "bias", bias, weight.shape(0));
  const bool half = wants_autocast({x, weight, bias});
  const Tensor rows = reshape(x, {-1, x.shape(-1)});
  const Array left = operand_of(rows.value(), half), right = operand_of(weight.value(), half);
  const Tables table(left);
  Array y = Array::empty({rows.shape(0), weight.shape(0)}, x.dtype(), x.device());
  table.matmul.product(left, right.transposed(), bias.defined() ? bias.value() : Array(), {y, false});
  const Tensor result =
      record({Op::linear}, {rows, weight, bias}, std::move(y),
             [x = saved(left).when(weight), w = saved(right).when(rows), half, table](const Array& dy, Node& node) {
               const Array factor = operand_of(dy, half);
               if (node.wants(0)) table.matmul.product(factor, w, {}, node.slot(0));
               if (node.wants(1)) table.matmul.product(factor.transposed(), x, {}, node.slot(1));
               if (node.wants(2)) {
                 const Out db = node.slot(2);
                 table.reduction.sum(dy, 1.0, {db.array.inserted(0), db.accumulate});
               }
             });
  return reshape(result, x.shape().with(-1, weight.shape(0)));
}

}  // namespace joist
