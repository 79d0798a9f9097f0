#include <joist/core/error.h>
#include <joist/tools/report/cairo.h>
#include <joist/tools/report/draw.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace joist {
namespace {

// Cairo wants 32-bit pixels, ours are RGB bytes.
drawing::Surface surface_of(const Picture& picture) {
  drawing::Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, picture.width, picture.height));
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS)
    throw EnvironmentError({.where = "draw",
                            .what = "a picture of " + std::to_string(picture.width) + " × " +
                                    std::to_string(picture.height) + " cannot be drawn on",
                            .expected = "at most 32767 pixels a side"});
  cairo_surface_flush(surface.get());
  unsigned char* bytes = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      const std::uint8_t* from = picture.at(x, y);
      const std::uint32_t pixel = std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2];
      std::memcpy(bytes + std::ptrdiff_t{y} * stride + std::ptrdiff_t{x} * 4, &pixel, 4);
    }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

Picture picture_of(cairo_surface_t* surface) {
  cairo_surface_flush(surface);
  Picture picture(cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface));
  const unsigned char* bytes = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      std::uint32_t pixel = 0;
      std::memcpy(&pixel, bytes + std::ptrdiff_t{y} * stride + std::ptrdiff_t{x} * 4, 4);
      std::uint8_t* to = picture.at(x, y);
      to[0] = static_cast<std::uint8_t>(pixel >> 16);
      to[1] = static_cast<std::uint8_t>(pixel >> 8);
      to[2] = static_cast<std::uint8_t>(pixel);
    }
  return picture;
}

void draw_frame(cairo_t* context, const DrawnBox& item, double line) {
  drawing::colour(context, class_colour(item.category), item.dashed ? 0.9 : 1);
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
  const std::uint32_t plate = class_colour(item.category);
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
  const drawing::Surface surface = surface_of(picture);
  const drawing::Context context(cairo_create(surface.get()));
  const double side = std::min(picture.width, picture.height);
  const double line = std::clamp(side / 250, 1.0, 6.0), pixels = std::clamp(side / 32, 10.0, 40.0);
  for (const DrawnBox& item : boxes) draw_frame(context.get(), item, line);
  for (const DrawnBox& item : boxes)
    if (!item.label.empty()) draw_label(context.get(), item, pixels, picture);
  return picture_of(surface.get());
}

}  // namespace joist
