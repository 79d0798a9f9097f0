// The end of an augmentation: what changes single pixels of a picture, and mirror images. It is done where the batch
// is, so that a GPU does it to the bytes that were brought there.
#pragma once

#include <joist/core/array.h>
#include <joist/core/random.h>

namespace joist {

/// First the colours, then the mirror images.
struct PictureChange {
  float turn = 0;        ///< of the hue, in sixths of the colour circle, 0 to below 6
  float saturation = 1;  ///< factor
  float value = 1;       ///< factor of the brightness
  // 1: yes, 0: no
  float upside_down = 0;
  float left_to_right = 0;
  static constexpr std::int64_t numbers = 5;
};
static_assert(sizeof(PictureChange) == PictureChange::numbers * sizeof(float), "a row of an array");

struct Colour {
  float red, green, blue;  ///< 0 … 255
};

namespace detail {
JOIST_HOST_DEVICE inline float least(float a, float b) { return a < b ? a : b; }
JOIST_HOST_DEVICE inline float most(float a, float b) { return a > b ? a : b; }
// The part of colour n (red 5, green 3, blue 1) that is missing at a hue: 0 where it is the largest, 1 where the least.
JOIST_HOST_DEVICE inline float missing(float n, float hue) {
  const float k = hue + n >= 6 ? hue + n - 6 : hue + n;
  return most(least(least(k, 4 - k), 1), 0);
}
JOIST_HOST_DEVICE inline float rounded(float x) { return static_cast<float>(static_cast<int>(x + 0.5F)); }
}  // namespace detail

/// Whole numbers again; the formulas of data/augment's shift_colour(), which computes many pixels at once.
JOIST_HOST_DEVICE inline Colour changed(const Colour& c, const PictureChange& change) {
  using namespace detail;
  const float high = most(most(c.red, c.green), c.blue), chroma = high - least(least(c.red, c.green), c.blue);
  const float unit = 1 / most(chroma, 1);
  float hue = c.red == high     ? (c.green - c.blue) * unit
              : c.green == high ? 2 + (c.blue - c.red) * unit
                                : 4 + (c.red - c.green) * unit;
  hue += change.turn;
  if (hue < 0) hue += 6;
  if (hue >= 6) hue -= 6;
  const float share = change.saturation * chroma / most(high, 1), value = least(change.value * high, 255);
  const float width = value * least(share, 1);
  return {rounded(value - width * missing(5, hue)), rounded(value - width * missing(3, hue)),
          rounded(value - width * missing(1, hue))};
}

/// Each picture changed by its row, as float32 in 0 … 1. pixels: uint8 [n, 3, height, width], changes: float32 [n, 5],
/// the members of PictureChange; the result lies as the pixels do. Throws ShapeError and DtypeError for others.
Array change_pictures(const Array& pixels, const Array& changes);

/// Called by a backend when it is loaded. `numbers`: float32 of the pixels' shape.
using ChangePictures = void (*)(const Array& pixels, const Array& changes, const Array& numbers);
void register_picture_changes(Device::Kind kind, ChangePictures change);

}  // namespace joist
