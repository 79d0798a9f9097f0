#include <joist/core/error.h>
#include <joist/data/augment/pixels.h>
#include <joist/data/augment/resize.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace joist {
namespace {

using pixels::weight_bits;

// Which source pixels one output pixel averages. All outputs have the same number of taps; unneeded ones weigh nothing.
struct Taps {
  int count = 0;
  std::vector<std::int32_t> first{};
  std::vector<std::int32_t> weights{};  // [output, count], each output's sum is 1 << weight_bits

  const std::int32_t* of(int output) const {
    return weights.data() + static_cast<std::ptrdiff_t>(output) * static_cast<std::ptrdiff_t>(count);
  }
};

// As many taps as the output with the most weights above 0 needs, of `in` pixels.
Taps without_idle(const Taps& all, int in) {
  Taps few;
  std::vector<int> idle;  // in front of the first that weighs
  for (std::size_t output = 0; output < all.first.size(); ++output) {
    const std::int32_t *begin = all.of(static_cast<int>(output)), *end = begin + all.count;
    const auto weighs = [](std::int32_t weight) { return weight != 0; };
    const std::int32_t* one = std::find_if(begin, end, weighs);
    while (!weighs(end[-1])) --end;
    idle.push_back(static_cast<int>(one - begin));
    few.count = std::max(few.count, static_cast<int>(end - one));
  }
  for (std::size_t output = 0; output < all.first.size(); ++output) {
    few.first.push_back(std::min(all.first[output] + idle[output], in - few.count));
    for (int tap = 0; tap < few.count; ++tap) {
      const int place = few.first.back() + tap - all.first[output];
      few.weights.push_back(place >= 0 && place < all.count ? all.of(static_cast<int>(output))[place] : 0);
    }
  }
  return few;
}

Taps taps(int in, int out) {
  const double step = static_cast<double>(in) / out;
  const double support = std::max(1.0, step);
  Taps result;
  result.count = std::min(in, static_cast<int>(std::ceil(support)) * 2 + 1);
  std::vector<double> exact(static_cast<std::size_t>(result.count));
  for (int output = 0; output < out; ++output) {
    const double centre = (output + 0.5) * step;
    const int first = std::clamp(static_cast<int>(std::floor(centre - support)), 0, in - result.count);
    double sum = 0;
    for (int tap = 0; tap < result.count; ++tap) {
      const double distance = std::abs(first + tap + 0.5 - centre) / support;
      sum += exact[static_cast<std::size_t>(tap)] = std::max(0.0, 1.0 - distance);
    }
    // What rounding leaves over goes to the heaviest tap, so that an even grey stays even.
    std::int32_t rest = 1 << weight_bits;
    for (const double weight : exact) {
      result.weights.push_back(static_cast<std::int32_t>(std::lround(weight / sum * (1 << weight_bits))));
      rest -= result.weights.back();
    }
    *std::max_element(result.weights.end() - result.count, result.weights.end()) += rest;
    result.first.push_back(first);
  }
  return without_idle(result, in);
}

Picture resized_rows(const Picture& from, int width) {
  const Taps columns = taps(from.width, width);
  const int quads = (columns.count + 3) / 4;
  std::vector<std::int16_t> weights;
  for (int x = 0; x < width; ++x) {
    for (int tap = 0; tap < columns.count; ++tap) weights.push_back(static_cast<std::int16_t>(columns.of(x)[tap]));
    weights.resize(weights.size() + static_cast<std::size_t>(4 * quads - columns.count));
  }
  const auto row_bytes = static_cast<std::size_t>(from.width) * 3;
  std::vector<std::uint8_t> row(row_bytes + 4 * 3 + 4);  // what the last pixels of four without weight are read from
  Picture to(width, from.height);
  for (int y = 0; y < to.height; ++y) {
    std::memcpy(row.data(), from.at(0, y), row_bytes);
    pixels::average_columns(row.data(), columns.first.data(), weights.data(), quads, static_cast<std::size_t>(width),
                            to.at(0, y));
  }
  return to;
}

Picture resized_columns(const Picture& from, int height) {
  const Taps rows = taps(from.height, height);
  const auto row_bytes = static_cast<std::size_t>(from.width) * 3;
  Picture to(from.width, height);
  for (int y = 0; y < height; ++y) {
    // Taps beside the middle that weigh nothing are passed over.
    int first = rows.first[static_cast<std::size_t>(y)], count = rows.count;
    const std::int32_t* weight = rows.of(y);
    for (; count > 1 && weight[0] == 0; --count, ++weight) ++first;
    while (count > 1 && weight[count - 1] == 0) --count;
    pixels::average_rows(from.at(0, first), row_bytes, weight, count, row_bytes, to.at(0, y));
  }
  return to;
}

}  // namespace

Picture resized(const Picture& picture, int width, int height) {
  if (picture.is_empty() || width < 1 || height < 1) {
    throw UsageError({.where = "resized",
                      .what = "a " + std::to_string(picture.width) + "×" + std::to_string(picture.height) +
                              " picture cannot become " + std::to_string(width) + "×" + std::to_string(height),
                      .expected = "sides of at least 1 pixel"});
  }
  if (width == picture.width) return height == picture.height ? picture : resized_columns(picture, height);
  Picture rows = resized_rows(picture, width);
  return height == rows.height ? rows : resized_columns(rows, height);
}

}  // namespace joist
