#include <joist/core/error.h>
#include <joist/data/decode.h>
#include <joist/data/files.h>
#include <joist/data/near_duplicates.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <string_view>
#include <thread>
#include <unordered_map>

namespace joist {
namespace {

/// Mean brightness of each cell of a grid.
std::vector<double> cells(const Picture& picture, int columns, int rows) {
  std::vector<double> means;
  const auto edge = [](int i, int count, int length) {
    return static_cast<int>(static_cast<std::int64_t>(i) * length / count);
  };
  for (int row = 0; row < rows; ++row) {
    const int top = edge(row, rows, picture.height);
    const int bottom = std::max(edge(row + 1, rows, picture.height), top + 1);
    for (int column = 0; column < columns; ++column) {
      const int left = edge(column, columns, picture.width);
      const int right = std::max(edge(column + 1, columns, picture.width), left + 1);
      std::int64_t sum = 0;
      for (int y = top; y < bottom; ++y) {
        for (int x = left; x < right; ++x) {
          const std::uint8_t* pixel = picture.at(std::min(x, picture.width - 1), std::min(y, picture.height - 1));
          sum += 299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2];
        }
      }
      means.push_back(static_cast<double>(sum) / 1000 / (static_cast<double>(bottom - top) * (right - left)));
    }
  }
  return means;
}

Sketch sketch(const std::string& path) {
  Sketch result;
  try {
    const std::string bytes = read_bytes(path, DecodeOptions{}.max_bytes);
    result.content = std::hash<std::string_view>{}(bytes);
    result.bytes = std::ssize(bytes);
    const Picture picture = decode_bytes(bytes, path, {.at_least = 64});
    const std::vector<double> places = cells(picture, 9, 8);
    for (std::size_t row = 0; row < 8; ++row) {
      for (std::size_t column = 0; column < 8; ++column) {
        const std::size_t at = row * 9 + column;
        if (places[at] > places[at + 1]) result.gradients |= std::uint64_t{1} << (row * 8 + column);
      }
    }
    const std::vector<double> small = cells(picture, 16, 16);
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < small.size(); ++i) {
      result.thumbnail[i] = static_cast<std::uint8_t>(std::lround(small[i]));
      sum += small[i];
      squares += small[i] * small[i];
    }
    const double mean = sum / 256;
    constexpr double least_deviation = 4;
    result.is_flat = squares / 256 - mean * mean < least_deviation * least_deviation;
  } catch (const Error& error) {
    result.fault = error.fault().what;
  }
  return result;
}

bool look_alike(const Sketch& a, const Sketch& b) {
  constexpr int most_bits = 6;
  constexpr int most_difference = 4 * 256;
  if (a.is_flat || b.is_flat || std::popcount(a.gradients ^ b.gradients) > most_bits) return false;
  int difference = 0;
  for (std::size_t i = 0; i < a.thumbnail.size(); ++i)
    difference += std::abs(static_cast<int>(a.thumbnail[i]) - static_cast<int>(b.thumbnail[i]));
  return difference <= most_difference;
}

}  // namespace

std::vector<Sketch> sketches(const Dataset& dataset, int threads) {
  const std::size_t count = dataset.samples.size();
  std::vector<Sketch> all(count);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) all[i] = sketch(dataset.samples[i].path);
  };
  const auto cores = static_cast<std::size_t>(std::max(1U, std::thread::hardware_concurrency()));
  const std::size_t wanted = std::min(threads > 0 ? static_cast<std::size_t>(threads) : cores, std::size_t{64});
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min(wanted, count); ++i) helpers.emplace_back(work);
  work();
  helpers.clear();  // joins
  return all;
}

std::vector<AlikePair> alike(const std::vector<Sketch>& all, std::size_t boundary) {
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  // Of seven bands of bits at least one is equal where at most six bits differ.
  constexpr int bands = 7;
  std::array<std::unordered_map<std::uint64_t, std::vector<std::size_t>>, bands> places;
  std::unordered_map<std::uint64_t, std::size_t> files;
  std::vector<AlikePair> pairs;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Sketch& one = all[i];
    if (!one.fault.empty()) continue;
    const bool is_known = boundary == 0 || i < boundary;  // later ones are compared with it
    const bool is_asked = boundary == 0 || i >= boundary;
    const auto same = files.find(one.content);
    if (same != files.end() && all[same->second].bytes == one.bytes) {
      if (is_asked) pairs.push_back({same->second, i, true});
      continue;  // the first of them stands for both
    }
    if (is_known) files.emplace(one.content, i);
    std::size_t first = none;
    for (int band = 0; band < bands && !one.is_flat; ++band) {
      const std::uint64_t bits = (one.gradients >> (band * 9)) & (band + 1 == bands ? 0x3FF : 0x1FF);
      auto& bucket = places[static_cast<std::size_t>(band)][bits];
      for (const std::size_t other : bucket) {
        if (other >= first) break;
        if (is_asked && look_alike(all[other], one)) first = other;
      }
      if (is_known) bucket.push_back(i);
    }
    if (first != none) pairs.push_back({first, i, false});
  }
  return pairs;
}

}  // namespace joist
