#include <joist/core/cpu/batch_norm_layout.h>
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/strided.h>

#include <algorithm>

namespace joist::batch_norm {
namespace {

constexpr std::int64_t elements_per_thread = 8192;
constexpr std::int64_t block_rows = 64;
constexpr std::int64_t most_parts = 64;  // of a sum; more threads than this do not help it

std::int64_t blocks(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

}  // namespace

Loop::Loop(const Array& x, const Array& dy, const Out& out) : accumulate_(out.accumulate) {
  channels_ = x.shape(1);
  count_ = channels_ == 0 ? 0 : x.elements() / channels_;
  x_.array = x;
  dy_.array = dy;
  out_.array = out.array;
  if (x.elements() == 0 || arrange()) return;
  const Strides strides = x.order() == Order::channels_last ? channels_last(x.shape()) : row_major(x.shape());
  x_.array = with_strides(x, strides);
  if (dy.defined()) dy_.array = with_strides(dy, strides);
  if (out.array.defined()) {
    copy_to_ = out.array;
    out_.array = Array::empty(x.shape()).strided(x.shape(), strides);
  }
  arrange();
}

bool Loop::arrange() {
  const auto pixels = [](const Operand& operand) { return operand.array.selected(1, 0); };
  std::array<Operand*, 3> used{};
  std::size_t uses = 0;
  for (Operand* operand : {&x_, &dy_, &out_})
    if (operand->array.defined()) used[uses++] = operand;
  const Array a = pixels(*used[0]), b = pixels(*used[uses > 1 ? 1 : 0]), c = pixels(*used[uses - 1]);
  const StridedAxes axes(a.shape(), {&a, &b, &c});  // all axes but the channels
  const int rank = axes.rank();
  const auto stride = [&](int axis, std::size_t operand) {
    return axis < 0 ? 0 : axes[axis].stride[operand == 0 ? 0 : operand + 1 == uses ? 2 : 1];
  };
  const auto all = [&](auto&& condition) {
    bool result = true;
    for (std::size_t i = 0; i < uses; ++i) result = result && condition(i);
    return result;
  };
  planes_ = rank <= 2 && rank > 0 && all([&](std::size_t i) { return stride(rank - 1, i) == 1; });
  const bool interleaved =
      rank <= 1 && (channels_ == 1 || all([&](std::size_t i) { return used[i]->array.strides()[1] == 1; }));
  if (!planes_ && !interleaved) return false;
  for (std::size_t i = 0; i < uses; ++i) {
    used[i]->channel = channels_ == 1 ? (planes_ ? 0 : 1) : used[i]->array.strides()[1];
    used[i]->row = planes_ ? stride(rank - 2, i) : stride(rank - 1, i);
  }
  if (planes_) {
    rows_ = rank == 2 ? axes[0].length : 1;
    columns_ = axes[rank - 1].length;
    return true;
  }
  rows_ = rank == 1 ? axes[0].length : 1;
  if (all([&](std::size_t i) { return used[i]->row == channels_; }) && channels_ < 128)
    for (fold_ = 16; fold_ > 1 && (rows_ % fold_ != 0 || fold_ * channels_ > most_columns);) fold_ /= 2;
  rows_ /= fold_;
  columns_ = channels_ * fold_;
  for (std::size_t i = 0; i < uses; ++i) used[i]->row *= fold_;
  return true;
}

float Loop::sample(std::int64_t channel) const { return x_.array.data<float>()[channel * x_.channel]; }

Matrices Loop::at(std::int64_t channel, std::int64_t row, std::int64_t column) const {
  const auto offset = [&](const Operand& operand) { return channel * operand.channel + row * operand.row + column; };
  Matrices tile;
  tile.x = {x_.array.data<float>() + offset(x_), x_.row};
  if (dy_.array.defined()) tile.dy = {dy_.array.data<float>() + offset(dy_), dy_.row};
  if (out_.array.defined()) {
    tile.out = out_.array.data<float>() + offset(out_);
    tile.out_row = out_.row;
    tile.accumulate = accumulate_ && !copy_to_.defined();
  }
  tile.rows = rows_;
  tile.columns = std::min(most_columns, columns_ - column);
  tile.past_caches = past_caches_ && fills_lines(tile.out, tile.out_row, tile.columns);
  return tile;
}

// Interleaved: [parameter][column]. Planes: [parameter][channel], spread over the columns later.
std::vector<float> Loop::for_columns(const Parameters& parameters) const {
  std::vector<float> result;
  const std::int64_t repeat = planes_ ? 1 : fold_;
  result.reserve(static_cast<std::size_t>(parameter_count * channels_ * repeat));
  for (std::size_t which = 0; which < parameter_count; ++which)
    for (std::int64_t k = 0; k < repeat; ++k) {
      const float* from = parameters.of(static_cast<Parameter>(which));
      result.insert(result.end(), from, from + channels_);
    }
  return result;
}

Totals Loop::sums(SumFunction function, const void* activation, const Parameters& parameters) const {
  Totals totals{std::vector<double>(static_cast<std::size_t>(channels_)),
                std::vector<double>(static_cast<std::size_t>(channels_))};
  if (count_ == 0) return totals;
  const std::vector<float> numbers = for_columns(parameters);
  if (planes_) {
    const std::int64_t width = std::min(columns_, most_columns);
    parallel_for(channels_, elements_per_thread / count_, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> spread(static_cast<std::size_t>(parameter_count * width));
      std::array<double, most_columns> first, second;
      for (std::int64_t channel = begin; channel < end; ++channel) {
        for (std::size_t which = 0; which < parameter_count; ++which)
          std::fill_n(spread.data() + static_cast<std::int64_t>(which) * width, width,
                      numbers[which * static_cast<std::size_t>(channels_) + static_cast<std::size_t>(channel)]);
        first.fill(0);
        second.fill(0);
        for (std::int64_t column = 0; column < columns_; column += width) {
          Matrices tile = at(channel, 0, column);
          for (std::size_t which = 0; which < parameter_count; ++which)
            tile.parameter[which] = spread.data() + static_cast<std::int64_t>(which) * width;
          function(activation, tile, first.data(), second.data());
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(width); ++i) {
          totals.first[static_cast<std::size_t>(channel)] += first[i];
          totals.second[static_cast<std::size_t>(channel)] += second[i];
        }
      }
    });
    return totals;
  }
  const std::int64_t per_part = blocks(blocks(rows_, most_parts), block_rows) * block_rows,
                     parts = blocks(rows_, per_part);
  // [part, sum, channel]: each part adds up its columns of a channel by itself, since what follows is one thread's
  // work.
  std::vector<double> partial(static_cast<std::size_t>(2 * parts * channels_));
  parallel_for(parts, elements_per_thread / (per_part * columns_), [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> columns(static_cast<std::size_t>(2 * columns_));
    for (std::int64_t part = begin; part < end; ++part) {
      std::fill(columns.begin(), columns.end(), 0.0);
      for (std::int64_t top = part * per_part; top < std::min(rows_, (part + 1) * per_part); top += block_rows)
        for (std::int64_t column = 0; column < columns_; column += most_columns) {
          Matrices tile = at(0, top, column);
          tile.rows = std::min(block_rows, rows_ - top);
          for (std::size_t which = 0; which < parameter_count; ++which)
            tile.parameter[which] = numbers.data() + static_cast<std::int64_t>(which) * columns_ + column;
          function(activation, tile, columns.data() + column, columns.data() + columns_ + column);
        }
      double* const sums = partial.data() + 2 * part * channels_;
      for (std::int64_t sum = 0; sum < 2; ++sum)
        for (std::int64_t k = 0; k < fold_; ++k)
          for (std::int64_t channel = 0; channel < channels_; ++channel)
            sums[sum * channels_ + channel] +=
                columns[static_cast<std::size_t>(sum * columns_ + k * channels_ + channel)];
    }
  });
  for (std::int64_t part = 0; part < parts; ++part) {
    const double* sums = partial.data() + 2 * part * channels_;
    for (std::int64_t channel = 0; channel < channels_; ++channel) {
      totals.first[static_cast<std::size_t>(channel)] += sums[channel];
      totals.second[static_cast<std::size_t>(channel)] += sums[channels_ + channel];
    }
  }
  return totals;
}

void Loop::write(WriteFunction function, const void* activation, const Parameters& parameters) {
  if (count_ == 0) return;
  // What is also read is in the caches already.
  const auto reads = [&](const Operand& operand) {
    return operand.array.defined() && operand.array.raw() == out_.array.raw();
  };
  past_caches_ = outgrows_caches(out_.array.elements()) && !accumulate_ && !reads(x_) && !reads(dy_);
  const std::vector<float> numbers = for_columns(parameters);
  if (planes_) {
    const std::int64_t width = std::min(columns_, most_columns);
    parallel_for(channels_, elements_per_thread / count_, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> spread(static_cast<std::size_t>(parameter_count * width));
      for (std::int64_t channel = begin; channel < end; ++channel) {
        for (std::size_t which = 0; which < parameter_count; ++which)
          std::fill_n(spread.data() + static_cast<std::int64_t>(which) * width, width,
                      numbers[which * static_cast<std::size_t>(channels_) + static_cast<std::size_t>(channel)]);
        for (std::int64_t column = 0; column < columns_; column += width) {
          Matrices tile = at(channel, 0, column);
          for (std::size_t which = 0; which < parameter_count; ++which)
            tile.parameter[which] = spread.data() + static_cast<std::int64_t>(which) * width;
          function(activation, tile);
        }
      }
    });
  } else {
    const auto backwards = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t bottom = end; bottom > begin; bottom -= block_rows)
        for (std::int64_t column = 0; column < columns_; column += most_columns) {
          const std::int64_t top = std::max(begin, bottom - block_rows);
          Matrices tile = at(0, top, column);
          tile.rows = bottom - top;
          for (std::size_t which = 0; which < parameter_count; ++which)
            tile.parameter[which] = numbers.data() + static_cast<std::int64_t>(which) * columns_ + column;
          function(activation, tile);
        }
    };
    // What the sums read last is still in the cache.
    parallel_for(rows_, elements_per_thread / columns_, backwards, Sweep::downwards);
  }
  if (copy_to_.defined()) copy_array(out_.array, {.array = copy_to_, .accumulate = accumulate_});
}

}  // namespace joist::batch_norm
