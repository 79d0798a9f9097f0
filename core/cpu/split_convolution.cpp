#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/split_convolution.h>
#include <joist/core/cpu/split_planes.h>

#include <algorithm>

namespace joist::split_convolution {
namespace {

constexpr std::int64_t sums_of_block = tiles::block_rows * tiles::panel_columns;

using tiles::over;

// A point of a window and the point of the kernel that it meets.
struct Tap {
  std::int64_t down, across, point;
};

// Which pixels of the result a convolution of all windows makes: (row * step + first_row, …).
struct Pixels {
  std::int64_t step = 1, first_row = 0, first_column = 0;
};

// The kernel's numbers by result channel, channel that is summed over, and point.
struct Weights {
  const float* w;
  std::int64_t result, summed, points;      // counts
  std::int64_t result_apart, summed_apart;  // strides
};

// A convolution of all windows with some of the kernel's points.
class Pass {
 public:
  // Taps sorted by row and column; those of a row have no gaps between.
  Pass(const std::vector<Tap>& taps, const Weights& weights, const Planes& planes, const Pixels& pixels)
      : pixels_(pixels), weights_(weights), taps_(taps) {
    const std::int64_t channels = weights.summed;
    for (std::size_t begin = 0, end = 0; begin < taps.size(); begin = end) {
      while (end < taps.size() && taps[end].down == taps[begin].down) ++end;
      const std::int64_t length = static_cast<std::int64_t>(end - begin) * channels;
      const std::int64_t place = planes.place(taps[begin].down, taps[begin].across);
      for (std::int64_t k = 0; k < length; k += tiles::depth) places_.push_back(place + k);
    }
    pack();
  }

  std::int64_t steps() const { return static_cast<std::int64_t>(places_.size()); }
  std::int64_t panels() const { return over(weights_.result, tiles::panel_columns); }
  const std::int64_t* places() const { return places_.data(); }
  const BFloat16* panel(std::int64_t panel, std::int64_t step) const {
    return packed_.data<BFloat16>() + (panel * steps() + step) * tiles::split_step;
  }
  /// Whether no weight is infinite, NaN or nearly too large.
  bool finite() const { return std::find(fits_.begin(), fits_.end(), 0) == fits_.end(); }
  const Pixels& pixels() const { return pixels_; }
  const Weights& weights() const { return weights_; }
  const std::vector<Tap>& taps() const { return taps_; }

 private:
  void pack() {
    const std::int64_t row = steps() * tiles::depth, channels = weights_.summed;
    const Array wide = Array::empty({weights_.result, row});
    parallel_for(weights_.result, 1 + 16384 / row, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        float* to = wide.data<float>() + i * row;
        std::fill_n(to, row, 0.0f);
        std::int64_t k = 0;
        for (std::size_t tap = 0; tap < taps_.size(); ++tap) {
          if (tap > 0 && taps_[tap].down != taps_[tap - 1].down) k = over(k, tiles::depth) * tiles::depth;
          const float* const from = weights_.w + i * weights_.result_apart + taps_[tap].point;
          for (std::int64_t c = 0; c < channels; ++c, ++k) to[k] = from[c * weights_.summed_apart];
        }
      }
    });
    packed_ = Array::empty({panels() * steps() * tiles::split_step}, Dtype::bfloat16);
    fits_.resize(static_cast<std::size_t>(2 * panels()));
    parallel_for(2 * panels(), 1 + 64 / steps(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t half = begin; half < end; ++half) {
        const std::int64_t column = half * tiles::rows;
        bool fit = true;
        for (std::int64_t step = 0; step < steps(); ++step)
          fit &= tiles::pack_columns(
              tiles::Source<float>{.first = wide.data<float>() + column * row + step * tiles::depth,
                                   .line = row,
                                   .k = 1,
                                   .lines = std::clamp<std::int64_t>(weights_.result - column, 0, tiles::rows),
                                   .ks = tiles::depth},
              packed_.data<BFloat16>() + (half / 2 * steps() + step) * tiles::split_step + half % 2 * tiles::numbers);
        fits_[static_cast<std::size_t>(half)] = fit;
      }
    });
  }

  Pixels pixels_;
  Weights weights_;
  std::vector<Tap> taps_;
  std::vector<std::int64_t> places_;
  std::vector<std::uint8_t> fits_;  // of each half of a panel
  Array packed_{};
};

class Convolution {
 public:
  Convolution(const Grid& grid, const Array& x, const Array& bias, const Out& y)
      : grid_(grid),
        x_(x.data<float>()),
        bias_(bias.defined() ? bias.data<float>() : nullptr),
        y_(y.array.data<float>()),
        channels_(y.array.shape(1)),
        height_(y.array.shape(2)),
        width_(y.array.shape(3)),
        accumulate_(y.accumulate) {}

  // Each thread splits a strip once for all passes.
  template <class MakePasses>
  void run(const MakePasses& make_passes) const {
    const std::int64_t panels = over(channels_, tiles::panel_columns);
    const std::int64_t rows = strip_rows(grid_, 4 * panels * tiles::panel_columns);
    const std::vector<Strip> strips = strips_of(grid_, rows);
    const std::vector<Pass> passes = make_passes(Planes(grid_, rows));
    parallel_for(static_cast<std::int64_t>(strips.size()), 1, [&](std::int64_t begin, std::int64_t end) {
      Planes planes(grid_, rows);
      const std::int64_t blocks = over(planes.windows({0, 0, rows}), tiles::block_rows);
      const Array between = Array::empty({panels * blocks * sums_of_block});
      std::vector<float*> targets(static_cast<std::size_t>(blocks * tiles::block_rows));
      for (std::int64_t i = begin; i < end; ++i) {
        const Strip& strip = strips[static_cast<std::size_t>(i)];
        const bool finite = planes.fill(x_, strip);
        for (const Pass& pass : passes) {
          set_targets(strip, pass, targets);
          if (finite && pass.finite())
            multiply(pass, planes, strip, targets, between.data<float>());
          else
            sum_plainly(pass, strip, targets);
        }
      }
    });
  }

 private:
  // Where each window's result lies; null: nowhere.
  void set_targets(const Strip& strip, const Pass& pass, std::vector<float*>& targets) const {
    std::fill(targets.begin(), targets.end(), nullptr);
    const Pixels& pixels = pass.pixels();
    for (std::int64_t i = 0; i < strip.rows; ++i) {
      const std::int64_t row = (strip.first + i) * pixels.step + pixels.first_row;
      if (row >= height_) break;
      const std::int64_t columns = std::min(grid_.columns, over(width_ - pixels.first_column, pixels.step));
      float* y = y_ + ((strip.picture * height_ + row) * width_ + pixels.first_column) * channels_;
      float** const to = targets.data() + i * grid_.line();
      for (std::int64_t j = 0; j < columns; ++j, y += pixels.step * channels_) to[j] = y;
    }
  }

  void multiply(const Pass& pass, const Planes& planes, const Strip& strip, const std::vector<float*>& targets,
                float* between) const {
    const std::int64_t blocks = over(planes.windows(strip), tiles::block_rows), panels = pass.panels();
    const std::int64_t near = over(pass.steps(), over(pass.steps(), tiles::near_split_steps));
    tiles::SplitProducts products;
    for (std::int64_t step = 0; step < pass.steps(); step += near)
      for (std::int64_t panel = 0; panel < panels; ++panel)
        for (std::int64_t block = 0; block < blocks; ++block) {
          const std::int64_t column = panel * tiles::panel_columns, first = block * tiles::block_rows;
          float* const sums = between + (panel * blocks + block) * sums_of_block;
          tiles::SumsTarget to{.height = std::min(tiles::block_rows, planes.windows(strip) - first),
                               .columns = std::min(channels_ - column, tiles::panel_columns)};
          if (step > 0) {
            to.start = sums;
            to.start_row = tiles::panel_columns;
          } else if (bias_) {
            to.start = bias_ + column;
          }
          if (step + near < pass.steps()) {
            to.y = sums;
            to.y_row = tiles::panel_columns;
          } else {
            to.y_rows = targets.data() + first;
            to.y_column = column;
            to.accumulate = accumulate_;
          }
          products.add({.rows = planes.data() + first * grid_.apart(),
                        .places = pass.places() + step,
                        .row = grid_.apart(),
                        .lower_rows = tiles::rows * grid_.apart(),
                        .part = planes.part(),
                        .panel = pass.panel(panel, step),
                        .steps = std::min(near, pass.steps() - step),
                        .lower = to.height > tiles::rows,
                        .right = to.columns > tiles::rows},
                       to);
        }
    products.finish();
  }

  // Parts of infinities would make NaN of each other, and times the zeros behind a window's end.
  void sum_plainly(const Pass& pass, const Strip& strip, const std::vector<float*>& targets) const {
    const Weights& weights = pass.weights();
    for (std::int64_t i = 0; i < strip.rows; ++i)
      for (std::int64_t j = 0; j < grid_.columns; ++j) {
        float* const y = targets[static_cast<std::size_t>(i * grid_.line() + j)];
        for (std::int64_t n = 0; y && n < channels_; ++n) {
          double sum = (bias_ ? bias_[n] : 0.0) + (accumulate_ ? y[n] : 0.0);
          for (const Tap& tap : pass.taps()) {
            const std::int64_t row = (strip.first + i) * grid_.step + tap.down - grid_.top;
            const std::int64_t column = j * grid_.step + tap.across - grid_.left;
            if (row < 0 || row >= grid_.height || column < 0 || column >= grid_.width) continue;
            const float* const x = x_ + ((strip.picture * grid_.height + row) * grid_.width + column) * grid_.channels;
            for (std::int64_t c = 0; c < grid_.channels; ++c)
              sum += static_cast<double>(x[c]) *
                     weights.w[n * weights.result_apart + c * weights.summed_apart + tap.point];
          }
          y[n] = static_cast<float>(sum);
        }
      }
  }

  const Grid& grid_;
  const float* x_;
  const float* bias_;
  float* y_;
  std::int64_t channels_, height_, width_;
  bool accumulate_;
};

std::int64_t remainder(std::int64_t a, std::int64_t b) { return (a % b + b) % b; }

// What remains of a kernel of `length` points at stride `step` for pixels that leave `first` behind when divided by it:
// point and distance of the pixel of dy that it meets, by ascending distance.
struct Meeting {
  std::int64_t point, distance;
};
std::vector<Meeting> meetings(std::int64_t length, std::int64_t step, std::int64_t padding, std::int64_t first) {
  std::vector<Meeting> all;
  for (std::int64_t point = length - 1; point >= 0; --point)
    if (remainder(first + padding - point, step) == 0) all.push_back({point, (first + padding - point) / step});
  return all;
}

}  // namespace

bool pays(const Shape& x, const Shape& w, const Shape& y, Dtype dtype, const ConvolutionOptions& options) {
  if (dtype != Dtype::float32 || x.rank() != 4 || options.groups != 1 || !tiles::exist()) return false;
  if (options.dilation != Shape{1, 1} || options.stride[0] != options.stride[1]) return false;
  if (options.stride[0] > std::min(w[2], w[3]) || w[2] * w[3] == 1) return false;
  if (w[0] % 16 != 0 || w[1] % 16 != 0) return false;
  // Winograd's algorithm is faster where it goes and has more than 32 channels; weights beyond the second-level cache
  // are read too often.
  const bool narrow = std::min(w[0], w[1]) <= 32, strides = options.stride[0] > 1;
  return (narrow || strides) && w.elements() <= std::int64_t{3} << 17 && y[0] * y[2] * y[3] >= 512;
}

void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  const std::int64_t across = w.shape(3), points = w.shape(2) * across;
  const Grid grid{.batch = x.shape(0),
                  .height = x.shape(2),
                  .width = x.shape(3),
                  .channels = x.shape(1),
                  .rows = y.array.shape(2),
                  .columns = y.array.shape(3),
                  .reach_down = w.shape(2),
                  .reach_across = across,
                  .step = options.stride[0],
                  .top = options.padding[0],
                  .left = options.padding[1]};
  Convolution(grid, x, bias, y).run([&](const Planes& planes) {
    std::vector<Tap> taps;
    for (std::int64_t point = 0; point < points; ++point) taps.push_back({point / across, point % across, point});
    const Weights weights{w.data<float>(), w.shape(0), w.shape(1), points, w.shape(1) * points, points};
    std::vector<Pass> passes;
    passes.emplace_back(taps, weights, planes, Pixels{});
    return passes;
  });
}

void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx) {
  const std::int64_t step = options.stride[0], across = w.shape(3), points = w.shape(2) * across;
  // Pixels of dx that leave the same remainders see the same part of the kernel.
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;
  for (std::int64_t first = 0; first < step; ++first) {
    for (const Meeting& m : meetings(w.shape(2), step, options.padding[0], first)) {
      top = std::max(top, -m.distance);
      bottom = std::max(bottom, m.distance);
    }
    for (const Meeting& m : meetings(across, step, options.padding[1], first)) {
      left = std::max(left, -m.distance);
      right = std::max(right, m.distance);
    }
  }
  const Grid grid{.batch = dy.shape(0),
                  .height = dy.shape(2),
                  .width = dy.shape(3),
                  .channels = dy.shape(1),
                  .rows = over(dx.array.shape(2), step),
                  .columns = over(dx.array.shape(3), step),
                  .reach_down = top + bottom + 1,
                  .reach_across = left + right + 1,
                  .step = 1,
                  .top = top,
                  .left = left};
  Convolution(grid, dy, {}, dx).run([&](const Planes& planes) {
    const Weights weights{w.data<float>(), w.shape(1), w.shape(0), points, points, w.shape(1) * points};
    std::vector<Pass> passes;
    for (std::int64_t row = 0; row < step; ++row)
      for (std::int64_t column = 0; column < step; ++column) {
        std::vector<Tap> taps;
        for (const Meeting& down : meetings(w.shape(2), step, options.padding[0], row))
          for (const Meeting& beside : meetings(across, step, options.padding[1], column))
            taps.push_back({top + down.distance, left + beside.distance, down.point * across + beside.point});
        passes.emplace_back(taps, weights, planes, Pixels{step, row, column});
      }
    return passes;
  });
}

}  // namespace joist::split_convolution
