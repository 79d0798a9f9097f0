#include <joist/data/pictures/orientation.h>

#include <algorithm>
#include <cstring>

namespace joist {
namespace {

// The eight orientations are built from a transposition (5..8), then a mirror left-right, then a mirror top-bottom.
struct Turn {
  bool transpose;
  bool mirror_x;
  bool mirror_y;
};

constexpr Turn turns[] = {{false, false, false}, {false, true, false}, {false, true, true}, {false, false, true},
                          {true, false, false},  {true, true, false},  {true, true, true},  {true, false, true}};

Turn turn_of(int orientation) { return turns[orientation >= 1 && orientation <= 8 ? orientation - 1 : 0]; }

}  // namespace

Picture upright(Picture stored, int orientation) {
  const Turn turn = turn_of(orientation);
  if (!turn.transpose && !turn.mirror_x && !turn.mirror_y) return stored;
  Picture result(turn.transpose ? stored.height : stored.width, turn.transpose ? stored.width : stored.height);
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x) {
      const int across = turn.mirror_x ? result.width - 1 - x : x;
      const int down = turn.mirror_y ? result.height - 1 - y : y;
      std::memcpy(result.at(x, y), turn.transpose ? stored.at(down, across) : stored.at(across, down), 3);
    }
  }
  return result;
}

Box upright(const Box& stored, int orientation, int stored_width, int stored_height) {
  const Turn turn = turn_of(orientation);
  Box box = stored;
  if (turn.transpose) {
    std::swap(box.x, box.y);
    std::swap(box.width, box.height);
    std::swap(stored_width, stored_height);
  }
  if (turn.mirror_x) box.x = stored_width - box.right();
  if (turn.mirror_y) box.y = stored_height - box.bottom();
  return box;
}

}  // namespace joist
