// A decoded picture: 8-bit RGB rows, the form in which pictures travel from files to augmentation, models and reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace joist {

/// An RGB picture; `pixels` is [height, width, 3], rows from the top, values 0..255.
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels{};

  Picture() = default;
  /// A picture of one grey value.
  Picture(int width_, int height_, std::uint8_t value = 0)
      : width(width_),
        height(height_),
        pixels(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_) * 3, value) {}

  bool is_empty() const noexcept { return pixels.empty(); }

  /// The three bytes R, G, B of the pixel in column x and row y (not checked).
  std::uint8_t* at(int x, int y) noexcept { return pixels.data() + offset(x, y); }
  const std::uint8_t* at(int x, int y) const noexcept { return pixels.data() + offset(x, y); }

  bool operator==(const Picture&) const = default;

 private:
  std::size_t offset(int x, int y) const noexcept {
    return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) * 3;
  }
};

}  // namespace joist
