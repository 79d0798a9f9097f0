// EXIF orientation: how the rows of a file lie against the upright picture. Private to data/.
#pragma once

#include <joist/data/dataset.h>
#include <joist/data/picture.h>

namespace joist {

/// Whether `orientation` (1..8) exchanges width and height.
constexpr bool is_sideways(int orientation) { return orientation >= 5; }

/// The upright form of a picture whose rows lie as `orientation` says.
Picture upright(Picture stored, int orientation);

/// The same for a box drawn on the stored rows of a picture of `stored_width` × `stored_height`.
Box upright(const Box& stored, int orientation, int stored_width, int stored_height);

}  // namespace joist
