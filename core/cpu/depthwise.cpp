// dw[c, t] = Σ x[c, i · stride - padding + t · dilation] dy[c, i] over the pixels i of all pictures.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/depthwise.h>
#include <joist/core/cpu/depthwise_ring.h>
#include <joist/core/cpu/parallel.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace joist::depthwise {

Taps::Taps(const Shape& x, const Shape& w, const Shape& y, const ConvolutionOptions& options)
    : down{x[2], y[2], w[2], options.stride[0], options.padding[0], options.dilation[0]},
      across{x[3], y[3], w[3], options.stride[1], options.padding[1], options.dilation[1]} {}

bool pays(const Shape& x, const Shape& w, Dtype dtype, const ConvolutionOptions& options) {
  return dtype == Dtype::float32 && x.rank() == 4 && options.groups > 1 && options.groups == x[1] && w[0] == x[1] &&
         w[2] * w[3] > 9;
}

void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw) {
  const Taps taps(x.shape(), dw.array.shape(), dy.shape(), options);
  const Blocks blocks(x.shape(1), taps.down.kernel);
  const RingShape shape = taps.ring(blocks.block);
  const std::int64_t channels = blocks.channels;
  // How many sums there are does not depend on the number of threads, so neither does a result.
  const std::int64_t pictures = x.shape(0), groups = std::min<std::int64_t>(pictures, 16);
  const Array sums = Array::empty({groups, taps.count(), blocks.floats()});
  fill_array(0, sums);
  const std::int64_t items = groups * blocks.count,
                     least = 1 + (1 << 15) / (taps.work(blocks.block) * pictures / groups);
  const Array rings = Array::empty({parts_of(items, least), shape.floats()});
  parallel_workers(items, least, [&](int worker, std::int64_t begin, std::int64_t end) {
    float* const memory = rings.data<float>() + worker * shape.floats();
    shape.clear(memory);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t group = item / blocks.count, block = item % blocks.count, channel = block * blocks.block;
      const auto copy = [&](std::int64_t first, float* to) {
        const float* const from = x.data<float>() + first * channels + channel;
        for (std::int64_t pixel = 0; pixel < taps.across.pixels; ++pixel)
          std::memcpy(to + pixel * blocks.block, from + pixel * channels,
                      static_cast<std::size_t>(blocks.channels_of(block)) * sizeof(float));
      };
      Ring ring(shape, memory, copy);
      for (std::int64_t picture = group * pictures / groups; picture < (group + 1) * pictures / groups; ++picture) {
        ring.begin(taps.first_pixel(picture));
        for (std::int64_t row = 0; row < taps.down.windows; ++row)
          add_row(
              {.pixels = taps.pixels(ring, row, blocks.block).data(),
               .taps = taps.count(),
               .windows = taps.across.windows,
               .step = taps.across.stride * blocks.block,
               .channels = blocks.channels_of(block),
               .dy = dy.data<float>() + (picture * taps.down.windows + row) * taps.across.windows * channels + channel,
               .dy_step = channels,
               .sums = sums.data<float>() + group * taps.count() * blocks.floats() + channel,
               .sums_step = blocks.floats()});
      }
    }
  });
  write_sums(sums, dw);
}

void write_sums(const Array& sums, const Out& dw) {
  const std::int64_t channels = dw.array.shape(0), taps = sums.shape(1);
  const Array taps_first = dw.array.view({channels, taps}).transposed();
  for (std::int64_t group = 0; group < sums.shape(0); ++group)
    copy_array(sums.selected(0, group).sliced(1, 0, channels), {taps_first, dw.accumulate || group > 0});
}

}  // namespace joist::depthwise
