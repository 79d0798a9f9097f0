#include <joist/data/check_boxes.h>
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

RunLengths mask_of(const std::vector<std::string>& rows) {
  RunLengths mask{.width = static_cast<int>(rows[0].size()), .height = static_cast<int>(rows.size()), .counts = {0}};
  char now = '.';
  for (std::size_t x = 0; x < rows[0].size(); ++x)
    for (const std::string& row : rows) {
      if (row[x] != now) mask.counts.push_back(0), now = row[x];
      ++mask.counts.back();
    }
  return mask;
}

TEST(Orientation, TurnsMasksLikePixels) {
  for (const auto& [orientation, rows] : stored_forms) {
    const int width = static_cast<int>(rows[0].size()), height = static_cast<int>(rows.size());
    const PictureInfo info{
        .width = 3, .height = 4, .stored_width = width, .stored_height = height, .orientation = orientation};
    EXPECT_EQ(turned({.mask = mask_of(rows)}, info)->mask, mask_of(upright_rows)) << orientation;
    EXPECT_FALSE(turned({.mask = mask_of({"#"})}, info)->mask) << "a mask of another size belongs to no picture";
  }
}

TEST(Orientation, MasksAreScaledToTheNearestPixel) {
  const Outline outline{.mask = mask_of(upright_rows)};
  EXPECT_EQ(scaled(outline, 2, 1).mask, mask_of({"######", "##....", "####..", "##...."}));
  EXPECT_EQ(scaled(scaled(outline, 3, 3), 1.0 / 3, 1.0 / 3).mask, outline.mask);
  EXPECT_EQ(scaled(outline, 1, 1), outline);
  // A few runs can claim any size.
  const Outline vast{.mask = RunLengths{.width = 1'000'000, .height = 1'000'000, .counts = {4'000'000'000U}}};
  EXPECT_FALSE(scaled(vast, 0.5, 0.5).mask);
}

}  // namespace
}  // namespace joist::test
