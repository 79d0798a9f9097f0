// Smooth surfaces over pictures: fog, shadows, light.
#include <joist/data/augment/photometric.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

// Calls change(pixel, value) with the field's value at each pixel, bilinear between the centres of its cells.
template <class Change>
void over(Picture& picture, const Surface& field, const Change& change) {
  const auto place = [](int at, int length, int cells, int& before, int& after) {
    const float exact =
        std::clamp((static_cast<float>(at) + 0.5F) * static_cast<float>(cells) / static_cast<float>(length) - 0.5F,
                   0.0F, static_cast<float>(cells - 1));
    before = static_cast<int>(exact);
    after = std::min(before + 1, cells - 1);
    return exact - static_cast<float>(before);
  };
  struct Column {
    int before, after;
    float share;
  };
  std::vector<Column> columns(static_cast<std::size_t>(picture.width));
  for (int x = 0; x < picture.width; ++x) {
    Column& column = columns[static_cast<std::size_t>(x)];
    column.share = place(x, picture.width, field.width, column.before, column.after);
  }
  std::vector<float> row(static_cast<std::size_t>(field.width));
  for (int y = 0; y < picture.height; ++y) {
    int before = 0, after = 0;
    const float share = place(y, picture.height, field.height, before, after);
    for (int x = 0; x < field.width; ++x)
      row[static_cast<std::size_t>(x)] = field.at(x, before) * (1 - share) + field.at(x, after) * share;
    std::uint8_t* pixel = picture.at(0, y);
    for (const Column& column : columns) {
      const float left = row[static_cast<std::size_t>(column.before)],
                  right = row[static_cast<std::size_t>(column.after)];
      change(pixel, left + (right - left) * column.share);
      pixel += 3;
    }
  }
}

std::uint8_t byte(float value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F)); }

}  // namespace

Surface clouds(Random& random, int cells) {
  Surface field(cells, cells);
  float most = 0;
  for (int coarse = std::max(2, cells / 8); coarse <= cells; coarse *= 2) {
    Surface layer(coarse, coarse);
    const float weight = 1.0F / static_cast<float>(coarse);
    most += weight;
    for (float& value : layer.values) value = random.uniform();
    for (int y = 0; y < cells; ++y) {
      for (int x = 0; x < cells; ++x) {
        const float u =
            std::clamp((static_cast<float>(x) + 0.5F) * static_cast<float>(coarse) / static_cast<float>(cells) - 0.5F,
                       0.0F, static_cast<float>(coarse - 1));
        const float v =
            std::clamp((static_cast<float>(y) + 0.5F) * static_cast<float>(coarse) / static_cast<float>(cells) - 0.5F,
                       0.0F, static_cast<float>(coarse - 1));
        const int left = static_cast<int>(u), top = static_cast<int>(v);
        const int right = std::min(left + 1, coarse - 1), bottom = std::min(top + 1, coarse - 1);
        const float a = u - static_cast<float>(left), b = v - static_cast<float>(top);
        const float upper = layer.at(left, top) * (1 - a) + layer.at(right, top) * a;
        const float lower = layer.at(left, bottom) * (1 - a) + layer.at(right, bottom) * a;
        field.at(x, y) += weight * (upper * (1 - b) + lower * b);
      }
    }
  }
  for (float& value : field.values) value /= most;
  return field;
}

void veil(Picture& picture, const Surface& share, const std::array<float, 3>& colour) {
  over(picture, share, [&](std::uint8_t* pixel, float part) {
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = byte(static_cast<float>(pixel[c]) * (1 - part) + colour[c] * part);
  });
}

void shade(Picture& picture, const Surface& factor) {
  over(picture, factor, [](std::uint8_t* pixel, float by) {
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = byte(static_cast<float>(pixel[c]) * by);
  });
}

}  // namespace joist
