#include <joist/core/error.h>
#include <joist/data/augment.h>
#include <joist/data/augment/colour.h>
#include <joist/data/augment/warp.h>

#include <string>

namespace joist {
namespace {

constexpr AugmentStep steps[] = {
    {"colour", 1, &change_colour},
    {"flip vertical", 2, &flip_vertical},
    {"flip horizontal", 3, &flip_horizontal},
};

struct Range {
  const char* field;
  float value;
  float most;
};

}  // namespace

std::span<const AugmentStep> augment_steps() noexcept { return steps; }

void check(const AugmentOptions& options) {
  const Range ranges[] = {{"mosaic", options.mosaic, 1},
                          {"translate", options.translate, 1},
                          {"scale", options.scale, 0.99F},
                          {"degrees", options.degrees, 180},
                          {"shear", options.shear, 40},
                          {"hue", options.hue, 1},
                          {"saturation", options.saturation, 1},
                          {"value", options.value, 1},
                          {"flip_horizontal", options.flip_horizontal, 1},
                          {"flip_vertical", options.flip_vertical, 1},
                          {"min_side", options.min_side, 1e6F},
                          {"max_aspect", options.max_aspect, 1e6F},
                          {"min_kept", options.min_kept, 1}};
  for (const Range& range : ranges) {
    if (range.value >= 0 && range.value <= range.most) continue;  // false for NaN too
    throw UsageError({.where = std::string("augmentation option ") + range.field,
                      .what = "is " + std::to_string(range.value),
                      .expected = "0 (off) to " + std::to_string(range.most)});
  }
}

void change_colour(Example& example, const AugmentOptions& options, Random& random) {
  const float hue = random.uniform(-options.hue, options.hue);
  const float saturation = 1 + random.uniform(-options.saturation, options.saturation);
  const float value = 1 + random.uniform(-options.value, options.value);
  if (options.hue == 0 && options.saturation == 0 && options.value == 0) return;
  const ColourShift shift{.hue = hue, .saturation = saturation, .value = value};
  if (example.left)
    note_colour(*example.left, shift);
  else
    shift_colour(example.picture, shift);
}

void flip_vertical(Example& example, const AugmentOptions& options, Random& random) {
  if (random.chance(options.flip_vertical)) mirror_rows(example);
}

void flip_horizontal(Example& example, const AugmentOptions& options, Random& random) {
  if (random.chance(options.flip_horizontal)) mirror_columns(example);
}

}  // namespace joist
