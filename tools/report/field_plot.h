// Values over a plane as colours and contour lines, with paths on them.
#pragma once

#include <joist/data/picture.h>
#include <joist/tools/report/plot.h>

#include <array>
#include <string>
#include <vector>

namespace joist {

struct FieldPlot {
  std::string title{};
  std::array<double, 4> domain{};  ///< x from, x to, y from, y to
  int side = 0;
  std::vector<double> values{};  ///< [side, side], the second axis is x; NaN counts as high
  std::vector<Series> paths{};
  std::vector<std::array<double, 2>> marks{};
  int size = 360;  ///< pixels of the plane's side
};

/// Colours follow the logarithm of the height above the lowest value, so that valleys show.
std::string svg(const FieldPlot& plot);
Picture picture_of(const FieldPlot& plot);

}  // namespace joist
