#include <joist/tools/report/cairo.h>
#include <joist/tools/report/draw.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace joist {
namespace {

void draw_frame(cairo_t* context, const DrawnBox& item, double line) {
  drawing::colour(context, item.colour.value_or(class_colour(item.category)), item.dashed ? 0.9 : 1);
  cairo_set_line_width(context, item.dashed ? line * 0.7 : line);
  const std::array<double, 2> dashes{line * 3, line * 2};
  cairo_set_dash(context, dashes.data(), item.dashed ? 2 : 0, 0);
  cairo_rectangle(context, item.box.x, item.box.y, item.box.width, item.box.height);
  cairo_stroke(context);
}

// On a plate of the class's colour above the box, or inside it where there is no room above.
void draw_label(cairo_t* context, const DrawnBox& item, double pixels, const Picture& picture) {
  const drawing::Layout words = drawing::text(context, item.label, pixels, true);
  const auto [width, height] = drawing::extent(words.get());
  const double x = std::clamp(item.box.x, 0.0, std::max(picture.width - width - 4.0, 0.0));
  const double y = item.box.y >= height ? item.box.y - height : std::max(item.box.y, 0.0);
  const std::uint32_t plate = item.colour.value_or(class_colour(item.category));
  drawing::colour(context, plate);
  cairo_rectangle(context, x, y, width + 4, height);
  cairo_fill(context);
  const double luminance = 0.299 * (plate >> 16 & 255U) + 0.587 * (plate >> 8 & 255U) + 0.114 * (plate & 255U);
  drawing::colour(context, luminance > 140 ? 0x000000 : 0xffffff);
  cairo_move_to(context, x + 2, y);
  pango_cairo_show_layout(context, words.get());
}

}  // namespace

std::uint32_t class_colour(int category) {
  // Hues a golden angle apart never come close to their predecessors.
  const double hue = std::fmod(0.02 + 0.61803398875 * category, 1.0) * 6;
  const double lightness = category % 3 == 1 ? 0.75 : 1.0;
  const auto channel = [&](double offset) {
    const double k = std::fmod(offset + hue, 6.0);
    const double value = lightness * (1 - 0.85 * std::clamp(std::min(k, 4 - k), 0.0, 1.0));
    return static_cast<std::uint32_t>(std::lround(255 * value));
  };
  return channel(5) << 16 | channel(3) << 8 | channel(1);
}

Picture draw_boxes(const Picture& picture, const std::vector<DrawnBox>& boxes) {
  if (picture.is_empty()) return picture;
  const drawing::Surface surface = drawing::surface_of(picture);
  const drawing::Context context(cairo_create(surface.get()));
  const double side = std::min(picture.width, picture.height);
  const double line = std::clamp(side / 250, 1.0, 6.0), pixels = std::clamp(side / 32, 10.0, 40.0);
  for (const DrawnBox& item : boxes) draw_frame(context.get(), item, line);
  for (const DrawnBox& item : boxes)
    if (!item.label.empty()) draw_label(context.get(), item, pixels, picture);
  return drawing::picture_of(surface.get());
}

}  // namespace joist
