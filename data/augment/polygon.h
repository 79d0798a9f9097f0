// Polygons: the outlines of objects, cut at the edges of pictures and measured.
#pragma once

#include <joist/data/augment/example.h>

#include <span>
#include <vector>

namespace joist {

using Polygon = std::vector<Vertex>;

/// The part inside [x1, x2] × [y1, y2] (Sutherland and Hodgman, 1974); of a hollow polygon the parts stay connected by
/// edges of no area. Empty where nothing is inside.
Polygon clipped(std::span<const Vertex> polygon, float x1, float y1, float x2, float y2);

/// The area, whichever way round the corners are listed.
double area(std::span<const Vertex> polygon) noexcept;

/// The smallest upright box around the points; `category` as given. Of no size for no points.
LabelledBox bounds(std::span<const Vertex> points, int category) noexcept;

/// The corners of a box, in order around it.
Polygon corners(const LabelledBox& box);

/// Columns [begin, end) of row y whose pixel centres lie inside, by the even-odd rule: for filling. Sorted.
struct PixelRun {
  int begin, end;
};
void runs(const std::vector<Polygon>& outline, int y, int width, std::vector<PixelRun>& found);

}  // namespace joist
