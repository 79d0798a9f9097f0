#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/polygon.h>
#include <joist/data/augment/resize.h>
#include <joist/data/augment/warp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace joist {
namespace {

constexpr double least_depth = 1e-6;  // nearer to the eye than this nothing is drawn

struct Mapped {
  double x, y, w;
};

Mapped apply(const ProjectiveMap& map, double x, double y) {
  const double* m = map.m;
  return {m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], m[6] * x + m[7] * y + m[8]};
}

// The polygon's image. What lies behind the eye is cut off first, since lines through there change ends.
Polygon mapped(std::span<const Vertex> polygon, const ProjectiveMap& map) {
  Polygon result;
  const auto depth = [&](const Vertex& p) { return apply(map, p.x, p.y).w; };
  const auto add = [&](double x, double y) {
    const Mapped at = apply(map, x, y);
    result.push_back({static_cast<float>(at.x / at.w), static_cast<float>(at.y / at.w)});
  };
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Vertex& a = polygon[i];
    const Vertex& b = polygon[(i + 1) % polygon.size()];
    const double at_a = depth(a) - least_depth, at_b = depth(b) - least_depth;
    if (at_a >= 0) add(a.x, a.y);
    if ((at_a < 0) == (at_b < 0)) continue;
    const double share = at_a / (at_a - at_b);
    add(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share);
  }
  return result;
}

void carry_shape(const ObjectShape& from, const ProjectiveMap& map, float width, float height, ObjectShape& to) {
  for (const Polygon& polygon : from.outline) {
    Polygon seen = clipped(mapped(polygon, map), 0, 0, width, height);
    if (!seen.empty()) to.outline.push_back(std::move(seen));
  }
  for (const LabelledKeypoint& point : from.keypoints) {
    const Mapped at = apply(map, point.x, point.y);
    LabelledKeypoint moved{static_cast<float>(at.x / at.w), static_cast<float>(at.y / at.w), point.seen};
    const bool is_inside = at.w > least_depth && moved.x >= 0 && moved.y >= 0 && moved.x < width && moved.y < height;
    if (point.seen == 0 || !is_inside) moved = {};
    to.keypoints.push_back(moved);
  }
}

std::uint8_t between(int a, int b, int c, int d, int right, int down) {
  const int upper = a * (256 - right) + b * right, lower = c * (256 - right) + d * right;
  return static_cast<std::uint8_t>((upper * (256 - down) + lower * down + (1 << 15)) >> 16);
}

}  // namespace

AffineMap ProjectiveMap::affine() const noexcept {
  return {m[0] / m[8], m[1] / m[8], m[2] / m[8], m[3] / m[8], m[4] / m[8], m[5] / m[8]};
}

ProjectiveMap operator*(const ProjectiveMap& first, const ProjectiveMap& second) noexcept {
  ProjectiveMap result;
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      double sum = 0;
      for (int k = 0; k < 3; ++k) sum += first.m[3 * row + k] * second.m[3 * k + column];
      result.m[3 * row + column] = sum;
    }
  }
  return result;
}

ProjectiveMap inverse(const ProjectiveMap& map) noexcept {
  const double* m = map.m;
  ProjectiveMap result;
  const double adjugate[9] = {m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                              m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                              m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
  const double determinant = m[0] * adjugate[0] + m[1] * adjugate[3] + m[2] * adjugate[6];
  for (int i = 0; i < 9; ++i) result.m[i] = adjugate[i] / determinant;
  return result;
}

bool KeepRule::keeps(const LabelledBox& box, double share) const noexcept {
  const float width = box.width(), height = box.height();
  if (!(width > min_side && height > min_side)) return false;
  if (max_aspect > 0 && std::max(width / height, height / width) >= max_aspect) return false;
  return share > static_cast<double>(min_kept);
}

void draw(const Picture& from, const ProjectiveMap& map, Picture& out) {
  const ProjectiveMap back = inverse(map);
  if (back.is_affine()) {
    return draw(Placed{.picture = &from, .x2 = from.width, .y2 = from.height}, back.affine(), out);
  }
  const auto stride = static_cast<std::ptrdiff_t>(from.width) * 3;
  const double width = from.width, height = from.height;
  for (int y = 0; y < out.height; ++y) {
    Mapped at = apply(back, 0.5, y + 0.5);
    std::uint8_t* to = out.at(0, y);
    for (int x = 0; x < out.width; ++x, to += 3, at.x += back.m[0], at.y += back.m[3], at.w += back.m[6]) {
      if (!(at.w > least_depth)) continue;
      const double u = at.x / at.w, v = at.y / at.w;
      if (!(u >= 0 && v >= 0 && u < width && v < height)) continue;
      const int column = static_cast<int>(std::clamp((u - 0.5) * 256, 0.0, (width - 1) * 256));
      const int row = static_cast<int>(std::clamp((v - 0.5) * 256, 0.0, (height - 1) * 256));
      const std::ptrdiff_t right = (column >> 8) + 1 < from.width ? 3 : 0;
      const std::ptrdiff_t down = (row >> 8) + 1 < from.height ? stride : 0;
      const std::uint8_t* p = from.at(column >> 8, row >> 8);
      for (int c = 0; c < 3; ++c, ++p)
        to[c] = between(p[0], p[right], p[down], p[down + right], column & 255, row & 255);
    }
  }
}

void carry_labels(const Example& from, const ProjectiveMap& map, int width, int height, const KeepRule& rule,
                  Example& to) {
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  if (!from.shapes.empty()) to.shapes.resize(to.boxes.size());
  const bool has_shapes = !from.shapes.empty() || !to.shapes.empty();
  for (std::size_t i = 0; i < from.boxes.size(); ++i) {
    const LabelledBox& box = from.boxes[i];
    const Polygon whole = mapped(corners(box), map), left = clipped(whole, 0, 0, w, h);
    if (left.empty()) continue;
    LabelledBox kept = bounds(left, box.category);
    double share = area(left) / std::max(area(whole), 1e-9);
    ObjectShape shape;
    if (!from.shapes.empty()) {
      const ObjectShape& source = from.shapes[i];
      carry_shape(source, map, w, h, shape);
      if (!source.outline.empty()) {
        Polygon all;
        double before = 0, after = 0;
        for (const Polygon& polygon : source.outline) before += area(mapped(polygon, map));
        for (const Polygon& polygon : shape.outline) {
          all.insert(all.end(), polygon.begin(), polygon.end());
          after += area(polygon);
        }
        kept = bounds(all, box.category);
        share = after / std::max(before, 1e-9);
      }
    }
    if (!rule.keeps(kept, share)) continue;
    to.boxes.push_back(kept);
    if (has_shapes) to.shapes.push_back(std::move(shape));
  }
}

void warp(Example& example, const ProjectiveMap& map, int width, int height, const KeepRule& rule, Example& spare) {
  spare.picture.width = width;
  spare.picture.height = height;
  spare.picture.pixels.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3, pad_value);
  spare.boxes.clear();
  spare.shapes.clear();
  draw(example.picture, map, spare.picture);
  carry_labels(example, map, width, height, rule, spare);
  std::swap(example, spare);
}

void crop(Example& example, int left, int top, int width, int height, const KeepRule& rule, Example& spare) {
  spare.picture.width = width;
  spare.picture.height = height;
  spare.picture.pixels.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3, pad_value);
  spare.boxes.clear();
  spare.shapes.clear();
  const Picture& from = example.picture;
  const int begin = std::max(left, 0), end = std::min(left + width, from.width);
  for (int y = std::max(top, 0); begin < end && y < std::min(top + height, from.height); ++y) {
    std::memcpy(spare.picture.at(begin - left, y - top), from.at(begin, y), static_cast<std::size_t>(end - begin) * 3);
  }
  const AffineMap shift{1, 0, -static_cast<double>(left), 0, 1, -static_cast<double>(top)};
  carry_labels(example, ProjectiveMap(shift), width, height, rule, spare);
  std::swap(example, spare);
}

void resize(Example& example, int width, int height) {
  const auto x = static_cast<float>(width) / static_cast<float>(example.picture.width);
  const auto y = static_cast<float>(height) / static_cast<float>(example.picture.height);
  example.picture = resized(example.picture, width, height);
  for (LabelledBox& box : example.boxes) box = {box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y, box.category};
  for (ObjectShape& shape : example.shapes) {
    for (Polygon& polygon : shape.outline)
      for (Vertex& point : polygon) point = {point.x * x, point.y * y};
    for (LabelledKeypoint& point : shape.keypoints) point = {point.x * x, point.y * y, point.seen};
  }
}

void exchange_keypoints(Example& example, std::span<const int> partner) {
  for (ObjectShape& shape : example.shapes) {
    if (shape.keypoints.size() != partner.size()) continue;
    const std::vector<LabelledKeypoint> before = shape.keypoints;
    for (std::size_t i = 0; i < partner.size(); ++i) shape.keypoints[static_cast<std::size_t>(partner[i])] = before[i];
  }
}

void remove_box(Example& example, std::size_t i) {
  const auto place = static_cast<std::ptrdiff_t>(i);
  example.boxes.erase(example.boxes.begin() + place);
  if (!example.shapes.empty()) example.shapes.erase(example.shapes.begin() + place);
}

}  // namespace joist
