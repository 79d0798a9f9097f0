// Line plots as SVG text with outlined glyphs: they look the same in every browser, whatever fonts it has.
#pragma once

#include <joist/data/picture.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace joist {

struct Series {
  std::string name{};
  std::vector<std::pair<double, double>> points{};  ///< non-finite points interrupt the line
  std::vector<std::array<double, 3>> band{};        ///< x, low, high: a shade around the line
  bool dots = false;                                ///< a dot at every point
  bool dashed = false;
};

struct Plot {
  std::string title{};
  std::string x_axis{}, y_axis{};
  std::vector<Series> series{};
  bool from_zero = true;              ///< the y axis starts at 0 when all values are positive
  int width = 460, height = 300;      ///< pixels
  bool log_x = false, log_y = false;  ///< logarithmic axes; points at or below 0 are left out
};

/// An <svg> element.
std::string svg(const Plot& plot);
/// The same as a picture of twice as many pixels a side, on white.
Picture picture_of(const Plot& plot);

/// Round tick positions that cover [low, high], about `wanted` of them.
std::vector<double> ticks(double low, double high, int wanted = 5);

}  // namespace joist
