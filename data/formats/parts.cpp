#include <joist/data/formats/parts.h>

namespace joist {

void add_part(Annotation& object, const Annotation& part) {
  Outline outline = *object.outline;
  outline.polygons.push_back(part.outline->polygons.front());
  object.box = *bounds(outline.polygons);
  object.area += part.area;
  object.outline = std::make_shared<const Outline>(std::move(outline));
}

}  // namespace joist
