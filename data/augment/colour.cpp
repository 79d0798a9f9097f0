#include <joist/data/augment/colour.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace joist {
namespace {

// Four pixels at once, without branches.
constexpr int group = 4;
using Lanes = float __attribute__((vector_size(group * sizeof(float))));
using Integers = std::int32_t __attribute__((vector_size(group * sizeof(std::int32_t))));

Lanes least(Lanes a, Lanes b) { return a < b ? a : b; }
Lanes greatest(Lanes a, Lanes b) { return a > b ? a : b; }
Lanes all(float value) { return Lanes{} + value; }

// The part of colour n (red 5, green 3, blue 1) that is missing at a hue: 0 where it is the largest, 1 where the least.
Lanes missing(float n, Lanes hue) {
  Lanes k = hue + n;
  k = k >= 6 ? k - 6 : k;
  return greatest(least(least(k, 4 - k), all(1)), all(0));
}

struct Colours {
  Lanes red, green, blue;
};

Colours shifted(const Colours& from, float turn, const ColourShift& shift) {
  const auto& [red, green, blue] = from;
  const Lanes high = greatest(greatest(red, green), blue);
  const Lanes chroma = high - least(least(red, green), blue);
  // Hue in sixths of the circle, red at 0; any value will do where there is no colour.
  const Lanes unit = 1 / greatest(chroma, all(1));
  Lanes hue = red == high ? (green - blue) * unit : green == high ? 2 + (blue - red) * unit : 4 + (red - green) * unit;
  hue += turn;
  hue = hue < 0 ? hue + 6 : hue;
  hue = hue >= 6 ? hue - 6 : hue;
  const Lanes saturation = least(shift.saturation * chroma / greatest(high, all(1)), all(1));
  const Lanes value = least(shift.value * high, all(255));
  const Lanes width = value * saturation;
  return {value - width * missing(5, hue), value - width * missing(3, hue), value - width * missing(1, hue)};
}

// Pixels go through memory colour by colour: putting bytes into lanes one at a time takes longer than all the
// arithmetic.
constexpr int block = 64;
using Plane = std::int32_t[block];

Lanes load(const std::int32_t* values) {
  Integers integers;
  std::memcpy(&integers, values, sizeof integers);
  return __builtin_convertvector(integers, Lanes);
}

void store(Lanes lanes, std::int32_t* values) {
  const Integers integers = __builtin_convertvector(lanes + 0.5F, Integers);  // rounds: lanes are not negative
  std::memcpy(values, &integers, sizeof integers);
}

void shift_block(std::uint8_t* pixels, float turn, const ColourShift& shift) {
  alignas(64) Plane red, green, blue;
  for (int i = 0; i < block; ++i) {
    red[i] = pixels[3 * i];
    green[i] = pixels[3 * i + 1];
    blue[i] = pixels[3 * i + 2];
  }
  for (int i = 0; i < block; i += group) {
    const Colours colours = shifted({load(red + i), load(green + i), load(blue + i)}, turn, shift);
    store(colours.red, red + i);
    store(colours.green, green + i);
    store(colours.blue, blue + i);
  }
  for (int i = 0; i < block; ++i) {
    pixels[3 * i] = static_cast<std::uint8_t>(red[i]);
    pixels[3 * i + 1] = static_cast<std::uint8_t>(green[i]);
    pixels[3 * i + 2] = static_cast<std::uint8_t>(blue[i]);
  }
}

}  // namespace

void shift_colour(Picture& picture, const ColourShift& shift) {
  // In [0, 6), so that one addition and one subtraction bring the sum with a hue of [-1, 5] back into that range.
  const float turns = shift.hue - std::floor(shift.hue);
  const float turn = turns < 1 ? turns * 6 : 0.0F;
  constexpr std::size_t step = block * 3;
  const std::size_t rest = picture.pixels.size() % step;
  std::uint8_t* const end = picture.pixels.data() + picture.pixels.size() - rest;
  for (std::uint8_t* pixels = picture.pixels.data(); pixels != end; pixels += step) shift_block(pixels, turn, shift);
  if (rest == 0) return;
  std::uint8_t last[step] = {};
  std::memcpy(last, end, rest);
  shift_block(last, turn, shift);
  std::memcpy(end, last, rest);
}

}  // namespace joist
