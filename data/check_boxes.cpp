#include <joist/data/check_boxes.h>
#include <joist/data/pictures/orientation.h>

#include <algorithm>

namespace joist {

std::string size_text(int width, int height) { return std::to_string(width) + "×" + std::to_string(height); }

std::string box_text(const Box& box) {
  const auto number = [](double value) {
    std::string text = std::to_string(value);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
  };
  return "box " + number(box.x) + "," + number(box.y) + " to " + number(box.right()) + "," + number(box.bottom());
}

double overhang(const Box& box, int width, int height) {
  return std::max({0.0, -box.x, -box.y, box.right() - width, box.bottom() - height});
}

void clip(Annotation& annotation, int width, int height) {
  Box& box = annotation.box;
  const double right = std::clamp(box.right(), 0.0, static_cast<double>(width));
  const double bottom = std::clamp(box.bottom(), 0.0, static_cast<double>(height));
  box.x = std::clamp(box.x, 0.0, static_cast<double>(width));
  box.y = std::clamp(box.y, 0.0, static_cast<double>(height));
  box.width = right - box.x;
  box.height = bottom - box.y;
  annotation.area = std::min(annotation.area, box.area());
}

std::shared_ptr<const Outline> turned(const Outline& outline, const PictureInfo& info) {
  Outline result = scaled(outline, 1, 1);
  const auto turn = [&](double& x, double& y) {
    const Box point = upright({x, y, 0, 0}, info.orientation, info.stored_width, info.stored_height);
    x = point.x;
    y = point.y;
  };
  for (auto& polygon : result.polygons) {
    for (std::size_t i = 0; i + 1 < polygon.size(); i += 2) turn(polygon[i], polygon[i + 1]);
  }
  for (Keypoint& point : result.keypoints) turn(point.x, point.y);
  const bool fits =
      outline.mask && outline.mask->width == info.stored_width && outline.mask->height == info.stored_height;
  result.mask.reset();
  if (fits) {
    // Quarter turns undo each other; the other orientations undo themselves.
    const int back = info.orientation == 6 ? 8 : info.orientation == 8 ? 6 : info.orientation;
    result.mask = resampled(*outline.mask, info.width, info.height, [&](int x, int y) {
      const Box from = upright({x + 0.5, y + 0.5, 0, 0}, back, info.width, info.height);
      return std::pair(static_cast<int>(from.x), static_cast<int>(from.y));
    });
  }
  return std::make_shared<const Outline>(std::move(result));
}

}  // namespace joist
