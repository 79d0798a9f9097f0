// A block per line; lines are read again for each step, which the cache makes cheap.
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>

#include <limits>

namespace joist::cuda {
namespace {

// logarithm: of the softmax.
struct SoftmaxLines {
  Lines<2> lines;
  Floats x;
  Result y;
  bool logarithm;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t line = block.index(); line < lines.walk.count(); line += block.count()) {
      const auto base = lines.walk(line);
      float top = -std::numeric_limits<float>::infinity();
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads())
        top = Larger{}(top, x[base.at[0] + i * lines.step[0]]);
      top = fold(block, room, top, Larger{});
      Total own;
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads())
        own.add(std::exp(x[base.at[0] + i * lines.step[0]] - top));
      const float total = sum(block, room, own.value());
      const float log_total = std::log(total);
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads()) {
        const float z = x[base.at[0] + i * lines.step[0]] - top;
        y.put(base.at[1] + i * lines.step[1], logarithm ? z - log_total : std::exp(z) / total);
      }
    }
  }
};

struct SoftmaxBackwardLines {
  Lines<3> lines;
  Floats y, dy;
  Result dx;
  bool logarithm;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t line = block.index(); line < lines.walk.count(); line += block.count()) {
      const auto base = lines.walk(line);
      Total own;
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads()) {
        const float gradient = dy[base.at[1] + i * lines.step[1]];
        own.add(logarithm ? gradient : gradient * y[base.at[0] + i * lines.step[0]]);
      }
      const float total = sum(block, room, own.value());
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads()) {
        const float value = y[base.at[0] + i * lines.step[0]], gradient = dy[base.at[1] + i * lines.step[1]];
        dx.put(base.at[2] + i * lines.step[2],
               logarithm ? gradient - std::exp(value) * total : value * (gradient - total));
      }
    }
  }
};

template <bool logarithm>
void forward(const Array& x, int axis, const Out& y) {
  if (x.elements() == 0) return;
  const Lines<2> lines(axis, {&x, &y.array});
  launch(logarithm ? "log_softmax" : "softmax", lines.grid(fold_bytes<float>),
         SoftmaxLines{lines, Floats(x), Result(y), logarithm});
}
template <bool logarithm>
void backward(const Array& y, const Array& dy, int axis, const Out& dx) {
  if (y.elements() == 0) return;
  const Lines<3> lines(axis, {&y, &dy, &dx.array});
  launch(logarithm ? "log_softmax_backward" : "softmax_backward", lines.grid(fold_bytes<float>),
         SoftmaxBackwardLines{lines, Floats(y), Floats(dy), Result(dx), logarithm});
}

// The threshold t with Σ max(x - t, 0) = 1, by Newton's steps from below, which never pass it (the sum is convex and
// falls): t rises until the support stays.
struct SparsemaxLines {
  Lines<2> lines;
  Floats x;
  Result y;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t line = block.index(); line < lines.walk.count(); line += block.count()) {
      const auto base = lines.walk(line);
      float top = -std::numeric_limits<float>::infinity();
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads())
        top = Larger{}(top, x[base.at[0] + i * lines.step[0]]);
      top = fold(block, room, top, Larger{});
      // Relative to the largest, so that no digits are lost; the threshold lies in [-1, 0).
      float threshold = -1, support = -1;
      for (int turn = 0; turn < 1000; ++turn) {
        float own_sum = 0, own_count = 0;
        for (std::int64_t i = block.thread(); i < lines.length; i += block.threads()) {
          const float z = x[base.at[0] + i * lines.step[0]] - top;
          if (z > threshold) own_sum += z, own_count += 1;
        }
        const float total = sum(block, room, own_sum), count = sum(block, room, own_count);
        if (count == support || !(count > 0)) break;
        support = count;
        threshold = (total - 1) / count;
      }
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads()) {
        const float z = x[base.at[0] + i * lines.step[0]] - top;
        y.put(base.at[1] + i * lines.step[1], top != top ? top : z > threshold ? z - threshold : 0.0F);
      }
    }
  }
};
void sparsemax(const Array& x, int axis, const Out& y) {
  if (x.elements() == 0) return;
  const Lines<2> lines(axis, {&x, &y.array});
  launch("sparsemax", lines.grid(fold_bytes<float>), SparsemaxLines{lines, Floats(x), Result(y)});
}

struct SparsemaxBackwardLines {
  Lines<3> lines;
  Floats y, dy;
  Result dx;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t line = block.index(); line < lines.walk.count(); line += block.count()) {
      const auto base = lines.walk(line);
      Total own;
      float own_count = 0;
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads())
        if (y[base.at[0] + i * lines.step[0]] > 0) own.add(dy[base.at[1] + i * lines.step[1]]), own_count += 1;
      const float total = sum(block, room, own.value()), count = sum(block, room, own_count);
      for (std::int64_t i = block.thread(); i < lines.length; i += block.threads())
        dx.put(base.at[2] + i * lines.step[2],
               y[base.at[0] + i * lines.step[0]] > 0 ? dy[base.at[1] + i * lines.step[1]] - total / count : 0.0F);
    }
  }
};
void sparsemax_backward(const Array& y, const Array& dy, int axis, const Out& dx) {
  if (y.elements() == 0) return;
  const Lines<3> lines(axis, {&y, &dy, &dx.array});
  launch("sparsemax_backward", lines.grid(fold_bytes<float>),
         SparsemaxBackwardLines{lines, Floats(y), Floats(dy), Result(dx)});
}

}  // namespace

void fill_softmax(Kernels& table) {
  table.softmax.softmax = forward<false>;
  table.softmax.softmax_backward = backward<false>;
  table.softmax.log_softmax = forward<true>;
  table.softmax.log_softmax_backward = backward<true>;
  table.softmax.sparsemax = sparsemax;
  table.softmax.sparsemax_backward = sparsemax_backward;
}

}  // namespace joist::cuda
