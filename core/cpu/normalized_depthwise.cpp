// A block of channels of one picture at a time, by rings of rows (depthwise_ring.h): values are normalized as a row is
// brought into the ring.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/depthwise.h>
#include <joist/core/cpu/normalized_convolution.h>
#include <joist/core/cpu/parallel.h>

#include <algorithm>
#include <vector>

namespace joist::normalized {
namespace {

using batch_norm::Matrices;
using depthwise::Axis;
using depthwise::Blocks;
using depthwise::Ring;
using depthwise::RingShape;
using depthwise::Taps;
using pointwise::PartialSums;

std::int64_t floor_of(std::int64_t number, std::int64_t by) { return (number >= 0 ? number : number - by + 1) / by; }

// Weights [tap, channel], the channels filled up to whole blocks.
Array taps_first(const Array& w, const Taps& taps, const Blocks& blocks) {
  const Array result = Array::empty({taps.count(), blocks.floats()});
  fill_array(0, result);
  copy_array(w.view({blocks.channels, taps.count()}).transposed(), {result.sliced(1, 0, blocks.channels)});
  return result;
}

// Brings rows of a block of channels into a ring, normalized.
auto normalizing(const Input& input, const Taps& taps, const Blocks& blocks, std::int64_t block) {
  return [&input, &taps, &blocks, block](std::int64_t pixel, float* to) {
    Matrices tile = input.tile(input.x.data<float>() + pixel * blocks.channels, blocks.channels, taps.across.pixels,
                               block * blocks.block, blocks.channels_of(block));
    tile.out = to;
    tile.out_row = blocks.block;
    input.fused.normalize(input.fused.activation, tile);
  };
}

// The gradient of the values of one block of channels, row by row: each value's gradient is a sum over the taps that
// met it, for values whose places differ by the stride over the same taps.
class ValueGradient {
 public:
  ValueGradient(const Taps& taps, const Blocks& blocks, std::int64_t block, const Array& weights)
      : taps_(taps), blocks_(blocks), block_(block), weights_(weights.data<float>() + block * blocks.block) {}

  /// Of the rows of dy.
  static RingShape ring(const Taps& taps, std::int64_t block) {
    const Axis& across = taps.across;
    const std::int64_t last = (across.pixels - 1 + across.padding) / across.stride;
    return {taps.down.windows, across.windows, across.kernel - 1, std::max<std::int64_t>(0, last - across.windows + 1),
            taps.down.kernel,  block};
  }

  template <class Fill>
  void row(Ring<Fill>& dy, std::int64_t number, float* to, std::int64_t to_row) {
    const Axis &down = taps_.down, &across = taps_.across;
    for (std::int64_t phase = 0; phase < std::min(across.stride, across.pixels); ++phase) {
      pixels_.clear();
      factors_.clear();
      for (std::int64_t y = down.kernel - 1; y >= 0; --y) {  // rows of dy in ascending order
        const std::int64_t below = number + down.padding - y;
        if (below < 0 || below % down.stride != 0 || below / down.stride >= down.windows) continue;
        const float* const at = dy.row(below / down.stride);
        for (std::int64_t x = 0; x < across.kernel; ++x) {
          const std::int64_t right = phase + across.padding - x, window = floor_of(right, across.stride);
          if (window * across.stride != right) continue;
          pixels_.push_back(at + window * blocks_.block);
          factors_.push_back(weights_ + (y * across.kernel + x) * blocks_.floats());
        }
      }
      depthwise::multiply_row({.pixels = pixels_.data(),
                               .weights = factors_.data(),
                               .taps = static_cast<std::int64_t>(pixels_.size()),
                               .windows = (across.pixels - phase + across.stride - 1) / across.stride,
                               .step = blocks_.block,
                               .channels = blocks_.channels_of(block_),
                               .y = to + phase * to_row,
                               .y_step = across.stride * to_row});
    }
  }

 private:
  const Taps& taps_;
  const Blocks& blocks_;
  std::int64_t block_;
  const float* weights_;
  std::vector<const float*> pixels_{}, factors_{};
};

}  // namespace

void forward_depthwise(const Input& input, const Array& w, const ConvolutionOptions& options, const Array& y,
                       ChannelSums* sums) {
  const Taps taps(input.x.shape(), w.shape(), y.shape(), options);
  const Blocks blocks(input.channels(), taps.down.kernel);
  const RingShape shape = taps.ring(blocks.block);
  const Array weights = taps_first(w, taps, blocks);
  const std::int64_t pictures = input.x.shape(0), groups = std::min<std::int64_t>(pictures, 64);
  PartialSums partial(sums ? groups : 0, blocks.channels);
  const std::int64_t items = groups * blocks.count,
                     least = 1 + (1 << 15) / (taps.work(blocks.block) * pictures / groups);
  const Array rings = Array::empty({parts_of(items, least), shape.floats()});
  parallel_workers(items, least, [&](int worker, std::int64_t begin, std::int64_t end) {
    float* const memory = rings.data<float>() + worker * shape.floats();
    shape.clear(memory);
    std::vector<const float*> factors(static_cast<std::size_t>(taps.count()));
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t group = item / blocks.count, block = item % blocks.count, channel = block * blocks.block;
      for (std::int64_t tap = 0; tap < taps.count(); ++tap)
        factors[static_cast<std::size_t>(tap)] = weights.data<float>() + tap * blocks.floats() + channel;
      Ring ring(shape, memory, normalizing(input, taps, blocks, block));
      for (std::int64_t picture = group * pictures / groups; picture < (group + 1) * pictures / groups; ++picture) {
        ring.begin(taps.first_pixel(picture));
        for (std::int64_t row = 0; row < taps.down.windows; ++row) {
          float* const to =
              y.data<float>() + (picture * taps.down.windows + row) * taps.across.windows * blocks.channels + channel;
          depthwise::multiply_row({.pixels = taps.pixels(ring, row, blocks.block).data(),
                                   .weights = factors.data(),
                                   .taps = taps.count(),
                                   .windows = taps.across.windows,
                                   .step = taps.across.stride * blocks.block,
                                   .channels = blocks.channels_of(block),
                                   .y = to,
                                   .y_step = blocks.channels});
          if (sums)
            partial.add(group, {to, blocks.channels, blocks.channels_of(block)}, taps.across.windows, channel, {});
        }
      }
    }
  });
  if (sums) partial.write(*sums);
}

batch_norm::Totals backward_depthwise(const Input& input, const Array& w, const GradientRows& dy, const Shape& y,
                                      const ConvolutionOptions& options, const Array& values, const Out& dw) {
  const Taps taps(input.x.shape(), w.shape(), y, options);
  const Axis &down = taps.down, &across = taps.across;
  const Blocks blocks(input.channels(), taps.down.kernel);
  const std::int64_t channels = blocks.channels;
  const RingShape shape = taps.ring(blocks.block), dy_shape = ValueGradient::ring(taps, blocks.block);
  const Array weights = taps_first(w, taps, blocks);
  // How many sums there are does not depend on the number of threads, so neither does a result.
  const std::int64_t pictures = input.x.shape(0), groups = std::min<std::int64_t>(pictures, 16);
  const Array sums = Array::empty({groups, taps.count(), blocks.floats()});
  fill_array(0, sums);
  PartialSums partial(groups, channels);
  const std::int64_t items = groups * blocks.count,
                     least = 1 + (1 << 15) / (2 * taps.work(blocks.block) * pictures / groups);
  const bool past = outgrows_caches(values.elements()) && fills_lines(values.data<float>(), channels, channels);
  const std::int64_t each = shape.floats() + dy_shape.floats() + (past ? across.pixels * blocks.block : 0);
  const Array rings = Array::empty({parts_of(items, least), each});
  parallel_workers(items, least, [&](int worker, std::int64_t begin, std::int64_t end) {
    float* const memory = rings.data<float>() + worker * each;
    shape.clear(memory);
    dy_shape.clear(memory + shape.floats());
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t group = item / blocks.count, block = item % blocks.count, channel = block * blocks.block;
      const auto copy = [&](std::int64_t pixel, float* to) {
        dy.copy(pixel, across.windows, channel, blocks.channels_of(block), to, blocks.block);
      };
      Ring x_ring(shape, memory, normalizing(input, taps, blocks, block));
      Ring dy_ring(dy_shape, memory + shape.floats(), copy);
      ValueGradient gradient(taps, blocks, block, weights);
      for (std::int64_t picture = group * pictures / groups; picture < (group + 1) * pictures / groups; ++picture) {
        x_ring.begin(taps.first_pixel(picture));
        dy_ring.begin(picture * down.windows * across.windows);
        const auto value_row = [&](std::int64_t number) {
          const std::int64_t at = (taps.first_pixel(picture) + number * across.pixels) * channels;
          float* const to = values.data<float>() + at + channel;
          float* const now = past ? memory + shape.floats() + dy_shape.floats() : to;
          const std::int64_t now_row = past ? blocks.block : channels;
          gradient.row(dy_ring, number, now, now_row);
          Matrices tile =
              input.tile(input.x.data<float>() + at, channels, across.pixels, channel, blocks.channels_of(block));
          tile.dy = {now, now_row};
          tile.past_caches = past;
          tile.out = to;
          tile.out_row = channels;
          input.fused.gradient_sums(input.fused.activation, tile, partial.first(group) + channel,
                                    partial.second(group) + channel);
        };
        std::int64_t next = 0;
        for (std::int64_t row = 0; row < down.windows; ++row) {
          if (dw.array.defined())
            depthwise::add_row({.pixels = taps.pixels(x_ring, row, blocks.block).data(),
                                .taps = taps.count(),
                                .windows = across.windows,
                                .step = across.stride * blocks.block,
                                .channels = blocks.channels_of(block),
                                .dy = dy_ring.row(row),
                                .dy_step = blocks.block,
                                .sums = sums.data<float>() + group * taps.count() * blocks.floats() + channel,
                                .sums_step = blocks.floats()});
          // The rows that lie there now, while they are in the cache.
          for (; next < std::min(down.pixels, (row + 1) * down.stride); ++next) value_row(next);
        }
        for (; next < down.pixels; ++next) value_row(next);
      }
    }
  });
  if (dw.array.defined()) depthwise::write_sums(sums, dw);
  batch_norm::Totals totals;
  partial.write(totals);
  return totals;
}

}  // namespace joist::normalized
