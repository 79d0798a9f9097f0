// Operations on sharpness, noise and artefacts: what cameras and compression do.
#include <joist/data/augment/operation.h>
#include <joist/data/augment/photometric.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

void gaussian(AugmentScene& scene, const AugmentSettings& settings) {
  const double sigma = scene.uniform(settings["least"], std::max(settings["least"], settings["most"]));
  gaussian_blur(scene.example.picture, 2 * std::max(1, static_cast<int>(std::ceil(2.5 * sigma))) + 1, sigma);
}

void motion(AugmentScene& scene, const AugmentSettings& settings) {
  motion_blur(scene.example.picture, scene.whole(3, std::max(3, settings.whole("length"))), scene.uniform(0.0, 180.0));
}

void median(AugmentScene& scene, const AugmentSettings& settings) {
  for (int i = scene.whole(1, settings.whole("times")); i > 0; --i) median_blur(scene.example.picture);
}

void sharpen(AugmentScene& scene, const AugmentSettings& settings) {
  adjust_sharpness(scene.example.picture, 1 + scene.uniform(0.0, settings["amount"]));
}

void noise(AugmentScene& scene, const AugmentSettings& settings) {
  const double deviation = scene.uniform(0.0, settings["deviation"]) * 255;
  const bool grey = scene.chance(0.5);
  add_noise(scene.example.picture, deviation, grey, scene.random);
}

void salt_and_pepper(AugmentScene& scene, const AugmentSettings& settings) {
  add_salt_and_pepper(scene.example.picture, scene.uniform(0.0, settings["share"]), scene.random);
}

void jpeg(AugmentScene& scene, const AugmentSettings& settings) {
  const int least = settings.whole("least");
  jpeg_artefacts(scene.example.picture, scene.whole(least, std::max(least, settings.whole("most"))));
}

// A camera with fewer pixels: the picture shrunk and enlarged again.
void downscale(AugmentScene& scene, const AugmentSettings& settings) {
  Example& example = scene.example;
  const int width = example.picture.width, height = example.picture.height;
  const double by = scene.uniform(settings["least"], 1.0);
  Example small{std::move(example.picture), {}, {}};
  resize(small, std::max(1, static_cast<int>(width * by)), std::max(1, static_cast<int>(height * by)));
  resize(small, width, height);
  example.picture = std::move(small.picture);
}

}  // namespace

std::span<const AugmentOperation> filter_operations() {
  using Kind = AugmentOperation::Kind;
  constexpr const char* group = "texture";
  static const std::vector<AugmentOperation> operations{
      {"gaussian_blur",
       group,
       "out of focus",
       {{"least", 0.3, 0.1, 10, "deviation, pixels"}, {"most", 2, 0.1, 10, "deviation, pixels"}},
       &gaussian,
       Kind::single,
       0.1},
      {"motion_blur",
       group,
       "a moving camera",
       {{"length", 9, 3, 63, "of the streak at most, pixels"}},
       &motion,
       Kind::single,
       0.1},
      {"median_blur",
       group,
       "the middle one of 3 × 3 pixels",
       {{"times", 2, 1, 8, "at most so often"}},
       &median,
       Kind::single,
       0.05},
      {"sharpen",
       group,
       "edges exaggerated, as cameras do",
       {{"amount", 1, 0, 10, "at most; 1 doubles fine detail"}},
       &sharpen,
       Kind::single,
       0.1},
      {"noise",
       group,
       "grain of a sensor, coloured or grey",
       {{"deviation", 0.06, 0, 0.5, "at most, of the whole range"}},
       &noise,
       Kind::single,
       0.1},
      {"salt_and_pepper",
       group,
       "dead and bright pixels",
       {{"share", 0.01, 0, 0.5, "of all pixels, at most"}},
       &salt_and_pepper,
       Kind::single,
       0.05},
      {"jpeg",
       group,
       "artefacts of compression",
       {{"least", 25, 1, 100, "quality"}, {"most", 90, 1, 100, "quality"}},
       &jpeg,
       Kind::single,
       0.1},
      {"downscale",
       group,
       "a camera with fewer pixels",
       {{"least", 0.4, 0.05, 1, "smallest share of each side"}},
       &downscale,
       Kind::single,
       0.05},
  };
  return operations;
}

}  // namespace joist
