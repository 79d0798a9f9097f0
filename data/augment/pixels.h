// The inner loops of augmentation, once per instruction set. Private to data/.
#pragma once

#include <joist/data/augment/colour.h>

#include <cstddef>
#include <cstdint>

namespace joist::pixels {

constexpr int weight_bits = 14;  ///< weights of averages are whole numbers that add up to 1 << weight_bits

/// value / 255, exactly as a division.
void to_floats(const std::uint8_t* from, float* to, std::size_t count);

/// As shift_colour(), for `count` RGB pixels. `turn` is the shift of the hue in sixths of a turn, 0 to below 6.
void shift_colour(std::uint8_t* pixels, std::size_t count, float turn, float saturation, float value);

/// Exchanges the RGB pixels of a row end for end.
void mirror_row(std::uint8_t* row, std::size_t count);

/// Pixel i of the result lies between the RGB pixels at byte offset[i] and the next one: a share of 256 of the latter,
/// twice in one word (share | share << 16). Reads 7 bytes from each offset. The result has four bytes per pixel.
void blend_columns(const std::uint8_t* row, const std::int32_t* offset, const std::uint32_t* share, std::size_t count,
                   std::uint32_t* to);
/// The same between two rows of four bytes per pixel, with one share (0 … 256) for all; then RGB.
void blend_rows(const std::uint32_t* upper, const std::uint32_t* lower, std::uint32_t share, std::size_t count,
                std::uint8_t* to);

/// RGB pixel i is Σ weight[i · 4 · quads + k] · (pixel first[i] + k of the row) of such weights, rounded.
/// Reads four bytes beyond the last of these pixels.
void average_columns(const std::uint8_t* row, const std::int32_t* first, const std::int16_t* weight, int quads,
                     std::size_t count, std::uint8_t* to);

/// Σ weight[k] · rows[k][i] of such weights, rounded: one row of an averaged picture from `taps` rows of bytes.
void average_rows(const std::uint8_t* first, std::size_t stride, const std::int32_t* weight, int taps,
                  std::size_t count, std::uint8_t* to);

}  // namespace joist::pixels
