#include <joist/core/error.h>
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/resize.h>
#include <joist/data/decode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace joist {
namespace {

// A strip of 60,000 × 1 pixels must not become a picture of gigabytes.
constexpr double max_covering_ratio = 8;

ScaledPicture scaled_from(Picture picture, int full_width, int full_height, int longer_side) {
  const double scale = static_cast<double>(longer_side) / std::max(full_width, full_height);
  const auto side = [&](int full) { return std::max(1, static_cast<int>(std::lround(full * scale))); };
  const int width = side(full_width), height = side(full_height);
  if (picture.width != width || picture.height != height) picture = resized(picture, width, height);
  return {std::move(picture), full_width, full_height};
}

}  // namespace

LabelledBox Letterbox::inside(const Box& box, int category) const {
  return {static_cast<float>(box.x * scale_x + left), static_cast<float>(box.y * scale_y + top),
          static_cast<float>(box.right() * scale_x + left), static_cast<float>(box.bottom() * scale_y + top), category};
}

ObjectShape Letterbox::inside(const Outline& outline) const {
  const auto across = [&](double x) { return static_cast<float>(x * scale_x + left); };
  const auto down = [&](double y) { return static_cast<float>(y * scale_y + top); };
  ObjectShape shape;
  for (const std::vector<double>& polygon : outline.polygons) {
    auto& corners = shape.outline.emplace_back();
    for (std::size_t i = 0; i + 1 < polygon.size(); i += 2)
      corners.push_back({across(polygon[i]), down(polygon[i + 1])});
  }
  for (const Keypoint& point : outline.keypoints)
    shape.keypoints.push_back({across(point.x), down(point.y), point.visibility});
  return shape;
}

Box Letterbox::outside(const LabelledBox& box) const {
  const auto x = [&](double value) { return std::clamp((value - left) / scale_x, 0.0, static_cast<double>(width)); };
  const auto y = [&](double value) { return std::clamp((value - top) / scale_y, 0.0, static_cast<double>(height)); };
  return {x(box.x1), y(box.y1), x(box.x2) - x(box.x1), y(box.y2) - y(box.y1)};
}

Letterbox ScaledPicture::frame() const noexcept {
  return {.size = std::max(picture.width, picture.height),
          .width = full_width,
          .height = full_height,
          .scale_x = static_cast<double>(picture.width) / full_width,
          .scale_y = static_cast<double>(picture.height) / full_height};
}

ScaledPicture scaled_to(Picture picture, int longer_side) {
  const int width = picture.width, height = picture.height;
  if (picture.is_empty()) throw UsageError({.where = "scaled_to", .what = "the picture is empty"});
  return scaled_from(std::move(picture), width, height, longer_side);
}

ScaledPicture load_scaled(const std::string& path, int longer_side) {
  const PictureInfo info = probe(path);
  return scaled_from(decode(path, {.at_least = longer_side}), info.width, info.height, longer_side);
}

ScaledPicture load_covering(const std::string& path, int shorter_side) {
  const PictureInfo info = probe(path);
  const auto [shorter, longer] = std::minmax(info.width, info.height);
  const double ratio = std::min(static_cast<double>(longer) / shorter, max_covering_ratio);
  const int longer_side = static_cast<int>(std::lround(shorter_side * ratio));
  return scaled_from(decode(path, {.at_least = longer_side}), info.width, info.height, longer_side);
}

Letterbox letterbox(const ScaledPicture& scaled, int size, Picture& square) {
  const Picture& picture = scaled.picture;
  if (picture.is_empty() || picture.width > size || picture.height > size) {
    throw InternalError({.where = "letterbox",
                         .what = "a " + std::to_string(picture.width) + "×" + std::to_string(picture.height) +
                                 " picture does not fit a square of " + std::to_string(size)});
  }
  Letterbox result = scaled.frame();
  result.size = size;
  result.left = (size - picture.width) / 2;
  result.top = (size - picture.height) / 2;
  blank(square, size);
  for (int y = 0; y < picture.height; ++y) {
    std::memcpy(square.at(result.left, result.top + y), picture.at(0, y), static_cast<std::size_t>(picture.width) * 3);
  }
  return result;
}

void blank(Picture& square, int size) {
  square.width = square.height = size;
  square.pixels.assign(static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3, pad_value);
}

}  // namespace joist
