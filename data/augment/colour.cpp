#include <joist/data/augment/colour.h>
#include <joist/data/augment/pixels.h>

#include <cmath>

namespace joist {

void shift_colour(Picture& picture, const ColourShift& shift) {
  // In [0, 6), so that one addition and one subtraction bring the sum with a hue of [-1, 5] back into that range.
  const float turns = shift.hue - std::floor(shift.hue);
  const float turn = turns < 1 ? turns * 6 : 0.0F;
  pixels::shift_colour(picture.pixels.data(), picture.pixels.size() / 3, turn, shift.saturation, shift.value);
}

}  // namespace joist
