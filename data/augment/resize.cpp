#include <joist/core/error.h>
#include <joist/data/augment/pixels.h>
#include <joist/data/augment/resize.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace joist {
namespace {

constexpr int weight_bits = 14;

// Which source pixels one output pixel averages. All outputs have the same number of taps; unneeded ones weigh nothing.
struct Taps {
  int count = 0;
  std::vector<int> first{};
  std::vector<std::int32_t> weights{};  // [output, count], each output's sum is 1 << weight_bits

  const std::int32_t* of(int output) const {
    return weights.data() + static_cast<std::ptrdiff_t>(output) * static_cast<std::ptrdiff_t>(count);
  }
};

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
  return result;
}

std::uint8_t rounded(std::int32_t sum) {
  return static_cast<std::uint8_t>((sum + (1 << (weight_bits - 1))) >> weight_bits);
}

Picture resized_rows(const Picture& from, int width) {
  const Taps columns = taps(from.width, width);
  Picture to(width, from.height);
  for (int y = 0; y < to.height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::uint8_t* in = from.at(columns.first[static_cast<std::size_t>(x)], y);
      const std::int32_t* weight = columns.of(x);
      std::int32_t red = 0, green = 0, blue = 0;
      for (int tap = 0; tap < columns.count; ++tap, in += 3) {
        red += weight[tap] * in[0];
        green += weight[tap] * in[1];
        blue += weight[tap] * in[2];
      }
      std::uint8_t* out = to.at(x, y);
      out[0] = rounded(red);
      out[1] = rounded(green);
      out[2] = rounded(blue);
    }
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
