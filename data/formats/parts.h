// Objects of several polygons, for formats that write each polygon by itself. Private to data/.
#pragma once

#include <joist/data/dataset.h>

namespace joist {

/// Adds the polygon of `part` to an object that has an outline; box and area grow with it.
void add_part(Annotation& object, const Annotation& part);

}  // namespace joist
