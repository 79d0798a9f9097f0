// Operations that change colours alone.
#include <joist/data/augment/operation.h>
#include <joist/data/augment/photometric.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

using Parameters = std::vector<AugmentParameter>;

double factor(AugmentScene& scene, const AugmentSettings& settings) {
  return scene.uniform(1 - settings["amount"], 1 + settings["amount"]);
}

void hsv(AugmentScene& scene, const AugmentSettings& settings) {
  AugmentOptions options;
  options.hue = settings.real("hue");
  options.saturation = settings.real("saturation");
  options.value = settings.real("value");
  change_colour(scene.example, options, scene.random);
}

void brightness(AugmentScene& scene, const AugmentSettings& settings) {
  adjust_brightness(scene.example.picture, factor(scene, settings));
}
void contrast(AugmentScene& scene, const AugmentSettings& settings) {
  adjust_contrast(scene.example.picture, factor(scene, settings));
}
void saturation(AugmentScene& scene, const AugmentSettings& settings) {
  adjust_saturation(scene.example.picture, factor(scene, settings));
}
void hue(AugmentScene& scene, const AugmentSettings& settings) {
  adjust_hue(scene.example.picture, scene.uniform(-settings["turns"], settings["turns"]));
}

// As far up as down: a gamma of 2 is as likely as one of 1/2.
void gamma(AugmentScene& scene, const AugmentSettings& settings) {
  const double most = std::log(settings["most"]);
  adjust_gamma(scene.example.picture, std::exp(scene.uniform(-most, most)));
}

// Warmer or colder light, and a tint between green and magenta.
void white_balance(AugmentScene& scene, const AugmentSettings& settings) {
  const double most = settings["amount"];
  const double warmth = scene.uniform(-most, most), tint = scene.uniform(-most, most) / 2;
  multiply_channels(scene.example.picture, {1 + warmth, 1 + tint, 1 - warmth});
}

// A slope of light across the picture, such as a low sun or a lamp gives.
void lighting(AugmentScene& scene, const AugmentSettings& settings) {
  const double angle = scene.uniform(0.0, 6.2831853), strength = scene.uniform(0.0, settings["strength"]);
  const double across = std::cos(angle), down = std::sin(angle);
  Surface field(8, 8);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      field.at(x, y) = static_cast<float>(1 + strength * (across * (x - 3.5) + down * (y - 3.5)) / 3.5);
  shade(scene.example.picture, field);
}

void to_grey(AugmentScene& scene, const AugmentSettings&) { grayscale(scene.example.picture); }
void inverted(AugmentScene& scene, const AugmentSettings&) { invert(scene.example.picture); }
void equalized(AugmentScene& scene, const AugmentSettings&) { equalize(scene.example.picture); }
void stretched(AugmentScene& scene, const AugmentSettings&) { autocontrast(scene.example.picture); }

void channel_shuffle(AugmentScene& scene, const AugmentSettings&) {
  constexpr std::array<int, 3> orders[] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  permute_channels(scene.example.picture, orders[scene.whole(0, 4)]);
}

void posterized(AugmentScene& scene, const AugmentSettings& settings) {
  posterize(scene.example.picture, scene.whole(settings.whole("bits"), 7));
}
void solarized(AugmentScene& scene, const AugmentSettings& settings) {
  solarize(scene.example.picture, scene.whole(settings.whole("threshold"), 255));
}
void locally_equalized(AugmentScene& scene, const AugmentSettings& settings) {
  clahe(scene.example.picture, scene.uniform(1.0, settings["clip"]), settings.whole("grid"));
}

}  // namespace

std::span<const AugmentOperation> colour_operations() {
  using Kind = AugmentOperation::Kind;
  constexpr const char* group = "colour";
  const Parameters share{{"amount", 0.4, 0, 1, "factor from 1 - amount to 1 + amount"}};
  static const std::vector<AugmentOperation> operations{
      {"hsv",
       group,
       "hue, saturation and brightness",
       {{"hue", 0.015, 0, 1, "shift by at most this share of the colour circle"},
        {"saturation", 0.7, 0, 1, "times 1 - saturation … 1 + saturation"},
        {"value", 0.4, 0, 1, "times 1 - value … 1 + value"}},
       &hsv},
      {"brightness", group, "times a factor", share, &brightness},
      {"contrast", group, "about the mean brightness", share, &contrast},
      {"saturation", group, "towards grey or away from it", share, &saturation},
      {"hue", group, "round the colour circle", {{"turns", 0.05, 0, 0.5, "at most, either way"}}, &hue},
      {"gamma", group, "exposure", {{"most", 1.5, 1, 5, "gamma from 1 / most to most"}}, &gamma},
      {"white_balance",
       group,
       "warmer or colder light",
       {{"amount", 0.2, 0, 0.9, "red and blue by 1 ± amount, green by half of that"}},
       &white_balance},
      {"lighting",
       group,
       "a slope of light across the picture",
       {{"strength", 0.5, 0, 1, "at most so much brighter on one side and darker on the other"}},
       &lighting},
      {"grayscale", group, "no colour", {}, &to_grey, Kind::single, 0.1},
      {"channel_shuffle", group, "red, green and blue in another order", {}, &channel_shuffle, Kind::single, 0.1},
      {"invert", group, "the negative", {}, &inverted, Kind::single, 0.1},
      {"equalize", group, "all values equally frequent, by channel", {}, &equalized, Kind::single, 0.1},
      {"autocontrast", group, "each channel stretched to the whole range", {}, &stretched, Kind::single, 0.1},
      {"posterize",
       group,
       "fewer values",
       {{"bits", 4, 1, 7, "at least so many are kept, of 8"}},
       &posterized,
       Kind::single,
       0.1},
      {"solarize",
       group,
       "bright values inverted",
       {{"threshold", 128, 0, 255, "from this value on at least"}},
       &solarized,
       Kind::single,
       0.1},
      {"clahe",
       group,
       "local contrast",
       {{"clip", 4, 1, 40, "contrast limit, at most"}, {"grid", 8, 1, 64, "tiles along each side"}},
       &locally_equalized,
       Kind::single,
       0.1},
  };
  return operations;
}

}  // namespace joist
