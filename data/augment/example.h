// What augmentation works on: a picture with its boxes, both changed together.
#pragma once

#include <joist/core/picture_change.h>
#include <joist/data/picture.h>

#include <optional>
#include <vector>

namespace joist {

/// An object of the truth, in pixels of the picture it travels with: x to the right and y down from the top left corner
/// of the first pixel, so a box around the whole picture is 0, 0, width, height.
struct LabelledBox {
  float x1 = 0;
  float y1 = 0;
  float x2 = 0;
  float y2 = 0;
  int category = 0;  ///< index into Dataset::categories

  float width() const noexcept { return x2 - x1; }
  float height() const noexcept { return y2 - y1; }
  float area() const noexcept { return width() * height(); }
  bool operator==(const LabelledBox&) const = default;
};

struct Vertex {
  float x = 0;
  float y = 0;
  bool operator==(const Vertex&) const = default;
};

/// A named place of an object, such as a shoulder.
struct LabelledKeypoint {
  float x = 0;
  float y = 0;
  int seen = 0;  ///< as COCO counts: 0 not labelled (or cut off), 1 hidden, 2 visible
  bool operator==(const LabelledKeypoint&) const = default;
};

/// What is known of an object beside its box.
struct ObjectShape {
  std::vector<std::vector<Vertex>> outline{};  ///< polygons that cover the object's mask together; none: only the box
  std::vector<LabelledKeypoint> keypoints{};   ///< in one order for all objects of a category
  bool operator==(const ObjectShape&) const = default;
};

struct Example {
  Picture picture{};
  std::vector<LabelledBox> boxes{};
  std::vector<ObjectShape> shapes{};  ///< one per box, or none at all where the data has boxes only
  /// Where there is one, colours and mirror images are noted here and not done to the picture: change_pictures() does
  /// it. Nothing else may follow them.
  std::optional<PictureChange> left{};
};

}  // namespace joist
