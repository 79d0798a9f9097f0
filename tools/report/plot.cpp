#include <joist/tools/report/cairo.h>
#include <joist/tools/report/draw.h>
#include <joist/tools/report/plot.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

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
  Canvas(const Plot& plot, cairo_t* context) : plot_(plot), context_(context) {
    for (const Series& series : plot.series) {
      for (const auto& [px, py] : series.points) take(px, py);
      for (const auto& [px, low, high] : series.band) take(px, low), take(px, high);
    }
    if (plot.from_zero && !plot.log_y && y_.low > 0) y_.low = 0;
    x_.settle();
    y_.settle();
  }

  void draw() {
    axes();
    for (std::size_t i = 0; i < plot_.series.size(); ++i) line(plot_.series[i], static_cast<int>(i));
    legend();
  }

 private:
  double on_x(double value) const { return plot_.log_x ? std::log10(value) : value; }
  double on_y(double value) const { return plot_.log_y ? std::log10(value) : value; }
  bool fine(double px, double py) const { return std::isfinite(on_x(px)) && std::isfinite(on_y(py)); }
  void take(double px, double py) {
    if (fine(px, py)) x_.take(on_x(px)), y_.take(on_y(py));
  }
  double x(double value) const { return left + x_.place(on_x(value)) * (plot_.width - left - right); }
  double y(double value) const { return plot_.height - bottom - y_.place(on_y(value)) * (plot_.height - top - bottom); }
  // Values at the ticks of an axis; whole powers of ten where it is logarithmic and they are enough.
  static std::vector<double> ticks_of(const Range& range, bool logarithmic) {
    std::vector<double> list = ticks(range.low, range.high);
    if (!logarithmic) return list;
    std::vector<double> whole;
    std::copy_if(list.begin(), list.end(), std::back_inserter(whole), [](double t) { return t == std::round(t); });
    if (whole.size() > 1) list = whole;
    for (double& one : list) one = std::pow(10.0, one);
    return list;
  }

  enum class Anchor { start, middle, end };
  void write(const std::string& words, double at_x, double at_y, double pixels, Anchor anchor, bool bold = false) {
    const drawing::Layout layout = drawing::text(context_, words, pixels, bold);
    const auto [width, height] = drawing::extent(layout.get());
    const double shift = anchor == Anchor::start ? 0 : anchor == Anchor::middle ? width / 2.0 : width;
    cairo_move_to(context_, at_x - shift, at_y - height / 2.0);
    pango_cairo_show_layout(context_, layout.get());
  }

  void axes() {
    cairo_t* c = context_;
    drawing::colour(c, 0x202020);
    write(plot_.title, left, 13, 13, Anchor::start, true);
    write(plot_.x_axis, (left + plot_.width - right) / 2, plot_.height - 11, 11, Anchor::middle);
    write(plot_.y_axis, plot_.width - right, 13, 11, Anchor::end);
    cairo_set_line_width(c, 1);
    for (double tick : ticks_of(y_, plot_.log_y)) {
      drawing::colour(c, 0xdddddd);
      cairo_move_to(c, left, y(tick));
      cairo_line_to(c, plot_.width - right, y(tick));
      cairo_stroke(c);
      drawing::colour(c, 0x404040);
      write(fmt::format("{:.4g}", tick), left - 6, y(tick), 10, Anchor::end);
    }
    for (double tick : ticks_of(x_, plot_.log_x)) {
      drawing::colour(c, 0x404040);
      write(fmt::format("{:.4g}", tick), x(tick), plot_.height - bottom + 12, 10, Anchor::middle);
    }
    cairo_move_to(c, left, top);
    cairo_line_to(c, left, plot_.height - bottom);
    cairo_line_to(c, plot_.width - right, plot_.height - bottom);
    cairo_stroke(c);
  }

  void line(const Series& series, int index) {
    cairo_t* c = context_;
    shade(series, index);
    drawing::colour(c, class_colour(index));
    cairo_set_line_width(c, 1.8);
    if (series.dashed) cairo_set_dash(c, dash.data(), 2, 0);
    bool drawing_line = false;
    for (const auto& [px, py] : series.points) {
      if (!fine(px, py)) {
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
    cairo_set_dash(c, nullptr, 0, 0);
    if (series.points.size() != 1 && !series.dots) return;
    for (const auto& [px, py] : series.points) {
      if (!fine(px, py)) continue;
      cairo_arc(c, x(px), y(py), 3, 0, 6.2832);
      cairo_fill(c);
    }
  }

  void shade(const Series& series, int index) {
    std::vector<std::array<double, 3>> band;
    for (const auto& one : series.band)
      if (fine(one[0], one[1]) && fine(one[0], one[2])) band.push_back(one);
    if (band.size() < 2) return;
    drawing::colour(context_, class_colour(index), 0.18);
    for (const auto& [px, low, high] : band) cairo_line_to(context_, x(px), y(high));
    for (auto one = band.rbegin(); one != band.rend(); ++one) cairo_line_to(context_, x((*one)[0]), y((*one)[1]));
    cairo_close_path(context_);
    cairo_fill(context_);
  }

  void legend() {
    if (plot_.series.size() < 2) return;
    double at = top + 8;
    for (std::size_t i = 0; i < std::min<std::size_t>(plot_.series.size(), 12); ++i, at += 15) {
      drawing::colour(context_, class_colour(static_cast<int>(i)));
      cairo_rectangle(context_, plot_.width - right - 12, at - 4, 8, 8);
      cairo_fill(context_);
      drawing::colour(context_, 0x202020);
      write(plot_.series[i].name, plot_.width - right - 17, at, 10.5, Anchor::end);
    }
  }

  static constexpr std::array<double, 2> dash{5, 4};
  const Plot& plot_;
  cairo_t* context_;
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

std::string svg(const Plot& plot) {
  return drawing::svg_of(plot.width, plot.height, [&](cairo_t* context) { Canvas(plot, context).draw(); });
}

Picture picture_of(const Plot& plot) {
  return drawing::picture_of_drawing(plot.width, plot.height, [&](cairo_t* context) { Canvas(plot, context).draw(); });
}

}  // namespace joist
