// Labelled boxes on pictures. Labels are UTF-8 and may hold any script that an installed font covers.
#pragma once

#include <joist/data/dataset.h>
#include <joist/data/picture.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace joist {

struct DrawnBox {
  Box box{};
  std::string label{};
  int category = 0;                       ///< decides the colour
  bool dashed = false;                    ///< the truth, beside predictions
  std::optional<std::uint32_t> colour{};  ///< 0xRRGGBB, in place of the class's
};

/// A colour per class, far apart from its neighbours: 0xRRGGBB.
std::uint32_t class_colour(int category);

/// A copy of the picture with the boxes and labels on it; line width and font follow the picture's size.
Picture draw_boxes(const Picture& picture, const std::vector<DrawnBox>& boxes);

}  // namespace joist
