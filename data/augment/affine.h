// Affine maps of the plane, and pictures drawn through them.
#pragma once

#include <joist/data/augment/example.h>

namespace joist {

/// x' = a·x + b·y + c, y' = d·x + e·y + f.
struct AffineMap {
  double a = 1, b = 0, c = 0;
  double d = 0, e = 1, f = 0;

  struct Point {
    double x, y;
  };
  Point operator()(double x, double y) const noexcept { return {a * x + b * y + c, d * x + e * y + f}; }
  /// By how much areas grow; negative where the map mirrors.
  double determinant() const noexcept { return a * e - b * d; }
};

/// First `second`, then `first`.
AffineMap operator*(const AffineMap& first, const AffineMap& second) noexcept;
/// The map back. The determinant must not be 0.
AffineMap inverse(const AffineMap& map) noexcept;
/// The smallest upright box around the corners of a mapped box.
LabelledBox mapped(const LabelledBox& box, const AffineMap& map) noexcept;
/// The part of a box inside [x1, x2) × [y1, y2); of no area where nothing is inside.
LabelledBox clipped(const LabelledBox& box, float x1, float y1, float x2, float y2) noexcept;

/// A picture lying on a larger canvas, of which the part [x1, x2) × [y1, y2) (canvas pixels) is seen. Whole numbers, so
/// that pictures side by side neither overlap nor leave a gap wherever they are drawn.
struct Placed {
  const Picture* picture = nullptr;
  int left = 0;  ///< canvas position of the picture's corner
  int top = 0;
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

/// Draws what is seen of a placed picture, without ever making the canvas: output pixels are mapped back by `to_canvas`
/// and interpolated between four pixels of the picture. Other output pixels keep their value. Costs about 5 ns per
/// pixel drawn.
void draw(const Placed& placed, const AffineMap& to_canvas, Picture& out);

}  // namespace joist
