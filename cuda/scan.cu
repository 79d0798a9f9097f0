#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>

#include <limits>

namespace joist::cuda {
namespace {

// A block per line: within warps by shuffles, the warps' totals through shared memory, parts one after the other.
struct CumulativeSum {
  Lines<2> lines;
  Floats x;
  Result y;
  bool reverse;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto totals = block.shared<float>(32);
    for (std::int64_t line = block.index(); line < lines.walk.count(); line += block.count()) {
      const auto base = lines.walk(line);
      float before = 0;  // of the parts before this one
      for (std::int64_t part = 0; part < lines.length; part += block.threads()) {
        const std::int64_t i = part + block.thread(), place = reverse ? lines.length - 1 - i : i;
        float value = i < lines.length ? x[base.at[0] + place * lines.step[0]] : 0.0F;
        for (int distance = 1; distance < 32; distance *= 2) {
          const float below = block.shuffle_up(value, distance);
          if (block.lane() >= distance) value += below;
        }
        if (block.lane() == 31) totals[block.warp()] = value;
        block.sync();
        float lower = before, all = before;
        for (int warp = 0; warp < block.warps(); ++warp) {
          const float total = totals[warp];
          if (warp < block.warp()) lower += total;
          all += total;
        }
        block.sync();
        if (i < lines.length) y.put(base.at[1] + place * lines.step[1], lower + value);
        before = all;
      }
    }
  }
};
void cumulative_sum(const Array& x, int axis, bool reverse, const Out& y) {
  if (x.elements() == 0) return;
  const Lines<2> lines(axis, {&x, &y.array});
  launch("cumulative_sum", lines.grid(fold_bytes<float>), CumulativeSum{lines, Floats(x), Result(y), reverse});
}

void cumulative_product(const Array& x, int axis, const Out& y) {
  if (x.elements() == 0) return;
  const Lines<2> lines(axis, {&x, &y.array});
  const Floats from(x);
  const Result to(y);
  each("cumulative_product", lines.walk.count(), [=] JOIST_DEVICE(std::int64_t line) {
    const auto base = lines.walk(line);
    float total = 1;
    for (std::int64_t i = 0; i < lines.length; ++i) {
      total *= from[base.at[0] + i * lines.step[0]];
      to.put(base.at[1] + i * lines.step[1], total);
    }
  });
}

// A thread per element; the product of the others must not be divided out of the whole, which may be 0.
void cumulative_product_backward(const Array& x, const Array& dy, int axis, const Out& dx) {
  if (x.elements() == 0) return;
  const Lines<3> lines(axis, {&x, &dy, &dx.array});
  const Floats from(x), slope(dy);
  const Result to(dx);
  each("cumulative_product_backward", lines.walk.count() * lines.length, [=] JOIST_DEVICE(std::int64_t n) {
    const auto base = lines.walk(n / lines.length);
    const std::int64_t place = n % lines.length;
    float others = 1;
    for (std::int64_t k = 0; k < place; ++k) others *= from[base.at[0] + k * lines.step[0]];
    Total total;
    for (std::int64_t j = place; j < lines.length; ++j) {
      if (j != place) others *= from[base.at[0] + j * lines.step[0]];
      total.add(slope[base.at[1] + j * lines.step[1]] * others);
    }
    to.put(base.at[2] + place * lines.step[2], total.value());
  });
}

// log Σ exp = top + log(total), the total always relative to the largest so far.
void log_sum_exp(const Array& x, int axis, const Out& y) {
  if (x.elements() == 0) return;
  const Lines<2> lines(axis, {&x, &y.array});
  const Floats from(x);
  const Result to(y);
  each("log_cumulative_sum_exp", lines.walk.count(), [=] JOIST_DEVICE(std::int64_t line) {
    const auto base = lines.walk(line);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    float top = -infinity, total = 0;
    for (std::int64_t i = 0; i < lines.length; ++i) {
      const float value = from[base.at[0] + i * lines.step[0]];
      if (value != value || top != top) {
        top = std::numeric_limits<float>::quiet_NaN();
      } else if (value > top) {
        total = (top == -infinity ? 0.0F : total * std::exp(top - value)) + 1;
        top = value;
      } else if (top > -infinity) {
        total += top == infinity ? 0.0F : std::exp(value - top);
      }
      to.put(base.at[1] + i * lines.step[1], top > -infinity && top < infinity ? top + std::log(total) : top);
    }
  });
}
void log_sum_exp_backward(const Array& x, const Array& y, const Array& dy, int axis, const Out& dx) {
  if (x.elements() == 0) return;
  const Lines<4> lines(axis, {&x, &y, &dy, &dx.array});
  const Floats from(x), result(y), slope(dy);
  const Result to(dx);
  each("log_cumulative_sum_exp_backward", lines.walk.count() * lines.length, [=] JOIST_DEVICE(std::int64_t n) {
    const auto base = lines.walk(n / lines.length);
    const std::int64_t place = n % lines.length;
    const float value = from[base.at[0] + place * lines.step[0]];
    Total total;
    if (value != -std::numeric_limits<float>::infinity())  // adds nothing, even to nothing
      for (std::int64_t j = place; j < lines.length; ++j)
        total.add(slope[base.at[2] + j * lines.step[2]] * std::exp(value - result[base.at[1] + j * lines.step[1]]));
    to.put(base.at[3] + place * lines.step[3], total.value());
  });
}

// The last of equals; a NaN stays.
void extreme(const Array& x, int axis, bool largest, const Out& y, const Array& index) {
  if (x.elements() == 0) return;
  const Lines<3> lines(axis, {&x, &y.array, &index});
  const Floats from(x);
  const Result to(y);
  const Typed<std::int64_t> where(index);
  each("cumulative_extreme", lines.walk.count(), [=] JOIST_DEVICE(std::int64_t line) {
    const auto base = lines.walk(line);
    float best = 0;
    std::int64_t place = 0;
    for (std::int64_t i = 0; i < lines.length; ++i) {
      const float value = from[base.at[0] + i * lines.step[0]];
      if (i == 0 || value != value || (best == best && (largest ? value >= best : value <= best))) {
        best = value;
        place = i;
      }
      to.put(base.at[1] + i * lines.step[1], best);
      where.set(base.at[2] + i * lines.step[2], place);
    }
  });
}

}  // namespace

void fill_scan(Kernels& table) {
  table.scan.sum = cumulative_sum;
  table.scan.product = cumulative_product;
  table.scan.product_backward = cumulative_product_backward;
  table.scan.log_sum_exp = log_sum_exp;
  table.scan.log_sum_exp_backward = log_sum_exp_backward;
  table.scan.extreme = extreme;
}

}  // namespace joist::cuda
