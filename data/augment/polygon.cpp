#include <joist/data/augment/polygon.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace joist {
namespace {

// Keeps the side of a line where `inside` is not negative; it is linear in the point.
template <class Inside>
void cut(const Polygon& polygon, Polygon& kept, const Inside& inside) {
  kept.clear();
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Vertex& a = polygon[i];
    const Vertex& b = polygon[(i + 1) % polygon.size()];
    const float at_a = inside(a), at_b = inside(b);
    if (at_a >= 0) kept.push_back(a);
    if ((at_a < 0) == (at_b < 0)) continue;
    const float share = at_a / (at_a - at_b);
    kept.push_back({a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share});
  }
}

}  // namespace

Polygon clipped(std::span<const Vertex> polygon, float x1, float y1, float x2, float y2) {
  Polygon one(polygon.begin(), polygon.end()), two;
  cut(one, two, [x1](const Vertex& p) { return p.x - x1; });
  cut(two, one, [x2](const Vertex& p) { return x2 - p.x; });
  cut(one, two, [y1](const Vertex& p) { return p.y - y1; });
  cut(two, one, [y2](const Vertex& p) { return y2 - p.y; });
  for (Vertex& point : one) point = {std::clamp(point.x, x1, x2), std::clamp(point.y, y1, y2)};  // rounding
  if (one.size() < 3) one.clear();
  return one;
}

double area(std::span<const Vertex> polygon) noexcept {
  double twice = 0;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Vertex& a = polygon[i];
    const Vertex& b = polygon[(i + 1) % polygon.size()];
    twice += static_cast<double>(a.x) * b.y - static_cast<double>(b.x) * a.y;
  }
  return std::abs(twice) / 2;
}

LabelledBox bounds(std::span<const Vertex> points, int category) noexcept {
  if (points.empty()) return {.category = category};
  LabelledBox box{points[0].x, points[0].y, points[0].x, points[0].y, category};
  for (const Vertex& point : points) {
    box.x1 = std::min(box.x1, point.x);
    box.y1 = std::min(box.y1, point.y);
    box.x2 = std::max(box.x2, point.x);
    box.y2 = std::max(box.y2, point.y);
  }
  return box;
}

Polygon corners(const LabelledBox& box) {
  return {{box.x1, box.y1}, {box.x2, box.y1}, {box.x2, box.y2}, {box.x1, box.y2}};
}

void runs(const std::vector<Polygon>& outline, int y, int width, std::vector<PixelRun>& found) {
  found.clear();
  const float middle = static_cast<float>(y) + 0.5F;
  thread_local std::vector<float> crossings;
  crossings.clear();
  for (const Polygon& polygon : outline) {
    for (std::size_t i = 0; i < polygon.size(); ++i) {
      const Vertex& a = polygon[i];
      const Vertex& b = polygon[(i + 1) % polygon.size()];
      if ((a.y <= middle) == (b.y <= middle)) continue;
      crossings.push_back(a.x + (b.x - a.x) * (middle - a.y) / (b.y - a.y));
    }
  }
  std::sort(crossings.begin(), crossings.end());
  const auto column = [width](float x) {
    return static_cast<int>(std::clamp(std::ceil(x - 0.5F), 0.0F, static_cast<float>(width)));
  };
  for (std::size_t i = 0; i + 1 < crossings.size(); i += 2) {
    const PixelRun run{column(crossings[i]), column(crossings[i + 1])};
    if (run.begin < run.end) found.push_back(run);
  }
}

}  // namespace joist
