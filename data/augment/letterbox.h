// Whole pictures inside a square: how training, validation and prediction all bring a picture to the network's size.
#pragma once

#include <joist/data/augment/example.h>
#include <joist/data/dataset.h>

#include <cstdint>
#include <string>

namespace joist {

/// Grey of everything that no picture covers.
inline constexpr std::uint8_t pad_value = 114;

/// Makes `square` size × size pixels of pad_value; it keeps its memory.
void blank(Picture& square, int size);

/// How a picture lies in its square: scaled, then shifted. The scales differ by rounding only: scaled sides are whole
/// pixels.
struct Letterbox {
  int size = 0;   ///< side of the square
  int width = 0;  ///< of the whole picture
  int height = 0;
  int left = 0;  ///< columns of padding before the picture
  int top = 0;
  double scale_x = 1;
  double scale_y = 1;

  /// A box of the picture, in pixels of the square.
  LabelledBox inside(const Box& box, int category) const;
  /// Polygons and keypoints of an object likewise; a mask of run lengths is left out, so that its object has its box
  /// only.
  ObjectShape inside(const Outline& outline) const;
  /// A box of the square, in pixels of the picture and clipped to it.
  Box outside(const LabelledBox& box) const;
};

/// A picture that was scaled, and the size it had.
struct ScaledPicture {
  Picture picture{};
  int full_width = 0;
  int full_height = 0;

  /// Maps boxes of the whole picture to the scaled one, without padding.
  Letterbox frame() const noexcept;
};

/// Scales up or down so that the longer side has a given length; the ratio of the sides is kept to the pixel.
ScaledPicture scaled_to(Picture picture, int longer_side);

/// Decodes a file and scales it. A JPEG much larger than needed is decoded at a half, quarter or eighth. Throws
/// DataError as decode() does.
ScaledPicture load_scaled(const std::string& path, int longer_side);

/// The same with the shorter side given, for crops; extremely long pictures come out with a shorter side below it.
ScaledPicture load_covering(const std::string& path, int shorter_side);

/// Lays a picture whose longer side is at most `size` in the middle of a square of pad_value. `square` keeps its
/// memory.
Letterbox letterbox(const ScaledPicture& scaled, int size, Picture& square);

}  // namespace joist
