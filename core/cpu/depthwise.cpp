// dw[c, t] = Σ x[c, i · stride - padding + t · dilation] dy[c, i] over the pixels i of all pictures.
//
// A block of channels of one picture at a time: the rows of x are copied, as they are needed, into a ring of rows with
// a frame of zeros, where windows need no check for the padding and other channels take up no cache.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/depthwise.h>
#include <joist/core/cpu/parallel.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace joist::depthwise {
namespace {

struct Axis {
  std::int64_t pixels, windows, kernel, stride, padding, dilation;

  std::int64_t span() const { return (kernel - 1) * dilation + 1; }
  /// Pixels with the zeros in front and behind that windows reach.
  std::int64_t framed() const { return std::max(padding + pixels, (windows - 1) * stride + span()); }
};

struct Blocks {
  Axis down, across;
  std::int64_t channels, block, count;  // channels of a block; the last may have fewer

  std::int64_t channels_of(std::int64_t b) const { return std::min(block, channels - b * block); }
  std::int64_t taps() const { return down.kernel * across.kernel; }
};

Blocks blocks_of(const Axis& down, const Axis& across, std::int64_t channels) {
  // Few floats per pixel waste the memory's bandwidth, many make rows that leave the cache before they are used again.
  constexpr std::int64_t widest = 64, register_floats = 16;
  const std::int64_t wanted = (channels + widest - 1) / widest, each = (channels + wanted - 1) / wanted;
  const std::int64_t block = (each + register_floats - 1) / register_floats * register_floats;
  return {down, across, channels, block, (channels + block - 1) / block};
}

/// The rows of a block of one picture that the windows at hand need.
class Ring {
 public:
  static std::int64_t floats(const Blocks& blocks) {
    return blocks.down.span() * blocks.across.framed() * blocks.block;
  }

  Ring(const Blocks& blocks, float* memory)
      : blocks_(blocks),
        row_(blocks.across.framed() * blocks.block),
        memory_(memory),
        pixels_(static_cast<std::size_t>(blocks.taps())) {
    std::memset(memory, 0, static_cast<std::size_t>(floats(blocks)) * sizeof(float));
  }

  /// `picture`: its first pixel's first channel of the block.
  void begin(const float* picture, std::int64_t channels) {
    picture_ = picture;
    channels_ = channels;
    next_ = 0;
  }

  /// Per tap the pixel that it meets in the first window of this row of windows. Rows come in ascending order.
  const std::vector<const float*>& pixels(std::int64_t row) {
    const Axis& down = blocks_.down;
    const std::int64_t first = row * down.stride;  // counted from the padding on
    for (next_ = std::max(next_, first); next_ < first + down.span(); ++next_) read(next_);
    auto pixel = pixels_.begin();
    for (std::int64_t y = 0; y < down.kernel; ++y) {
      const float* const at = slot(first + y * down.dilation);
      for (std::int64_t x = 0; x < blocks_.across.kernel; ++x)
        *pixel++ = at + x * blocks_.across.dilation * blocks_.block;
    }
    return pixels_;
  }

 private:
  float* slot(std::int64_t row) const { return memory_ + row % blocks_.down.span() * row_; }

  void read(std::int64_t row) const {
    const std::int64_t pixels = blocks_.across.pixels, block = blocks_.block, y = row - blocks_.down.padding;
    float* const to = slot(row) + blocks_.across.padding * block;
    if (y < 0 || y >= blocks_.down.pixels) {
      std::memset(to, 0, static_cast<std::size_t>(pixels * block) * sizeof(float));
      return;
    }
    const float* const from = picture_ + y * pixels * blocks_.channels;
    for (std::int64_t x = 0; x < pixels; ++x)
      std::memcpy(to + x * block, from + x * blocks_.channels, static_cast<std::size_t>(channels_) * sizeof(float));
  }

  const Blocks& blocks_;
  std::int64_t row_;  // floats
  float* memory_;
  std::vector<const float*> pixels_;
  const float* picture_ = nullptr;
  std::int64_t channels_ = 0, next_ = 0;
};

}  // namespace

bool pays(const Shape& x, const Shape& w, Dtype dtype, const ConvolutionOptions& options) {
  return dtype == Dtype::float32 && x.rank() == 4 && options.groups > 1 && options.groups == x[1] && w[0] == x[1] &&
         w[2] * w[3] > 9;
}

void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw) {
  const auto axis = [&](int i) {
    return Axis{x.shape(2 + i),    dy.shape(2 + i),    dw.array.shape(2 + i),
                options.stride[i], options.padding[i], options.dilation[i]};
  };
  const Blocks blocks = blocks_of(axis(0), axis(1), x.shape(1));
  const Axis &down = blocks.down, &across = blocks.across;
  const std::int64_t channels = blocks.channels, taps = blocks.taps(), row_floats = blocks.count * blocks.block;
  // How many sums there are does not depend on the number of threads, so neither does a result.
  const std::int64_t pictures = x.shape(0), groups = std::min<std::int64_t>(pictures, 16);
  const Array sums = Array::empty({groups, taps, row_floats});
  fill_array(0, sums);
  const std::int64_t items = groups * blocks.count,
                     work = down.windows * across.windows * taps * blocks.block * pictures / groups,
                     least = 1 + (1 << 15) / work;  // multiplications that are worth a thread
  const Array rings = Array::empty({parts_of(items, least), Ring::floats(blocks)});
  parallel_parts(items, least, [&](int part, std::int64_t begin, std::int64_t end) {
    Ring ring(blocks, rings.data<float>() + part * Ring::floats(blocks));
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t group = item / blocks.count, block = item % blocks.count, channel = block * blocks.block;
      for (std::int64_t picture = group * pictures / groups; picture < (group + 1) * pictures / groups; ++picture) {
        ring.begin(x.data<float>() + picture * down.pixels * across.pixels * channels + channel,
                   blocks.channels_of(block));
        for (std::int64_t row = 0; row < down.windows; ++row)
          add_row({.pixels = ring.pixels(row).data(),
                   .taps = taps,
                   .windows = across.windows,
                   .step = across.stride * blocks.block,
                   .channels = blocks.channels_of(block),
                   .dy = dy.data<float>() + (picture * down.windows + row) * across.windows * channels + channel,
                   .dy_step = channels,
                   .sums = sums.data<float>() + group * taps * row_floats + channel,
                   .sums_step = row_floats});
      }
    }
  });
  const Array taps_first = dw.array.view({channels, taps}).transposed();
  for (std::int64_t group = 0; group < groups; ++group)
    copy_array(sums.selected(0, group).sliced(1, 0, channels), {taps_first, dw.accumulate || group > 0});
}

}  // namespace joist::depthwise
