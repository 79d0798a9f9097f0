// Mirrors and quarter turns: pixels change places and nothing is computed.
#include <joist/data/augment/pixels.h>
#include <joist/data/augment/polygon.h>
#include <joist/data/augment/warp.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace joist {
namespace {

template <class Move>
void move_points(Example& example, const Move& move) {
  for (ObjectShape& shape : example.shapes) {
    for (Polygon& polygon : shape.outline)
      for (Vertex& point : polygon) point = move(point);
    for (LabelledKeypoint& keypoint : shape.keypoints) {
      if (keypoint.seen == 0) continue;
      const Vertex moved = move({keypoint.x, keypoint.y});
      keypoint = {moved.x, moved.y, keypoint.seen};
    }
  }
}

}  // namespace

void mirror_rows(Example& example) {
  Picture& picture = example.picture;
  if (example.left)
    example.left->upside_down = 1 - example.left->upside_down;
  else
    for (int y = 0; y < picture.height / 2; ++y) {
      std::uint8_t* row = picture.at(0, y);
      std::swap_ranges(row, row + picture.width * 3, picture.at(0, picture.height - 1 - y));
    }
  const auto height = static_cast<float>(picture.height);
  for (LabelledBox& box : example.boxes) box.y1 = height - std::exchange(box.y2, height - box.y1);
  move_points(example, [height](Vertex p) { return Vertex{p.x, height - p.y}; });
}

void mirror_columns(Example& example) {
  Picture& picture = example.picture;
  if (example.left)
    example.left->left_to_right = 1 - example.left->left_to_right;
  else
    for (int y = 0; y < picture.height; ++y)
      pixels::mirror_row(picture.at(0, y), static_cast<std::size_t>(picture.width));
  const auto width = static_cast<float>(picture.width);
  for (LabelledBox& box : example.boxes) box.x1 = width - std::exchange(box.x2, width - box.x1);
  move_points(example, [width](Vertex p) { return Vertex{width - p.x, p.y}; });
}

void quarter_turn(Example& example, Example& spare) {
  const Picture& from = example.picture;
  Picture& to = spare.picture;
  to.width = from.height;
  to.height = from.width;
  to.pixels.resize(from.pixels.size());
  for (int y = 0; y < to.height; ++y)
    for (int x = 0; x < to.width; ++x) std::copy_n(from.at(from.width - 1 - y, x), 3, to.at(x, y));
  const auto width = static_cast<float>(from.width);
  for (LabelledBox& box : example.boxes) box = {box.y1, width - box.x2, box.y2, width - box.x1, box.category};
  move_points(example, [width](Vertex p) { return Vertex{p.y, width - p.x}; });
  std::swap(example.picture, spare.picture);
}

}  // namespace joist
