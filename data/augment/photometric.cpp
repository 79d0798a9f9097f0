#include <joist/data/augment/photometric.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace joist {
namespace {

std::uint8_t rounded(double value) { return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0))); }

// The same function for all channels.
template <class Function>
void map_values(Picture& picture, const Function& function) {
  ValueTables tables;
  for (std::size_t value = 0; value < 256; ++value)
    tables[0][value] = tables[1][value] = tables[2][value] = function(static_cast<double>(value));
  apply_tables(picture, tables);
}

using Histograms = std::array<std::array<std::int64_t, 256>, 3>;

Histograms histograms(const Picture& picture) {
  Histograms result{};
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3)
    for (std::size_t c = 0; c < 3; ++c) ++result[c][picture.pixels[i + c]];
  return result;
}

}  // namespace

std::uint8_t grey_of(const std::uint8_t* pixel) noexcept {
  return static_cast<std::uint8_t>((19589 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2]) >> 16);
}

void apply_tables(Picture& picture, const ValueTables& tables) {
  std::uint8_t* pixel = picture.pixels.data();
  for (std::uint8_t* const end = pixel + picture.pixels.size(); pixel != end; pixel += 3)
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = tables[c][pixel[c]];
}

void adjust_brightness(Picture& picture, double factor) {
  map_values(picture, [factor](double value) { return rounded(factor * value); });
}

void adjust_contrast(Picture& picture, double factor) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) sum += grey_of(picture.pixels.data() + i);
  const double mean = static_cast<double>(sum) / std::max(static_cast<double>(picture.pixels.size() / 3), 1.0);
  map_values(picture, [factor, mean](double value) { return rounded(factor * value + (1 - factor) * mean); });
}

void adjust_saturation(Picture& picture, double factor) {
  const int share = static_cast<int>(std::lround(factor * 4096));
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    std::uint8_t* pixel = picture.pixels.data() + i;
    const int grey = grey_of(pixel) * (4096 - share) + 2048;
    for (int c = 0; c < 3; ++c)
      pixel[c] = static_cast<std::uint8_t>(std::clamp((pixel[c] * share + grey) >> 12, 0, 255));
  }
}

void adjust_hue(Picture& picture, double turns) { shift_colour(picture, {.hue = static_cast<float>(turns)}); }

void adjust_gamma(Picture& picture, double gamma, double gain) {
  map_values(picture, [=](double value) { return rounded(255 * gain * std::pow(value / 255, gamma)); });
}

void multiply_channels(Picture& picture, const std::array<double, 3>& factors) {
  ValueTables tables;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t value = 0; value < 256; ++value)
      tables[c][value] = rounded(factors[c] * static_cast<double>(value));
  apply_tables(picture, tables);
}

void grayscale(Picture& picture) {
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    std::uint8_t* pixel = picture.pixels.data() + i;
    pixel[0] = pixel[1] = pixel[2] = grey_of(pixel);
  }
}

void permute_channels(Picture& picture, const std::array<int, 3>& order) {
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    std::uint8_t* pixel = picture.pixels.data() + i;
    const std::uint8_t before[3] = {pixel[0], pixel[1], pixel[2]};
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = before[order[c]];
  }
}

void invert(Picture& picture) {
  for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>(255 - value);
}

void posterize(Picture& picture, int bits) {
  const auto mask = static_cast<std::uint8_t>(0xFF00 >> std::clamp(bits, 0, 8));
  for (std::uint8_t& value : picture.pixels) value &= mask;
}

void solarize(Picture& picture, int threshold) {
  for (std::uint8_t& value : picture.pixels)
    value = static_cast<std::uint8_t>(value >= threshold ? 255 - value : value);
}

void equalize(Picture& picture) {
  const Histograms counts = histograms(picture);
  ValueTables tables;
  for (std::size_t c = 0; c < 3; ++c) {
    std::int64_t total = 0, last = 0;
    for (const std::int64_t count : counts[c]) {
      total += count;
      if (count > 0) last = count;
    }
    const std::int64_t step = (total - last) / 255;
    std::int64_t below = step / 2;
    for (std::size_t value = 0; value < 256; ++value) {
      tables[c][value] = static_cast<std::uint8_t>(step == 0 ? static_cast<std::int64_t>(value)
                                                             : std::min<std::int64_t>(below / step, 255));
      below += counts[c][value];
    }
  }
  apply_tables(picture, tables);
}

void autocontrast(Picture& picture) {
  const Histograms counts = histograms(picture);
  ValueTables tables;
  for (std::size_t c = 0; c < 3; ++c) {
    int low = 255, high = 0;
    for (int value = 0; value < 256; ++value) {
      if (counts[c][static_cast<std::size_t>(value)] == 0) continue;
      low = std::min(low, value);
      high = value;
    }
    for (std::size_t value = 0; value < 256; ++value) {
      const auto number = static_cast<double>(value);
      tables[c][value] = rounded(high > low ? (number - low) * 255 / (high - low) : number);
    }
  }
  apply_tables(picture, tables);
}

void clahe(Picture& picture, double clip, int grid) {
  const int width = picture.width, height = picture.height;
  grid = std::clamp(grid, 1, std::min({width, height, 64}));
  // For each tile what its brightness values become.
  std::vector<std::array<float, 256>> tables(static_cast<std::size_t>(grid * grid));
  for (int row = 0; row < grid; ++row) {
    for (int column = 0; column < grid; ++column) {
      const int x1 = column * width / grid, x2 = (column + 1) * width / grid;
      const int y1 = row * height / grid, y2 = (row + 1) * height / grid;
      std::array<int, 256> counts{};
      for (int y = y1; y < y2; ++y)
        for (int x = x1; x < x2; ++x) ++counts[grey_of(picture.at(x, y))];
      const int pixels = (x2 - x1) * (y2 - y1), most = std::max(1, static_cast<int>(clip * pixels / 256));
      int excess = 0;
      for (int& count : counts) {
        excess += std::max(0, count - most);
        count = std::min(count, most);
      }
      double below = 0;
      std::array<float, 256>& table = tables[static_cast<std::size_t>(row * grid + column)];
      for (std::size_t value = 0; value < 256; ++value) {
        below += counts[value] + excess / 256.0;
        table[value] = static_cast<float>(255 * below / pixels);
      }
    }
  }
  const auto cell = [grid](int at, int length, float& share) {
    const float place =
        std::clamp((static_cast<float>(at) + 0.5F) * static_cast<float>(grid) / static_cast<float>(length) - 0.5F, 0.0F,
                   static_cast<float>(grid - 1));
    share = place - std::floor(place);
    return static_cast<int>(place);
  };
  for (int y = 0; y < height; ++y) {
    float down = 0;
    const int row = cell(y, height, down), next_row = std::min(row + 1, grid - 1);
    for (int x = 0; x < width; ++x) {
      float right = 0;
      const int column = cell(x, width, right), next_column = std::min(column + 1, grid - 1);
      std::uint8_t* pixel = picture.at(x, y);
      const std::uint8_t grey = grey_of(pixel);
      const auto value = [&](int r, int c) { return tables[static_cast<std::size_t>(r * grid + c)][grey]; };
      const float upper = value(row, column) * (1 - right) + value(row, next_column) * right;
      const float lower = value(next_row, column) * (1 - right) + value(next_row, next_column) * right;
      const int shift = static_cast<int>(upper * (1 - down) + lower * down + 0.5F) - grey;
      for (int c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(std::clamp(pixel[c] + shift, 0, 255));
    }
  }
}

}  // namespace joist
