// Line plots as SVG text with outlined glyphs: they look the same in every browser, whatever fonts it has.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace joist {

struct Series {
  std::string name{};
  std::vector<std::pair<double, double>> points{};  ///< non-finite points interrupt the line
};

struct Plot {
  std::string title{};
  std::string x_axis{}, y_axis{};
  std::vector<Series> series{};
  bool from_zero = true;          ///< the y axis starts at 0 when all values are positive
  int width = 460, height = 300;  ///< pixels
};

/// An <svg> element.
std::string svg(const Plot& plot);

/// Round tick positions that cover [low, high], about `wanted` of them.
std::vector<double> ticks(double low, double high, int wanted = 5);

}  // namespace joist
