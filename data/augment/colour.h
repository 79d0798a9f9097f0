// Colours of whole pictures.
#pragma once

#include <joist/core/picture_change.h>
#include <joist/data/picture.h>

namespace joist {

/// A change in the hue, saturation, value model.
struct ColourShift {
  float hue = 0;         ///< added, in turns of the colour circle; at most one turn either way
  float saturation = 1;  ///< factor
  float value = 1;       ///< factor
};

/// Applies the shift to each pixel; results outside the range are cut off. Greys stay grey. Computed in float, so that
/// no shift at all changes nothing.
void shift_colour(Picture& picture, const ColourShift& shift);
/// The same as part of a change that is done later.
void note_colour(PictureChange& change, const ColourShift& shift);

}  // namespace joist
