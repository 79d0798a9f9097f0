#include <joist/data/augment/colour.h>
#include <joist/data/augment/pixels.h>

#include <cmath>

namespace joist {
namespace {

// In [0, 6), so that one addition and one subtraction bring the sum with a hue of [-1, 5] back into that range.
float turn_of(float hue) {
  const float turns = hue - std::floor(hue);
  return turns < 1 ? turns * 6 : 0.0F;
}

}  // namespace

void shift_colour(Picture& picture, const ColourShift& shift) {
  pixels::shift_colour(picture.pixels.data(), picture.pixels.size() / 3, turn_of(shift.hue), shift.saturation,
                       shift.value);
}

void note_colour(PictureChange& change, const ColourShift& shift) {
  change.turn = turn_of(shift.hue);
  change.saturation = shift.saturation;
  change.value = shift.value;
}

}  // namespace joist
