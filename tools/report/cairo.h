// Owners of Cairo's and Pango's objects. Only .cpp files of this folder include this.
#pragma once

#include <memory>
#include <string>

#include <cairo.h>
#include <pango/pangocairo.h>

namespace joist::drawing {

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

using Surface = std::unique_ptr<cairo_surface_t, Release<cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, Release<cairo_destroy>>;
using Layout = std::unique_ptr<PangoLayout, Release<g_object_unref>>;
using Font = std::unique_ptr<PangoFontDescription, Release<pango_font_description_free>>;

/// One line of text, not drawn yet.
inline Layout text(cairo_t* context, const std::string& words, double pixels, bool bold = false) {
  Layout layout(pango_cairo_create_layout(context));
  const Font font(pango_font_description_from_string("Sans"));
  pango_font_description_set_absolute_size(font.get(), pixels * PANGO_SCALE);
  if (bold) pango_font_description_set_weight(font.get(), PANGO_WEIGHT_BOLD);
  pango_layout_set_font_description(layout.get(), font.get());
  pango_layout_set_text(layout.get(), words.c_str(), static_cast<int>(words.size()));
  return layout;
}

struct Extent {
  int width = 0, height = 0;
};
inline Extent extent(PangoLayout* layout) {
  Extent size;
  pango_layout_get_pixel_size(layout, &size.width, &size.height);
  return size;
}

inline void colour(cairo_t* context, std::uint32_t rgb, double opacity = 1) {
  cairo_set_source_rgba(context, (rgb >> 16 & 255U) / 255.0, (rgb >> 8 & 255U) / 255.0, (rgb & 255U) / 255.0, opacity);
}

}  // namespace joist::drawing
