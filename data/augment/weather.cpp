// What the weather, the dust of a site and the night do to a camera's pictures.
#include <joist/data/augment/operation.h>
#include <joist/data/augment/photometric.h>
#include <joist/data/augment/polygon.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace joist {
namespace {

void blend(std::uint8_t* pixel, float share, float grey) {
  for (int c = 0; c < 3; ++c)
    pixel[c] = static_cast<std::uint8_t>(static_cast<float>(pixel[c]) * (1 - share) + grey * share + 0.5F);
}

// Streaks of one slant, nearer ones longer and clearer, over a picture that lost some light and contrast.
void rain(AugmentScene& scene, const AugmentSettings& settings) {
  Picture& picture = scene.example.picture;
  const double amount = scene.uniform(0.2, 1.0) * settings["amount"];
  adjust_brightness(picture, 1 - 0.25 * amount);
  adjust_contrast(picture, 1 - 0.2 * amount);
  const double slant = std::tan(scene.uniform(-25.0, 25.0) * std::numbers::pi / 180);
  const int streaks = static_cast<int>(amount * picture.width * picture.height / 250);
  for (int i = 0; i < streaks; ++i) {
    const double depth = scene.uniform(0.0, 1.0);
    const int length = std::max(3, static_cast<int>((0.02 + 0.06 * depth * depth) * picture.height));
    const double start_x = scene.uniform(0.0, 1.0) * picture.width;
    const int start_y = scene.whole(-length, picture.height);
    const auto share = static_cast<float>(0.1 + 0.35 * depth);
    const int thick = depth > 0.9 ? 2 : 1;
    for (int k = 0; k < length; ++k) {
      const int y = start_y + k, x = static_cast<int>(start_x + slant * k);
      if (y < 0 || y >= picture.height) continue;
      for (int column = std::max(x, 0); column < std::min(x + thick, picture.width); ++column)
        blend(picture.at(column, y), share, 215);
    }
  }
}

// Thicker towards the top, where a camera sees the distance.
Surface haze(AugmentScene& scene, double strength) {
  Surface field = clouds(scene.random, 16);
  for (int y = 0; y < field.height; ++y) {
    const float far = 1.15F - 0.4F * static_cast<float>(y) / static_cast<float>(field.height);
    for (int x = 0; x < field.width; ++x)
      field.at(x, y) =
          std::clamp(static_cast<float>(strength) * far * (0.6F + 0.8F * (field.at(x, y) - 0.5F) + 0.2F), 0.0F, 1.0F);
  }
  return field;
}

void fog(AugmentScene& scene, const AugmentSettings& settings) {
  const float grey = scene.uniform(190.0F, 240.0F);
  veil(scene.example.picture, haze(scene, scene.uniform(0.2, 1.0) * settings["strength"]), {grey, grey, grey + 4});
}

void dust(AugmentScene& scene, const AugmentSettings& settings) {
  const float light = scene.uniform(0.75F, 1.1F);
  const double strength = scene.uniform(0.2, 1.0) * settings["strength"];
  veil(scene.example.picture, haze(scene, strength), {205 * light, 175 * light, 130 * light});
  add_noise(scene.example.picture, 6 * strength, true, scene.random);
}

// Darker, less colourful, bluish, with the grain of a long exposure and perhaps a lamp.
void night(AugmentScene& scene, const AugmentSettings& settings) {
  Picture& picture = scene.example.picture;
  const double dark = scene.uniform(0.4, 1.0) * settings["strength"];
  adjust_gamma(picture, 1 + 0.8 * dark, 1 - 0.55 * dark);
  adjust_saturation(picture, 1 - 0.6 * dark);
  multiply_channels(picture, {1 - 0.12 * dark, 1 - 0.04 * dark, 1 + 0.08 * dark});
  if (scene.chance(0.5)) {
    Surface lamp(24, 24);
    const double x = scene.uniform(0.0, 24.0), y = scene.uniform(0.0, 24.0), wide = scene.uniform(2.0, 6.0);
    for (int v = 0; v < 24; ++v) {
      for (int u = 0; u < 24; ++u) {
        const double far = ((u - x) * (u - x) + (v - y) * (v - y)) / (wide * wide);
        lamp.at(u, v) = static_cast<float>(0.35 * dark * std::exp(-far));
      }
    }
    veil(picture, lamp, {255, 235, 190});
  }
  add_noise(picture, 12 * dark, false, scene.random);
}

// Polygons with soft edges that lose light, as of cranes and scaffolds.
void shadow(AugmentScene& scene, const AugmentSettings& settings) {
  constexpr int cells = 48;
  Surface field(cells, cells, 1);
  const int count = scene.whole(1, settings.whole("count"));
  std::vector<PixelRun> inside;
  for (int i = 0; i < count; ++i) {
    const float factor = 1 - scene.uniform(0.3F, 1.0F) * settings.real("strength");
    const float x = scene.uniform(0.0F, cells), y = scene.uniform(0.0F, cells);
    const int corners_count = scene.whole(3, 6);
    Polygon polygon;
    for (int k = 0; k < corners_count; ++k) {
      const float angle =
          6.2831853F * (static_cast<float>(k) + scene.uniform(0.0F, 0.8F)) / static_cast<float>(corners_count);
      const float far = scene.uniform(0.15F, 0.6F) * cells;
      polygon.push_back({x + far * std::cos(angle), y + far * std::sin(angle)});
    }
    for (int row = 0; row < cells; ++row) {
      runs({polygon}, row, cells, inside);
      for (const PixelRun& run : inside)
        for (int column = run.begin; column < run.end; ++column)
          field.at(column, row) = std::min(field.at(column, row), factor);
    }
  }
  shade(scene.example.picture, field);
}

}  // namespace

std::span<const AugmentOperation> weather_operations() {
  using Kind = AugmentOperation::Kind;
  constexpr const char* group = "weather";
  static const std::vector<AugmentOperation> operations{
      {"rain", group, "streaks and less light", {{"amount", 0.6, 0.01, 3, "at most"}}, &rain, Kind::single, 0.1},
      {"fog",
       group,
       "a white veil, thicker in the distance",
       {{"strength", 0.6, 0, 1, "at most"}},
       &fog,
       Kind::single,
       0.1},
      {"dust", group, "a brown veil with grain", {{"strength", 0.6, 0, 1, "at most"}}, &dust, Kind::single, 0.1},
      {"night",
       group,
       "dark, bluish and grainy, sometimes with a lamp",
       {{"strength", 0.8, 0, 1, "at most"}},
       &night,
       Kind::single,
       0.1},
      {"shadow",
       group,
       "soft-edged shadows",
       {{"strength", 0.6, 0, 1, "light lost, at most"}, {"count", 2, 1, 20, "at most so many"}},
       &shadow,
       Kind::single,
       0.2},
  };
  return operations;
}

}  // namespace joist
