#include <joist/tools/report/cairo.h>
#include <joist/tools/report/draw.h>
#include <joist/tools/report/plot.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <cairo-svg.h>
#include <fmt/format.h>

namespace joist {
namespace {

constexpr double left = 56, right = 14, top = 30, bottom = 44;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void settle() {
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) high = low + (low == 0 ? 1 : std::fabs(low) * 0.1);
  }
  double place(double value) const { return (value - low) / (high - low); }
};

class Canvas {
 public:
  explicit Canvas(const Plot& plot)
      : plot_(plot),
        surface_(cairo_svg_surface_create_for_stream(
            [](void* text, const unsigned char* bytes, unsigned length) {
              static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), length);
              return CAIRO_STATUS_SUCCESS;
            },
            &text_, plot.width, plot.height)),
        context_(cairo_create(surface_.get())) {
    cairo_svg_surface_set_document_unit(surface_.get(), CAIRO_SVG_UNIT_PX);
    for (const Series& series : plot.series)
      for (const auto& [px, py] : series.points)
        if (std::isfinite(px) && std::isfinite(py)) x_.take(px), y_.take(py);
    if (plot.from_zero && y_.low > 0) y_.low = 0;
    x_.settle();
    y_.settle();
  }

  std::string finish() {
    axes();
    for (std::size_t i = 0; i < plot_.series.size(); ++i) line(plot_.series[i], static_cast<int>(i));
    legend();
    context_.reset();
    cairo_surface_finish(surface_.get());
    return text_.substr(text_.find("<svg"));
  }

 private:
  double x(double value) const { return left + x_.place(value) * (plot_.width - left - right); }
  double y(double value) const { return plot_.height - bottom - y_.place(value) * (plot_.height - top - bottom); }

  enum class Anchor { start, middle, end };
  void write(const std::string& words, double at_x, double at_y, double pixels, Anchor anchor, bool bold = false) {
    const drawing::Layout layout = drawing::text(context_.get(), words, pixels, bold);
    const auto [width, height] = drawing::extent(layout.get());
    const double shift = anchor == Anchor::start ? 0 : anchor == Anchor::middle ? width / 2.0 : width;
    cairo_move_to(context_.get(), at_x - shift, at_y - height / 2.0);
    pango_cairo_show_layout(context_.get(), layout.get());
  }

  void axes() {
    cairo_t* c = context_.get();
    drawing::colour(c, 0x202020);
    write(plot_.title, left, 13, 13, Anchor::start, true);
    write(plot_.x_axis, (left + plot_.width - right) / 2, plot_.height - 11, 11, Anchor::middle);
    write(plot_.y_axis, plot_.width - right, 13, 11, Anchor::end);
    cairo_set_line_width(c, 1);
    for (double tick : ticks(y_.low, y_.high)) {
      drawing::colour(c, 0xdddddd);
      cairo_move_to(c, left, y(tick));
      cairo_line_to(c, plot_.width - right, y(tick));
      cairo_stroke(c);
      drawing::colour(c, 0x404040);
      write(fmt::format("{:.4g}", tick), left - 6, y(tick), 10, Anchor::end);
    }
    for (double tick : ticks(x_.low, x_.high)) {
      drawing::colour(c, 0x404040);
      write(fmt::format("{:.4g}", tick), x(tick), plot_.height - bottom + 12, 10, Anchor::middle);
    }
    cairo_move_to(c, left, top);
    cairo_line_to(c, left, plot_.height - bottom);
    cairo_line_to(c, plot_.width - right, plot_.height - bottom);
    cairo_stroke(c);
  }

  void line(const Series& series, int index) {
    cairo_t* c = context_.get();
    drawing::colour(c, class_colour(index));
    cairo_set_line_width(c, 1.8);
    bool drawing_line = false;
    for (const auto& [px, py] : series.points) {
      if (!std::isfinite(px) || !std::isfinite(py)) {
        drawing_line = false;
        continue;
      }
      if (drawing_line) {
        cairo_line_to(c, x(px), y(py));
      } else {
        cairo_move_to(c, x(px), y(py));
      }
      drawing_line = true;
    }
    cairo_stroke(c);
    if (series.points.size() == 1 && std::isfinite(series.points[0].first) && std::isfinite(series.points[0].second)) {
      cairo_arc(c, x(series.points[0].first), y(series.points[0].second), 3, 0, 6.2832);
      cairo_fill(c);
    }
  }

  void legend() {
    if (plot_.series.size() < 2) return;
    double at = top + 8;
    for (std::size_t i = 0; i < std::min<std::size_t>(plot_.series.size(), 12); ++i, at += 15) {
      drawing::colour(context_.get(), class_colour(static_cast<int>(i)));
      cairo_rectangle(context_.get(), plot_.width - right - 12, at - 4, 8, 8);
      cairo_fill(context_.get());
      drawing::colour(context_.get(), 0x202020);
      write(plot_.series[i].name, plot_.width - right - 17, at, 10.5, Anchor::end);
    }
  }

  const Plot& plot_;
  std::string text_;
  drawing::Surface surface_;
  drawing::Context context_;
  Range x_, y_;
};

}  // namespace

std::vector<double> ticks(double low, double high, int wanted) {
  const double rough = (high - low) / std::max(wanted, 1);
  if (!(rough > 0) || !std::isfinite(rough)) return {low};
  const double unit = std::pow(10.0, std::floor(std::log10(rough)));
  const double step = unit * (rough / unit < 1.5 ? 1 : rough / unit < 3.5 ? 2 : rough / unit < 7.5 ? 5 : 10);
  std::vector<double> result;
  for (double at = std::ceil(low / step - 1e-9); at * step <= high + step * 1e-9; ++at)
    result.push_back(at * step + 0.0);  // + 0: never "-0"
  return result;
}

std::string svg(const Plot& plot) { return Canvas(plot).finish(); }

}  // namespace joist
