// Pictures in other sizes.
#pragma once

#include <joist/data/picture.h>

namespace joist {

/// The picture at width × height. Bilinear with a triangle filter as wide as the reduction, so that shrinking averages
/// instead of skipping pixels (Pillow's BILINEAR, torchvision's antialias=True). Throws UsageError for an empty picture
/// or a side below 1.
Picture resized(const Picture& picture, int width, int height);

}  // namespace joist
