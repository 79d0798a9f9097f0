// Owners of Cairo's and Pango's objects. Only .cpp files of this folder include this.
#pragma once

#include <joist/core/error.h>
#include <joist/data/picture.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include <cairo-svg.h>
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

/// Cairo wants 32-bit pixels, ours are RGB bytes.
/// A copy that can be drawn on. Throws EnvironmentError where it is too large.
inline Surface surface_of(const Picture& picture) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, picture.width, picture.height));
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

inline Picture picture_of(cairo_surface_t* surface) {
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

/// An <svg> element of what `draw(cairo_t*)` draws.
template <class Draw>
std::string svg_of(int width, int height, const Draw& draw) {
  std::string text;
  {
    const Surface surface(cairo_svg_surface_create_for_stream(
        [](void* to, const unsigned char* bytes, unsigned length) {
          static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(bytes), length);
          return CAIRO_STATUS_SUCCESS;
        },
        &text, width, height));
    cairo_svg_surface_set_document_unit(surface.get(), CAIRO_SVG_UNIT_PX);
    {
      const Context context(cairo_create(surface.get()));
      draw(context.get());
    }
    cairo_surface_finish(surface.get());
  }
  return text.substr(text.find("<svg"));
}

/// The same as a picture on white, with `scale` pixels to each unit.
template <class Draw>
Picture picture_of_drawing(int width, int height, const Draw& draw, int scale = 2) {
  const Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width * scale, height * scale));
  const Context context(cairo_create(surface.get()));
  cairo_scale(context.get(), scale, scale);
  colour(context.get(), 0xffffff);
  cairo_paint(context.get());
  draw(context.get());
  return picture_of(surface.get());
}

}  // namespace joist::drawing
