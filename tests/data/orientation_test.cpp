#include <joist/data/pictures/orientation.h>
#include <joist/tests/data/support.h>

namespace joist::test {
namespace {

// The letter F as the eight EXIF orientations store it (Exif 2.3, 4.6.4): turned upright, each reads the same.
struct Stored {
  int orientation;
  std::vector<std::string> rows;
};

const std::vector<std::string> upright_rows = {"###", "#..", "##.", "#.."};
const std::vector<Stored> stored_forms = {{1, {"###", "#..", "##.", "#.."}}, {2, {"###", "..#", ".##", "..#"}},
                                          {3, {"..#", ".##", "..#", "###"}}, {4, {"#..", "##.", "#..", "###"}},
                                          {5, {"####", "#.#.", "#..."}},     {6, {"#...", "#.#.", "####"}},
                                          {7, {"...#", ".#.#", "####"}},     {8, {"####", ".#.#", "...#"}}};

Picture drawn(const std::vector<std::string>& rows) {
  Picture picture(static_cast<int>(rows[0].size()), static_cast<int>(rows.size()));
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      picture.at(x, y)[1] = rows[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] == '#' ? 255 : 0;
    }
  }
  return picture;
}

TEST(Orientation, TurnsEveryFormUpright) {
  for (const auto& [orientation, rows] : stored_forms) {
    EXPECT_EQ(upright(drawn(rows), orientation), drawn(upright_rows)) << orientation;
  }
}

TEST(Orientation, TurnsBoxesLikePixels) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Picture stored(7, 5);
    const Box box{4, 1, 2, 3};
    for (int y = 1; y < 4; ++y) {
      for (int x = 4; x < 6; ++x) stored.at(x, y)[0] = 255;
    }
    const Box turned = upright(box, orientation, stored.width, stored.height);
    const Picture picture = upright(stored, orientation);
    for (int y = 0; y < picture.height; ++y) {
      for (int x = 0; x < picture.width; ++x) {
        const bool is_inside = x >= turned.x && x < turned.right() && y >= turned.y && y < turned.bottom();
        EXPECT_EQ(picture.at(x, y)[0] == 255, is_inside) << orientation << " at " << x << "," << y;
      }
    }
  }
}

}  // namespace
}  // namespace joist::test
