#include <joist/cuda/cross_entropy.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/vectors.h>

#include <limits>

namespace joist::cuda {
namespace {

/// One row per block.
JOIST_DEVICE Denominator denominator(Block& block, const Shared<float>& room, const Floats& logits, std::int64_t at,
                                     std::int64_t classes, std::int64_t step) {
  float top = -std::numeric_limits<float>::infinity();
  for (std::int64_t k = block.thread(); k < classes; k += block.threads()) top = Larger{}(top, logits[at + k * step]);
  top = fold(block, room, top, Larger{});
  Total own;
  for (std::int64_t k = block.thread(); k < classes; k += block.threads())
    own.add(std::exp(logits[at + k * step] - top));
  return {top, std::log(sum(block, room, own.value()))};
}

// loss = (1 - smoothing) · surprise of the target + smoothing · mean surprise; surprise = log Σ exp - logit.
struct CrossEntropyRows {
  Lines<3> rows;  // logits, target, loss
  Floats logits;
  Typed<std::int64_t> target;
  Result loss;
  float smoothing;
  std::int64_t ignore;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t row = block.index(); row < rows.walk.count(); row += block.count()) {
      const auto base = rows.walk(row);
      const std::int64_t wanted = target[base.at[1]];
      if (wanted == ignore) {  // the same for all threads of the block
        if (block.thread() == 0) loss.put(base.at[2], 0);
        continue;
      }
      const auto [top, log_sum] = denominator(block, room, logits, base.at[0], rows.length, rows.step[0]);
      float mean = 0;
      if (smoothing != 0) {
        Total own;
        for (std::int64_t k = block.thread(); k < rows.length; k += block.threads())
          own.add(logits[base.at[0] + k * rows.step[0]] - top);
        mean = log_sum - sum(block, room, own.value()) / static_cast<float>(rows.length);
      }
      if (block.thread() == 0)
        loss.put(base.at[2],
                 (1 - smoothing) * (log_sum - (logits[base.at[0] + wanted * rows.step[0]] - top)) + smoothing * mean);
    }
  }
};

struct CrossEntropyBackwardRows {
  Lines<4> rows;  // logits, target, dloss, dlogits
  Floats logits;
  Typed<std::int64_t> target;
  Floats dloss;
  Result dlogits;
  float smoothing;
  std::int64_t ignore;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t row = block.index(); row < rows.walk.count(); row += block.count()) {
      const auto base = rows.walk(row);
      const std::int64_t wanted = target[base.at[1]];
      const bool counts = wanted != ignore;
      const float slope = counts ? dloss[base.at[2]] : 0.0F;
      Denominator divisor{0, 0};
      if (counts) divisor = denominator(block, room, logits, base.at[0], rows.length, rows.step[0]);
      const float share = smoothing / static_cast<float>(rows.length);
      for (std::int64_t k = block.thread(); k < rows.length; k += block.threads()) {
        float gradient = 0;
        if (counts)
          gradient = std::exp(logits[base.at[0] + k * rows.step[0]] - divisor.top - divisor.log_sum) - share -
                     (k == wanted ? 1 - smoothing : 0.0F);
        dlogits.put(base.at[3] + k * rows.step[3], counts ? slope * gradient : 0.0F);
      }
    }
  }
};

/// Rows of logits without gaps, sixteen bytes at a time: largest and sum in one pass, the sum scaled down where a
/// larger one comes (Milakov and Gimelshein 2018).
template <class T>
struct PackedRows {
  Vectors<T> logits;
  Typed<std::int64_t> target;
  std::int64_t rows, target_step;
  std::uint32_t quads;  // of a row
  std::int64_t ignore;

  static constexpr int width = Vectors<T>::width;
  JOIST_DEVICE float logit(std::int64_t row, std::int64_t k) const {
    return element<T>(logits[static_cast<std::uint32_t>(row * quads + k / width)], static_cast<int>(k % width));
  }
  JOIST_DEVICE Denominator denominator(Block& block, const Shared<float>& room, std::int64_t row) const {
    const float none = -std::numeric_limits<float>::infinity();
    float top = none, total = 0;
    const auto first = static_cast<std::uint32_t>(row * quads);
    for (auto q = static_cast<std::uint32_t>(block.thread()); q < quads;
         q += static_cast<std::uint32_t>(block.threads())) {
      const Quad quad = logits[first + q];
      float largest = top;
      JOIST_UNROLL for (int k = 0; k < width; ++k) largest = Larger{}(largest, element<T>(quad, k));
      if (largest == none) continue;
      float sum_here = 0;
      JOIST_UNROLL for (int k = 0; k < width; ++k) sum_here += std::exp(element<T>(quad, k) - largest);
      total = (top == largest ? total : total * std::exp(top - largest)) + sum_here;
      top = largest;
    }
    const float of_all = fold(block, room, top, Larger{});
    const float own = top == none ? 0.0F : total * std::exp(top - of_all);
    return {of_all, std::log(sum(block, room, own))};
  }
};

template <class T>
struct PackedCrossEntropy {
  PackedRows<T> rows;
  Result loss;
  std::int64_t loss_step;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t row = block.index(); row < rows.rows; row += block.count()) {
      const std::int64_t wanted = rows.target[row * rows.target_step];
      if (wanted == rows.ignore) {
        if (block.thread() == 0) loss.put(row * loss_step, 0);
        continue;
      }
      const auto [top, log_sum] = rows.denominator(block, room, row);
      if (block.thread() == 0) loss.put(row * loss_step, log_sum - (rows.logit(row, wanted) - top));
    }
  }
};

template <class T>
struct PackedCrossEntropyBackward {
  PackedRows<T> rows;
  Floats dloss;
  Vectors<T> dlogits;
  std::int64_t loss_step;
  JOIST_DEVICE void operator()(Block& block) const {
    constexpr int width = PackedRows<T>::width;
    const auto room = block.shared<float>(32);
    for (std::int64_t row = block.index(); row < rows.rows; row += block.count()) {
      const std::int64_t wanted = rows.target[row * rows.target_step];
      const bool counts = wanted != rows.ignore;
      const float slope = counts ? dloss[row * loss_step] : 0.0F;
      Denominator divisor{0, 0};
      if (counts) divisor = rows.denominator(block, room, row);
      const auto first = static_cast<std::uint32_t>(row * rows.quads);
      for (auto q = static_cast<std::uint32_t>(block.thread()); q < rows.quads;
           q += static_cast<std::uint32_t>(block.threads())) {
        float values[width];
        const Quad quad = rows.logits[first + q];
        JOIST_UNROLL for (int k = 0; k < width; ++k) {
          const float hit = static_cast<std::int64_t>(q) * width + k == wanted ? 1.0F : 0.0F;
          values[k] = counts ? slope * (std::exp(element<T>(quad, k) - divisor.top - divisor.log_sum) - hit) : 0.0F;
        }
        dlogits.set(first + q, quad_of<T>(values));
      }
    }
  }
};

/// Rows of whole quads, one behind the other.
bool is_packed(const Array& x) {
  const std::int64_t width = 16 / static_cast<std::int64_t>(size_of(x.dtype()));
  return x.is_row_major() && begins_quad(x) && x.shape(1) % width == 0 && x.shape(1) >= 32 * width &&
         x.elements() / width <= 0x7FFFFFFF;
}
Grid grid_of(const Array& logits) {
  // Few rows at a time where they are long, so that the second pass finds them in the cache.
  return {.blocks = std::min(logits.shape(0), most_blocks),
          .threads = logits.shape(1) >= 8192 ? 512 : 128,
          .shared_bytes = fold_bytes<float>};
}
template <class T>
PackedRows<T> packed_rows(const Array& logits, const Array& target, std::int64_t ignore) {
  return {Vectors<T>(logits),
          Typed<std::int64_t>(target),
          logits.shape(0),
          target.strides()[0],
          static_cast<std::uint32_t>(logits.shape(1) / Vectors<T>::width),
          ignore};
}

// A vector with an element per row, as if it had a column per class.
Array beside(const Array& vector, std::int64_t classes) {
  return vector.inserted(1).expanded({vector.shape(0), classes});
}

}  // namespace

void cross_entropy(const Array& logits, const Array& target, const CrossEntropyOptions& options, const Out& loss) {
  if (is_packed(logits) && options.label_smoothing == 0)
    return with_floating_type(logits.dtype(), [&]<class T>(T) {
      launch(
          "cross_entropy", grid_of(logits),
          PackedCrossEntropy<T>{packed_rows<T>(logits, target, options.ignore), Result(loss), loss.array.strides()[0]});
    });
  const std::int64_t classes = logits.shape(1);
  const Array targets = beside(target, classes), losses = beside(loss.array, classes);
  const Lines<3> rows(1, {&logits, &targets, &losses});
  launch("cross_entropy", rows.grid(fold_bytes<float>),
         CrossEntropyRows{rows, Floats(logits), Typed<std::int64_t>(target), Result(loss),
                          static_cast<float>(options.label_smoothing), options.ignore});
}
void cross_entropy_backward(const Array& logits, const Array& target, const Array& dloss,
                            const CrossEntropyOptions& options, const Out& dlogits) {
  if (is_packed(logits) && is_packed(dlogits.array) && dlogits.array.dtype() == logits.dtype() && !dlogits.accumulate &&
      options.label_smoothing == 0)
    return with_floating_type(logits.dtype(), [&]<class T>(T) {
      launch("cross_entropy_backward", grid_of(logits),
             PackedCrossEntropyBackward<T>{packed_rows<T>(logits, target, options.ignore), Floats(dloss),
                                           Vectors<T>(dlogits.array), dloss.strides()[0]});
    });
  const std::int64_t classes = logits.shape(1);
  const Array targets = beside(target, classes), slopes = beside(dloss, classes);
  const Lines<4> rows(1, {&logits, &targets, &slopes, &dlogits.array});
  launch("cross_entropy_backward", rows.grid(fold_bytes<float>),
         CrossEntropyBackwardRows{rows, Floats(logits), Typed<std::int64_t>(target), Floats(dloss), Result(dlogits),
                                  static_cast<float>(options.label_smoothing), options.ignore});
}

}  // namespace joist::cuda
