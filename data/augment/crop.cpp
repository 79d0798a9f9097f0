#include <joist/core/error.h>
#include <joist/data/augment/crop.h>

#include <algorithm>
#include <cstddef>
#include <string>

namespace joist {
namespace {

int random_start(int length, int window, int pad, Random& random) {
  const int low = std::min(-pad, length + pad - window), high = std::max(-pad, length + pad - window);
  return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low) + 1));
}

void check(const CropOptions& options, int channels) {
  const auto refuse = [](const char* field, const std::string& what, const std::string& expected) {
    throw UsageError({.where = std::string("crop option ") + field, .what = what, .expected = expected});
  };
  if (options.pad < 0) refuse("pad", "is " + std::to_string(options.pad), "0 pixels or more");
  if (!(options.flip_horizontal >= 0 && options.flip_horizontal <= 1)) {
    refuse("flip_horizontal", "is " + std::to_string(options.flip_horizontal), "a probability");
  }
  const auto fits = [&](const std::vector<float>& values) {
    return values.empty() || values.size() == static_cast<std::size_t>(channels);
  };
  const std::string per_channel = "one value for each of " + std::to_string(channels) + " channels, or none";
  if (!fits(options.mean)) refuse("mean", std::to_string(options.mean.size()) + " values", per_channel);
  if (!fits(options.deviation)) refuse("deviation", std::to_string(options.deviation.size()) + " values", per_channel);
  for (const float value : options.deviation) {
    if (!(value > 0)) refuse("deviation", "holds " + std::to_string(value), "values above 0");
  }
}

}  // namespace

Window middle_window(const PixelView& picture, int width, int height) {
  return {.left = (picture.width - width) / 2, .top = (picture.height - height) / 2};
}

Window random_window(const PixelView& picture, int width, int height, const CropOptions& options, Random& random) {
  const int left = random_start(picture.width, width, options.pad, random);
  const int top = random_start(picture.height, height, options.pad, random);
  return {.left = left, .top = top, .is_mirrored = random.chance(options.flip_horizontal)};
}

Cropper::Cropper(const CropOptions& options, int width, int height, int channels)
    : width_(width), height_(height), channels_(channels) {
  check(options, channels);
  for (std::size_t channel = 0; channel < static_cast<std::size_t>(channels); ++channel) {
    const float mean = options.mean.empty() ? 0 : options.mean[channel];
    const float deviation = options.deviation.empty() ? 1 : options.deviation[channel];
    for (int value = 0; value < 256; ++value) {
      table_.push_back((static_cast<float>(value) / 255.0F - mean) / deviation);
    }
  }
}

template <class Put>
void Cropper::each(const PixelView& picture, const Window& window, const Put& put) const {
  for (int y = window.top; y < window.top + height_; ++y) {
    const bool is_row = y >= 0 && y < picture.height;
    for (int i = 0; i < width_; ++i) {
      const int x = window.left + (window.is_mirrored ? width_ - 1 - i : i);
      const bool is_inside = is_row && x >= 0 && x < picture.width;
      const std::ptrdiff_t pixel = (static_cast<std::ptrdiff_t>(y) * picture.width + x) * channels_;
      for (int channel = 0; channel < channels_; ++channel) {
        const int value = is_inside ? picture.pixels[pixel + channel] : 0;
        put(channel, value);
      }
    }
  }
}

void Cropper::operator()(const PixelView& picture, const Window& window, float* out) const {
  each(picture, window,
       [&](int channel, int value) { *out++ = table_[static_cast<std::size_t>(channel * 256 + value)]; });
}

void Cropper::operator()(const PixelView& picture, const Window& window, std::uint8_t* out) const {
  each(picture, window, [&](int, int value) { *out++ = static_cast<std::uint8_t>(value); });
}

}  // namespace joist
