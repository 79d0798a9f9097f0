#include <joist/tools/report/cairo.h>
#include <joist/tools/report/contact_sheet.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

constexpr int margin = 20, gap = 12, line = 20;
constexpr std::uint32_t ink = 0x1b1f24;

void write(cairo_t* context, const std::string& words, double x, double y, double pixels, bool bold, int room) {
  const drawing::Layout layout = drawing::text(context, words, pixels, bold);
  pango_layout_set_width(layout.get(), room * PANGO_SCALE);
  pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_MIDDLE);
  drawing::colour(context, ink);
  cairo_move_to(context, x, y);
  pango_cairo_show_layout(context, layout.get());
}

}  // namespace

Picture draw_contact_sheet(const std::string& title, const std::vector<SheetPicture>& pictures, int columns, int side) {
  columns = std::clamp(columns, 1, std::max(1, static_cast<int>(pictures.size())));
  const int rows = (static_cast<int>(pictures.size()) + columns - 1) / columns;
  const int width = 2 * margin + columns * (side + gap) - gap;
  const int height = 2 * margin + 2 * line + rows * (side + line + gap);
  const drawing::Surface surface = drawing::surface_of(Picture(width, height, 255));
  const drawing::Context context(cairo_create(surface.get()));
  write(context.get(), title, margin, margin, 17, true, width - 2 * margin);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const Picture& picture = pictures[i].picture;
    const int x = margin + static_cast<int>(i) % columns * (side + gap);
    const int y = margin + 2 * line + static_cast<int>(i) / columns * (side + line + gap);
    write(context.get(), pictures[i].caption, x, y + side + 2, 12, false, side);
    if (picture.is_empty()) continue;
    const double scale = std::min(1.0, static_cast<double>(side) / std::max(picture.width, picture.height));
    const drawing::Surface source = drawing::surface_of(picture);
    cairo_save(context.get());
    cairo_translate(context.get(), x, y);
    cairo_scale(context.get(), scale, scale);
    cairo_set_source_surface(context.get(), source.get(), 0, 0);
    cairo_pattern_set_filter(cairo_get_source(context.get()), CAIRO_FILTER_BEST);
    cairo_rectangle(context.get(), 0, 0, picture.width, picture.height);
    cairo_fill(context.get());
    cairo_restore(context.get());
  }
  return drawing::picture_of(surface.get());
}

}  // namespace joist
