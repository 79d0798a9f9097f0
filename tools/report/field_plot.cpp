#include <joist/tools/report/cairo.h>
#include <joist/tools/report/draw.h>
#include <joist/tools/report/field_plot.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr double left = 48, top = 26, below = 24;

// From deep to high.
constexpr std::array<std::array<double, 3>, 5> stops{
    {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}}};

std::uint32_t shade(double t) {
  const double at = std::clamp(t, 0.0, 1.0) * (stops.size() - 1);
  const std::size_t i = std::min(stops.size() - 2, static_cast<std::size_t>(at));
  std::uint32_t rgb = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double value = stops[i][k] + (at - static_cast<double>(i)) * (stops[i + 1][k] - stops[i][k]);
    rgb = rgb << 8 | static_cast<std::uint32_t>(255 - (255 - value) * 0.75);
  }
  return rgb;
}

class FieldCanvas {
 public:
  FieldCanvas(const FieldPlot& plot, cairo_t* context) : plot_(plot), c_(context) {
    std::vector<double> fine;
    for (const double v : plot.values)
      if (std::isfinite(v)) fine.push_back(v);
    if (fine.empty()) fine = {0};
    std::sort(fine.begin(), fine.end());
    low_ = fine.front();
    const double spread = fine.back() - low_, middle = fine[fine.size() / 2] - low_;
    floor_ = std::max({middle * 1e-2, spread * 1e-9, 1e-300});
    range_ = std::max(std::log1p(spread / floor_), 1e-12);
  }

  void draw() {
    colours();
    lines();
    cairo_save(c_);
    cairo_rectangle(c_, left, top, plot_.size, plot_.size);
    cairo_clip(c_);
    for (const auto& [mx, my] : plot_.marks) mark(x(mx), y(my));
    for (std::size_t i = 0; i < plot_.paths.size(); ++i) path(plot_.paths[i], static_cast<int>(i));
    cairo_restore(c_);
    labels();
  }

 private:
  double x(double v) const { return left + (v - plot_.domain[0]) / (plot_.domain[1] - plot_.domain[0]) * plot_.size; }
  double y(double v) const {
    return top + plot_.size - (v - plot_.domain[2]) / (plot_.domain[3] - plot_.domain[2]) * plot_.size;
  }
  double height(int i, int j) const {
    const double v =
        plot_.values[static_cast<std::size_t>(i) * static_cast<std::size_t>(plot_.side) + static_cast<std::size_t>(j)];
    return std::isfinite(v) ? std::log1p((v - low_) / floor_) / range_ : 1;
  }

  // As a picture with a pixel per value, stretched: a drawing of rectangles would be large as SVG.
  void colours() {
    Picture picture(plot_.side, plot_.side);
    for (int i = 0; i < plot_.side; ++i)
      for (int j = 0; j < plot_.side; ++j) {
        const std::uint32_t rgb = shade(height(i, j));
        std::uint8_t* to = picture.at(j, plot_.side - 1 - i);
        for (int k = 0; k < 3; ++k) to[k] = static_cast<std::uint8_t>(rgb >> (16 - 8 * k));
      }
    const drawing::Surface surface = drawing::surface_of(picture);
    cairo_save(c_);
    cairo_translate(c_, left, top);
    cairo_scale(c_, plot_.size / static_cast<double>(plot_.side), plot_.size / static_cast<double>(plot_.side));
    cairo_set_source_surface(c_, surface.get(), 0, 0);
    cairo_pattern_set_filter(cairo_get_source(c_), CAIRO_FILTER_NEAREST);
    cairo_paint(c_);
    cairo_restore(c_);
  }

  // Marching squares.
  void lines() {
    const double scale = plot_.size / static_cast<double>(plot_.side - 1);
    drawing::colour(c_, 0xffffff, 0.65);
    cairo_set_line_width(c_, 0.7);
    for (double level = 0.06; level < 1; level += 0.075) {
      for (int i = 0; i + 1 < plot_.side; ++i)
        for (int j = 0; j + 1 < plot_.side; ++j) {
          const std::array<std::array<int, 2>, 4> corners{{{j, i}, {j + 1, i}, {j + 1, i + 1}, {j, i + 1}}};
          std::vector<std::array<double, 2>> cuts;
          for (std::size_t k = 0; k < 4; ++k) {
            const auto &m = corners[k], &n = corners[(k + 1) % 4];
            const double p = height(m[1], m[0]) - level, q = height(n[1], n[0]) - level;
            if ((p < 0) == (q < 0)) continue;
            const double s = p / (p - q);
            cuts.push_back(
                {left + (m[0] + s * (n[0] - m[0])) * scale, top + plot_.size - (m[1] + s * (n[1] - m[1])) * scale});
          }
          for (std::size_t k = 0; k + 1 < cuts.size(); k += 2) {
            cairo_move_to(c_, cuts[k][0], cuts[k][1]);
            cairo_line_to(c_, cuts[k + 1][0], cuts[k + 1][1]);
          }
        }
      cairo_stroke(c_);
    }
  }

  void mark(double at_x, double at_y) {
    drawing::colour(c_, 0xffffff);
    cairo_set_line_width(c_, 2);
    cairo_move_to(c_, at_x - 5, at_y);
    cairo_line_to(c_, at_x + 5, at_y);
    cairo_move_to(c_, at_x, at_y - 5);
    cairo_line_to(c_, at_x, at_y + 5);
    cairo_stroke(c_);
  }

  void path(const Series& series, int index) {
    for (const bool edge : {true, false}) {
      drawing::colour(c_, edge ? 0xffffff : class_colour(index));
      cairo_set_line_width(c_, edge ? 3.5 : 1.8);
      for (const auto& [px, py] : series.points)
        if (std::isfinite(px) && std::isfinite(py)) cairo_line_to(c_, x(px), y(py));
      cairo_stroke(c_);
    }
    if (series.points.empty() || !std::isfinite(series.points.back().first)) return;
    cairo_arc(c_, x(series.points.back().first), y(series.points.back().second), 4, 0, 6.2832);
    cairo_fill(c_);
  }

  void write(const std::string& words, double at_x, double at_y, double pixels, double share, bool bold = false) {
    const drawing::Layout layout = drawing::text(c_, words, pixels, bold);
    const auto [width, height] = drawing::extent(layout.get());
    cairo_move_to(c_, at_x - share * width, at_y - height / 2.0);
    pango_cairo_show_layout(c_, layout.get());
  }

  void labels() {
    drawing::colour(c_, 0x202020);
    write(plot_.title, left, 13, 13, 0, true);
    for (const double t : ticks(plot_.domain[0], plot_.domain[1]))
      write(fmt::format("{:.4g}", t), x(t), top + plot_.size + 11, 10, 0.5);
    for (const double t : ticks(plot_.domain[2], plot_.domain[3]))
      write(fmt::format("{:.4g}", t), left - 5, y(t), 10, 1);
    double at = top + 10;
    for (std::size_t i = 0; i < std::min<std::size_t>(plot_.paths.size(), 12); ++i, at += 15) {
      drawing::colour(c_, 0xffffff, 0.8);
      const auto [width, height] = drawing::extent(drawing::text(c_, plot_.paths[i].name, 10.5).get());
      cairo_rectangle(c_, left + plot_.size - 24 - width, at - 7.5, width + 20, height + 1);
      cairo_fill(c_);
      drawing::colour(c_, class_colour(static_cast<int>(i)));
      cairo_rectangle(c_, left + plot_.size - 16, at - 4, 8, 8);
      cairo_fill(c_);
      drawing::colour(c_, 0x202020);
      write(plot_.paths[i].name, left + plot_.size - 20, at, 10.5, 1);
    }
  }

  const FieldPlot& plot_;
  cairo_t* c_;
  double low_ = 0, floor_ = 1, range_ = 1;
};

int width_of(const FieldPlot& plot) { return plot.size + static_cast<int>(left) + 14; }
int height_of(const FieldPlot& plot) { return plot.size + static_cast<int>(top + below); }

}  // namespace

std::string svg(const FieldPlot& plot) {
  return drawing::svg_of(width_of(plot), height_of(plot), [&](cairo_t* c) { FieldCanvas(plot, c).draw(); });
}

Picture picture_of(const FieldPlot& plot) {
  return drawing::picture_of_drawing(width_of(plot), height_of(plot), [&](cairo_t* c) { FieldCanvas(plot, c).draw(); });
}

}  // namespace joist
