// From arrays, whose rows lie one after another, to matrices stored by columns: y = a · b by rows is yᵀ = bᵀ · aᵀ by
// columns, and an array read by columns is its transpose. So the library's first matrix is b, its second one a.
#include <joist/core/error.h>
#include <joist/core/kernels/float32_precision.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/matmul.h>
#include <joist/cuda/plans.h>
#include <joist/cuda/products.h>
#include <joist/cuda/runtime.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <set>
#include <string_view>
#include <vector>

namespace joist::cuda {
namespace {

std::shared_ptr<const ProductPlan> plan_of(const ProductShape& shape) {
  static auto* plans = new Plans<ProductShape, ProductPlan>;
  return (*plans)(shape, plan_product);
}

// Whether the last two axes are rows without gaps inside, one behind the other.
bool has_rows(const Array& x) {
  const std::int64_t rows = x.shape(-2), columns = x.shape(-1), apart = x.strides()[-2], step = x.strides()[-1];
  return (columns == 1 || step == 1) && (rows == 1 || apart >= columns);
}

// An operand as the library reads it: stored by columns, maybe to be transposed.
struct Stored {
  MatrixLayout layout{};
  bool transposed = false;
  Stored(const Array& x, std::int64_t batch_stride) {
    transposed = !has_rows(x);
    const Array rows = transposed ? x.transposed() : x;
    layout = {.dtype = x.dtype(),
              .rows = rows.shape(-1),
              .columns = rows.shape(-2),
              .leading = rows.shape(-2) == 1 ? rows.shape(-1) : rows.strides()[-2],
              .batch_stride = batch_stride,
              .alignment = alignment_of(x.raw())};
  }
};

// x with leading axes that repeat matrices cut to length 1, in a form that the library reads.
Array operand(Array x, int rank) {
  while (x.rank() < rank) x = x.inserted(0);
  for (int axis = 0; axis < rank - 2; ++axis)
    if (x.shape(axis) > 1 && x.strides()[axis] == 0) x = x.sliced(axis, 0, 1);
  return has_rows(x) || has_rows(x.transposed()) ? x : gapless(x);
}

// The leading axes of y along which there is more than one matrix, neighbours merged where all arrays allow.
struct Batch {
  std::int64_t length, a, b, y;
};
std::vector<Batch> batches_of(const Array& a, const Array& b, const Array& y) {
  std::vector<Batch> found;
  for (int axis = 0; axis < y.rank() - 2; ++axis) {
    const std::int64_t length = y.shape(axis);
    if (length == 1) continue;
    const Batch next{length, a.shape(axis) == 1 ? 0 : a.strides()[axis], b.shape(axis) == 1 ? 0 : b.strides()[axis],
                     y.strides()[axis]};
    if (!found.empty()) {
      Batch& last = found.back();
      if (last.a == next.a * length && last.b == next.b * length && last.y == next.y * length) {
        last = {last.length * length, next.a, next.b, next.y};
        continue;
      }
    }
    found.push_back(next);
  }
  return found;
}

// All matrices of x stacked into one, where their rows lie evenly apart; else an undefined array.
Array stacked(const Array& x, const Shape& leading) {
  std::int64_t rows = x.shape(-2), apart = x.strides()[-2];
  for (int axis = x.rank() - 3; axis >= 0; --axis) {
    if (leading[axis] == 1) continue;
    if (x.shape(axis) == 1) return {};
    if (rows == 1) apart = x.strides()[axis];
    if (x.strides()[axis] != apart * rows) return {};
    rows *= x.shape(axis);
  }
  return x.strided({rows, x.shape(-1)}, {apart, x.strides()[-1]});
}

// y's rows lie one behind the other; the operands are of a form that the library reads.
void run(const char* name, const Array& a, const Array& b, const Array& bias, const Out& out) {
  const Array& y = out.array;
  void* const stream = current_stream();  // before the library is asked anything: a thread's choice of the GPU
  std::vector<Batch> batches = batches_of(a, b, y);
  // The library takes one axis of matrices; over the others goes a loop.
  Batch inner{1, 0, 0, 0};
  if (!batches.empty()) {
    const auto longest = std::max_element(batches.begin(), batches.end(),
                                          [](const Batch& one, const Batch& two) { return one.length < two.length; });
    inner = *longest;
    batches.erase(longest);
  }
  std::int64_t turns = 1;
  for (const Batch& batch : batches) turns *= batch.length;
  const Array matrix_a = a.strided({a.shape(-2), a.shape(-1)}, {a.strides()[-2], a.strides()[-1]});
  const Array matrix_b = b.strided({b.shape(-2), b.shape(-1)}, {b.strides()[-2], b.strides()[-1]});
  const Array matrix_y = y.strided({y.shape(-2), y.shape(-1)}, {y.strides()[-2], y.strides()[-1]});
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    std::int64_t rest = turn, at_a = 0, at_b = 0, at_y = 0;
    for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
      const std::int64_t here = rest % batch->length;
      rest /= batch->length;
      at_a += here * batch->a;
      at_b += here * batch->b;
      at_y += here * batch->y;
    }
    const auto shifted = [](const Array& x, std::int64_t offset) { return x.strided(x.shape(), x.strides(), offset); };
    const Array now_a = shifted(matrix_a, at_a), now_b = shifted(matrix_b, at_b), now_y = shifted(matrix_y, at_y);
    const Stored first(now_b, inner.b), second(now_a, inner.a), result(now_y, inner.y);
    const ProductShape shape{.a = first.layout,
                             .b = second.layout,
                             .y = result.layout,
                             .batches = inner.length,
                             .transpose_a = first.transposed,
                             .transpose_b = second.transposed,
                             .adds = out.accumulate,
                             .bias = bias.defined(),
                             .bias_alignment = bias.defined() ? alignment_of(bias.raw()) : 1,
                             .tf32 = a.dtype() == Dtype::float32 && float32_precision() == Float32Precision::high};
    const auto plan = plan_of(shape);
    const Workspace workspace(plan->workspace(), y.device());
    plan->run(name,
              {.a = now_b.raw(), .b = now_a.raw(), .bias = bias.defined() ? bias.raw() : nullptr, .y = now_y.raw()},
              workspace.get(), stream);
  }
}

void require_types(const char* name, const Array& a, const Array& b, const Array& bias, const Array& y) {
  const bool good = a.dtype() == b.dtype() && is_floating(a.dtype()) && a.dtype() != Dtype::float64 &&
                    (y.dtype() == a.dtype() || y.dtype() == Dtype::float32) &&
                    (!bias.defined() || bias.dtype() == y.dtype());
  if (!good)
    throw DtypeError({.where = name,
                      .what = std::string(name_of(a.dtype())) + " · " + std::string(name_of(b.dtype())) + " into " +
                              std::string(name_of(y.dtype())),
                      .expected = "one of float32, bfloat16 and float16 for all"});
}

}  // namespace

void copy_elements(const Array& x, const Out& y) { cuda_kernels().elementwise.copy(x, y); }

Array gapless(const Array& x) {
  if (x.is_row_major()) return x;
  const Array dense = Array::empty(x.shape(), x.dtype(), x.device());
  copy_elements(x, {dense});
  return dense;
}

void multiply(const char* name, const Array& a, const Array& b, const Array& bias, const Out& y) {
  require_types(name, a, b, bias, y.array);
  if (y.array.elements() == 0) return;
  const Array wide_bias = bias.defined() ? bias.expanded(y.array.shape()) : bias;
  if (a.shape(-1) == 0) {
    if (bias.defined())
      copy_elements(wide_bias, y);
    else if (!y.accumulate)
      cuda_kernels().elementwise.fill(0, y.array);
    return;
  }
  if (!has_rows(y.array)) {
    if (has_rows(y.array.transposed())) {
      // Its transpose has rows. There the bias goes along the other axis, which the library does not do.
      if (bias.defined()) copy_elements(wide_bias, y);
      const int rank = y.array.rank();
      return multiply(name, operand(b, rank).transposed(), operand(a, rank).transposed(), {},
                      {y.array.transposed(), y.accumulate || bias.defined()});
    }
    const Array plain = Array::empty(y.array.shape(), y.array.dtype(), y.array.device());
    multiply(name, a, b, bias, {plain});
    return copy_elements(plain, y);
  }
  const Array left = operand(a, y.array.rank()), right = operand(b, y.array.rank());
  const Array dense_bias = bias.defined() ? gapless(bias) : bias;
  // One matrix b for all of a (a linear layer on a sequence): one tall product is faster than many small ones.
  if (y.array.rank() > 2 && right.shape().elements(0, right.rank() - 2) == 1) {
    const Array all = stacked(left, y.array.shape()), result = stacked(y.array, y.array.shape());
    if (all.defined() && result.defined() && has_rows(result) && (has_rows(all) || has_rows(all.transposed())))
      return run(name, all, right, dense_bias, {result, y.accumulate});
  }
  run(name, left, right, dense_bias, y);
}

void say_by_products(const char* name, const std::string& why) {
  static std::mutex mutex;
  static std::set<std::string_view> said;
  const std::lock_guard lock(mutex);
  if (said.insert(name).second) std::fprintf(stderr, "joist: %s by cuBLASLt: %s\n", name, why.c_str());
}

namespace {
void product(const Array& a, const Array& b, const Array& bias, const Out& y) { multiply("matmul", a, b, bias, y); }
}  // namespace

void fill_matmul(Kernels& table) { table.matmul.product = product; }

}  // namespace joist::cuda
