// Where an object is: its box, and for those sets that have it, its outline and keypoints.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace joist {

/// A box in pixels of the upright picture, x to the right and y down from the top left corner of the first pixel
/// (COCO).
struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  double right() const noexcept { return x + width; }
  double bottom() const noexcept { return y + height; }
  double area() const noexcept { return width * height; }
  bool operator==(const Box&) const = default;
};

/// A mask as lengths of runs, column after column from the left, outside first (COCO's run-length encoding).
struct RunLengths {
  int width = 0;  ///< pixels of the whole picture
  int height = 0;
  std::vector<std::uint32_t> counts{};
  bool is_compressed = false;  ///< written as COCO's text form
  bool operator==(const RunLengths&) const = default;
};

struct Keypoint {
  double x = 0;
  double y = 0;
  int visibility = 0;  ///< 0 not labelled, 1 labelled but hidden, 2 visible
  bool operator==(const Keypoint&) const = default;
};

/// What an annotation may have beside its box; never changed once it is shared.
struct Outline {
  std::vector<std::vector<double>> polygons{};  ///< x, y, x, y, … pixels; several where the object has several parts
  std::optional<RunLengths> mask{};
  std::vector<Keypoint> keypoints{};
  bool operator==(const Outline&) const = default;
};

/// The smallest box around all polygons; nothing where there is no point.
std::optional<Box> bounds(const std::vector<std::vector<double>>& polygons);

/// The area that a polygon x, y, x, y, … encloses.
double polygon_area(const std::vector<double>& polygon);

/// One polygon that encloses what several do: the parts are joined by lines there and back.
std::vector<double> joined(const std::vector<std::vector<double>>& polygons);

/// A mask of width × height pixels, each of which is the pixel `source` (x, y of it) of another mask. Nothing where
/// either is larger than any picture that can be decoded.
std::optional<RunLengths> resampled(const RunLengths& mask, int width, int height,
                                    const std::function<std::pair<int, int>(int x, int y)>& source);

/// The outline with x multiplied by `across` and y by `down`; a mask takes the nearest pixels, and is left out where it
/// is too large.
Outline scaled(const Outline& outline, double across, double down);

/// COCO's text form of run lengths: five bits a character, differences to the count before the last. Nothing for a text
/// that is not such, or that stands for more than `most` runs.
std::optional<std::vector<std::uint32_t>> runs_from_text(std::string_view text, std::size_t most);
std::string text_from_runs(const std::vector<std::uint32_t>& counts);

}  // namespace joist
