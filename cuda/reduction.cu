#include <joist/cuda/column_sums.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/sums.h>

namespace joist::cuda {
namespace {

struct Itself {
  Floats x;
  JOIST_DEVICE float operator()(const Walk<1>::Places& places) const { return x[places.at[0]]; }
};
void sum_axes(const Array& x, double scale, const Out& y) {
  if (!sum_columns("sum", x, scale, y)) sum_lines<1>("sum", {&x}, Itself{Floats(x)}, scale, y);
}

/// A value and its place on the line.
struct Found {
  float value;
  int place;
};
// The first of equals; a NaN wins over all numbers. A place below 0 is none.
struct Extreme {
  float sign;  // -1: the smallest
  JOIST_DEVICE Found operator()(Found a, Found b) const {
    if (a.place < 0 || b.place < 0) return a.place < 0 ? b : a;
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan != b_nan) return a_nan ? a : b;
    if (!a_nan && a.value != b.value) return sign * a.value > sign * b.value ? a : b;
    return a.place < b.place ? a : b;
  }
};

// A block per line.
struct ExtremeLines {
  Walk<3> lines;  // x, y, index
  std::int64_t length, step;
  Floats x;
  Result y;
  Typed<std::int64_t> index;
  Extreme better;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<Found>(32);
    for (std::int64_t line = block.index(); line < lines.count(); line += block.count()) {
      const auto base = lines(line);
      Found best{0, -1};
      for (std::int64_t i = block.thread(); i < length; i += block.threads())
        best = better(best, Found{x[base.at[0] + i * step], static_cast<int>(i)});
      best = fold(block, room, best, better);
      if (block.thread() == 0) {
        y.put(base.at[1], best.value);
        index.set(base.at[2], best.place);
      }
    }
  }
};
template <bool largest>
void extreme(const Array& x, int axis, const Out& y, const Array& index) {
  const Shape shape = x.shape().with(axis, 1);
  const std::int64_t length = x.shape(axis);
  launch(largest ? "maximum" : "minimum",
         {.blocks = std::min(shape.elements(), most_blocks),
          .threads = length > 32 ? threads_per_block : 32,
          .shared_bytes = fold_bytes<Found>},
         ExtremeLines{Walk<3>(shape, {&x, &y.array, &index}), length, x.strides()[axis], Floats(x), Result(y),
                      Typed<std::int64_t>(index), Extreme{largest ? 1.0F : -1.0F}});
}

void product(const Array& x, int axis, const Out& y) {
  const Walk<2> lines(x.shape().with(axis, 1), {&x, &y.array});
  const std::int64_t length = x.shape(axis), step = x.strides()[axis];
  const Floats from(x);
  const Result to(y);
  each("product", lines.count(), [=] JOIST_DEVICE(std::int64_t line) {
    const auto base = lines(line);
    float result = 1;
    for (std::int64_t i = 0; i < length; ++i) result *= from[base.at[0] + i * step];
    to.put(base.at[1], result);
  });
}

// The product of the others: with one zero in the line that of the numbers, at the zero; with two none.
void product_backward(const Array& x, const Array& dy, int axis, const Out& dx) {
  const Walk<3> lines(x.shape().with(axis, 1), {&x, &dy, &dx.array});
  const std::int64_t length = x.shape(axis), step = x.strides()[axis], out_step = dx.array.strides()[axis];
  const Floats from(x), gradient(dy);
  const Result to(dx);
  each("product_backward", lines.count(), [=] JOIST_DEVICE(std::int64_t line) {
    const auto base = lines(line);
    for (std::int64_t i = 0; i < length; ++i) {
      float others = 1;
      for (std::int64_t j = 0; j < length; ++j)
        if (j != i) others *= from[base.at[0] + j * step];
      to.put(base.at[2] + i * out_step, gradient[base.at[1]] * others);
    }
  });
}

}  // namespace

void fill_reduction(Kernels& table) {
  table.reduction.sum = sum_axes;
  table.reduction.maximum = extreme<true>;
  table.reduction.minimum = extreme<false>;
  table.reduction.product = product;
  table.reduction.product_backward = product_backward;
}

}  // namespace joist::cuda
