// Changes of colours, sharpness and texture of a whole picture, in place. Where torchvision has the function too, the
// result is the same to within 1 of 255.
#pragma once

#include <joist/core/random.h>
#include <joist/data/augment/colour.h>
#include <joist/data/picture.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace joist {

/// A new value for each value, by channel: R, G, B.
using ValueTables = std::array<std::array<std::uint8_t, 256>, 3>;
void apply_tables(Picture& picture, const ValueTables& tables);

/// Brightness of a pixel by ITU-R 601: 0.299 R + 0.587 G + 0.114 B, rounded down as torchvision does.
std::uint8_t grey_of(const std::uint8_t* pixel) noexcept;

void adjust_brightness(Picture& picture, double factor);  ///< 0: black, 1: unchanged
void adjust_contrast(Picture& picture, double factor);    ///< about the mean brightness; 0: even grey
void adjust_saturation(Picture& picture, double factor);  ///< 0: grey
void adjust_hue(Picture& picture, double turns);          ///< -0.5 … 0.5 of the colour circle
void adjust_gamma(Picture& picture, double gamma, double gain = 1);
void adjust_sharpness(Picture& picture, double factor);  ///< 0: smoothed, 1: unchanged, 2: sharpened
void multiply_channels(Picture& picture, const std::array<double, 3>& factors);
void grayscale(Picture& picture);
/// Channel c of the result is channel order[c].
void permute_channels(Picture& picture, const std::array<int, 3>& order);
void invert(Picture& picture);
void posterize(Picture& picture, int bits);      ///< keeps the upper `bits` of 8
void solarize(Picture& picture, int threshold);  ///< inverts values from the threshold on
void equalize(Picture& picture);                 ///< histogram of each channel
void autocontrast(Picture& picture);             ///< each channel stretched to 0 … 255
/// Contrast-limited adaptive equalization of the brightness (Zuiderveld, 1994) in grid × grid tiles; a bin may hold
/// `clip` times the mean.
void clahe(Picture& picture, double clip, int grid);

/// A window of `size` × `size` (odd); the edge is mirrored without repeating the last pixel.
void gaussian_blur(Picture& picture, int size, double sigma);
/// Mean along a line of `length` pixels at an angle in degrees.
void motion_blur(Picture& picture, int length, double degrees);
void median_blur(Picture& picture);  ///< 3 × 3
/// Written as JPEG and read again.
void jpeg_artefacts(Picture& picture, int quality);
/// Normal noise of `deviation` (of 255), the same in all channels where `grey`.
void add_noise(Picture& picture, double deviation, bool grey, Random& random);
/// Single pixels of black or white, a share of all.
void add_salt_and_pepper(Picture& picture, double share, Random& random);

/// A coarse grid of numbers, seen as a smooth surface over a whole picture.
struct Surface {
  int width = 0;
  int height = 0;
  std::vector<float> values{};  ///< [height, width]

  Surface(int width_, int height_, float value = 0)
      : width(width_),
        height(height_),
        values(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_), value) {}
  float& at(int x, int y) noexcept {
    return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
  }
  float at(int x, int y) const noexcept {
    return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
  }
};
/// Smooth random values from 0 to 1, coarse forms first.
Surface clouds(Random& random, int cells);
/// Lays `colour` over the picture with the field's share, 0 … 1.
void veil(Picture& picture, const Surface& share, const std::array<float, 3>& colour);
/// Multiplies each pixel by the field.
void shade(Picture& picture, const Surface& factor);

}  // namespace joist
