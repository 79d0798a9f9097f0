#include <joist/tools/report/cairo.h>
#include <joist/tools/report/filter_sheet.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr int margin = 24, card_width = 324, map_side = 150, gap = 24, line = 20;
constexpr std::uint32_t ink = 0x1b1f24, faint = 0x6a737d, frame = 0xd0d7de;

std::uint32_t mixed(std::uint32_t a, std::uint32_t b, double share) {
  std::uint32_t result = 0;
  for (const int shift : {16, 8, 0}) {
    const double from = a >> shift & 255U, to = b >> shift & 255U;
    result |= static_cast<std::uint32_t>(std::lround(from + (to - from) * share)) << shift;
  }
  return result;
}

// Blue below 0, white at 0, red above.
std::uint32_t diverging(double value) {
  return value < 0 ? mixed(0xffffff, 0x2166ac, std::min(-value, 1.0)) : mixed(0xffffff, 0xb2182b, std::min(value, 1.0));
}
// From black over violet and orange to light yellow.
std::uint32_t rising(double value) {
  constexpr std::array<std::uint32_t, 6> stops{0x000004, 0x420a68, 0x932667, 0xdd513a, 0xfca50a, 0xfcffa4};
  const double at = std::clamp(value, 0.0, 1.0) * (stops.size() - 1);
  const std::size_t low = std::min(static_cast<std::size_t>(at), stops.size() - 2);
  return mixed(stops[low], stops[low + 1], at - static_cast<double>(low));
}

int write(cairo_t* context, const std::string& words, double x, double y, double pixels, std::uint32_t rgb,
          bool bold = false, int room = 0) {
  const drawing::Layout layout = drawing::text(context, words, pixels, bold);
  if (room > 0) {
    pango_layout_set_width(layout.get(), room * PANGO_SCALE);
    pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_MIDDLE);
  }
  drawing::colour(context, rgb);
  cairo_move_to(context, x, y);
  pango_cairo_show_layout(context, layout.get());
  return drawing::extent(layout.get()).height;
}

void outline(cairo_t* context, double x, double y, double width, double height) {
  drawing::colour(context, frame);
  cairo_set_line_width(context, 1);
  cairo_rectangle(context, x - 0.5, y - 0.5, width + 1, height + 1);
  cairo_stroke(context);
}

struct Size {
  int width = 0, height = 0;
};
Size shown(const Picture& picture) {
  const double factor = std::min(1.0, static_cast<double>(card_width) / std::max(picture.width, picture.height));
  return {std::max(1, static_cast<int>(std::lround(picture.width * factor))),
          std::max(1, static_cast<int>(std::lround(picture.height * factor)))};
}

void paste(cairo_t* context, const Picture& picture, double x, double y) {
  const Size size = shown(picture);
  const drawing::Surface surface = drawing::surface_of(picture);
  cairo_save(context);
  cairo_translate(context, x, y);
  cairo_scale(context, static_cast<double>(size.width) / picture.width,
              static_cast<double>(size.height) / picture.height);
  cairo_set_source_surface(context, surface.get(), 0, 0);
  cairo_pattern_set_filter(cairo_get_source(context), CAIRO_FILTER_BEST);
  cairo_rectangle(context, 0, 0, picture.width, picture.height);
  cairo_fill(context);
  cairo_restore(context);
  outline(context, x, y, size.width, size.height);
}

// Cells of a map of rows × columns in the square at x, y.
template <class Colour>
void draw_map(cairo_t* context, std::int64_t rows, std::int64_t columns, double x, double y, Colour&& colour) {
  const double cell = static_cast<double>(map_side) / static_cast<double>(std::max(rows, columns));
  cairo_set_antialias(context, CAIRO_ANTIALIAS_NONE);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) {
      drawing::colour(context, colour(i, j));
      cairo_rectangle(context, x + static_cast<double>(j) * cell, y + static_cast<double>(i) * cell, cell, cell);
      cairo_fill(context);
    }
  cairo_set_antialias(context, CAIRO_ANTIALIAS_DEFAULT);
  outline(context, x, y, cell * static_cast<double>(columns), cell * static_cast<double>(rows));
}

void draw_window(cairo_t* context, const Filter& filter, double x, double y) {
  const Shape& shape = filter.window.shape();
  const std::vector<float> values = filter.window.to_vector<float>();
  double largest = 1e-30;
  for (const float value : values) largest = std::max(largest, std::abs(static_cast<double>(value)));
  const auto value = [&](std::int64_t c, std::int64_t i, std::int64_t j) {
    return static_cast<double>(values[static_cast<std::size_t>((c * shape[1] + i) * shape[2] + j)]);
  };
  draw_map(context, shape[1], shape[2], x, y, [&](std::int64_t i, std::int64_t j) {
    if (shape[0] == 1) return diverging(value(0, i, j) / largest);
    std::uint32_t rgb = 0;  // red, green and blue around middle gray
    for (std::int64_t c = 0; c < 3; ++c)
      rgb = rgb << 8 | static_cast<std::uint32_t>(std::lround(127.5 + 127.5 * value(c, i, j) / largest));
    return rgb;
  });
  if (shape[0] != 1 || std::max(shape[1], shape[2]) > 5) return;
  const double cell = static_cast<double>(map_side) / static_cast<double>(std::max(shape[1], shape[2]));
  for (std::int64_t i = 0; i < shape[1]; ++i)
    for (std::int64_t j = 0; j < shape[2]; ++j) {
      const drawing::Layout number = drawing::text(context, fmt::format("{:.2g}", value(0, i, j)), cell > 40 ? 13 : 10);
      const auto [width, height] = drawing::extent(number.get());
      drawing::colour(context, std::abs(value(0, i, j)) > 0.6 * largest ? 0xffffff : ink);
      cairo_move_to(context, x + (static_cast<double>(j) + 0.5) * cell - width / 2.0,
                    y + (static_cast<double>(i) + 0.5) * cell - height / 2.0);
      pango_cairo_show_layout(context, number.get());
    }
}

void draw_response(cairo_t* context, const Filter& filter, double x, double y) {
  const Array response = frequency_response(filter, map_side);
  const std::vector<float> values = response.to_vector<float>();
  const double largest = std::max(1e-30, static_cast<double>(*std::max_element(values.begin(), values.end())));
  const std::int64_t side = response.shape(0);
  draw_map(context, side, side, x, y, [&](std::int64_t i, std::int64_t j) {
    return rising(static_cast<double>(values[static_cast<std::size_t>(i * side + j)]) / largest);
  });
  write(context, fmt::format("frequencies, up to {:.3g}", largest), x, y + map_side + 5, 11, faint, false, map_side);
}

void draw_card(cairo_t* context, const FilterCard& card, double x, double y, int picture_height) {
  y += write(context, card.title, x, y, 15, ink, true, card_width) + 6;
  const Size size = shown(card.picture);
  paste(context, card.picture, x + (card_width - size.width) / 2.0, y);
  y += picture_height + 6;
  write(context, card.caption, x, y, 11, faint, false, card_width);
  y += line;
  if (!card.filter) return;
  const Shape& shape = card.filter->window.shape();
  draw_window(context, *card.filter, x, y);
  write(context, fmt::format("window, {} × {}", shape[1], shape[2]), x, y + map_side + 5, 11, faint);
  draw_response(context, *card.filter, x + card_width - map_side, y);
}

}  // namespace

Picture picture_of_channels(const Array& channels, bool is_signed, bool stretched) {
  const Shape& shape = channels.shape();
  const std::vector<float> values = channels.to_vector<float>();
  double scale = 1;
  if (stretched && !values.empty()) {
    std::vector<float> magnitudes(values.size());
    std::transform(values.begin(), values.end(), magnitudes.begin(), [](float value) { return std::abs(value); });
    const auto at = magnitudes.begin() + static_cast<std::ptrdiff_t>(magnitudes.size() - 1 - magnitudes.size() / 500);
    std::nth_element(magnitudes.begin(), at, magnitudes.end());
    scale = std::max(static_cast<double>(*at), 1e-12);
  }
  Picture picture(static_cast<int>(shape[2]), static_cast<int>(shape[1]));
  const auto plane = static_cast<std::size_t>(shape[1] * shape[2]);
  for (std::size_t i = 0; i < plane; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      const double value = static_cast<double>(values[(shape[0] == 3 ? c : 0) * plane + i]) / scale;
      const double level = is_signed ? 0.5 + value / 2 : value;
      picture.pixels[i * 3 + c] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(level, 0.0, 1.0)));
    }
  return picture;
}

Picture draw_filter_sheet(const std::string& title, const std::vector<FilterCard>& cards) {
  const int columns = std::clamp(static_cast<int>(cards.size()), 1, 4);
  const int rows = (static_cast<int>(cards.size()) + columns - 1) / columns;
  int picture_height = 1;
  bool windows = false;
  for (const FilterCard& card : cards) {
    picture_height = std::max(picture_height, shown(card.picture).height);
    windows = windows || card.filter.has_value();
  }
  const int row_height = line + 6 + picture_height + 6 + line + (windows ? map_side + line : 0) + gap;
  const int width = 2 * margin + columns * card_width + (columns - 1) * gap;
  const int height = 2 * margin + 2 * line + rows * row_height - gap;
  const drawing::Surface surface = drawing::surface_of(Picture(width, height, 255));
  const drawing::Context context(cairo_create(surface.get()));
  write(context.get(), title, margin, margin, 18, ink, true, width - 2 * margin);
  for (std::size_t i = 0; i < cards.size(); ++i) {
    const int column = static_cast<int>(i) % columns, row = static_cast<int>(i) / columns;
    draw_card(context.get(), cards[i], margin + column * (card_width + gap), margin + 2 * line + row * row_height,
              picture_height);
  }
  return drawing::picture_of(surface.get());
}

}  // namespace joist
