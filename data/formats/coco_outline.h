// Segmentation and keypoints of COCO's annotations. Private to data/.
#pragma once

#include <joist/data/formats/json_records.h>
#include <joist/data/outline.h>

#include <memory>

namespace joist {

/// Polygons, mask and keypoints; null where the record has none. Throws DataError for what is none of these.
std::shared_ptr<const Outline> outline_of(const JsonRecord& record);

}  // namespace joist
