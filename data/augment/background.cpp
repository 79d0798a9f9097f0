// Other backgrounds: for small sets whose pictures all come from one place while the model will see another.
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/operation.h>
#include <joist/data/augment/photometric.h>
#include <joist/data/augment/polygon.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace joist {
namespace {

using Colour = std::array<float, 3>;

Colour any_colour(AugmentScene& scene) {
  const float red = scene.uniform(0.0F, 255.0F), green = scene.uniform(0.0F, 255.0F),
              blue = scene.uniform(0.0F, 255.0F);
  return {red, green, blue};
}

// Clouds of two colours, or stripes.
Picture pattern(AugmentScene& scene, int width, int height) {
  Picture picture(width, height);
  const Colour ground = any_colour(scene), figure = any_colour(scene);
  const Surface whole(1, 1, 1);
  veil(picture, whole, ground);
  if (scene.chance(0.6)) {
    veil(picture, clouds(scene.random, scene.whole(4, 32)), figure);
  } else {
    const int lines = scene.whole(3, 24);
    const bool across = scene.chance(0.5);
    Surface stripes(across ? 1 : 2 * lines, across ? 2 * lines : 1);
    for (std::size_t i = 0; i < stripes.values.size(); i += 2) stripes.values[i] = 1;
    veil(picture, stripes, figure);
  }
  add_noise(picture, static_cast<double>(scene.uniform(0.0F, 12.0F)), true, scene.random);
  return picture;
}

// A picture from the user's folder, a random part of it; else a pattern.
Picture background_picture(AugmentScene& scene, int width, int height) {
  if (scene.backgrounds.empty()) return pattern(scene, width, height);
  const std::string& path = scene.backgrounds[scene.random.below(scene.backgrounds.size())];
  Example whole{load_covering(path, std::max(width, height)).picture, {}, {}}, memory;
  const int w = std::max(whole.picture.width, width), h = std::max(whole.picture.height, height);
  if (w != whole.picture.width || h != whole.picture.height) resize(whole, w, h);
  const int left = scene.whole(0, w - width), top = scene.whole(0, h - height);
  crop(whole, left, top, width, height, {}, memory);
  return std::move(whole.picture);
}

// How much of the object itself, 1, or of the background, 0, each pixel shows.
Surface object_share(const Example& example, double margin) {
  Surface share(example.picture.width, example.picture.height);
  std::vector<PixelRun> inside;
  for (std::size_t i = 0; i < example.boxes.size(); ++i) {
    std::vector<Polygon> outline;
    if (!example.shapes.empty()) outline = example.shapes[i].outline;
    LabelledBox box = example.boxes[i];
    const auto more_x = static_cast<float>(margin) * box.width(), more_y = static_cast<float>(margin) * box.height();
    if (outline.empty()) {
      box = {box.x1 - more_x, box.y1 - more_y, box.x2 + more_x, box.y2 + more_y, box.category};
      outline.push_back(corners(box));
    }
    const int top = std::max(0, static_cast<int>(box.y1)),
              bottom = std::min(share.height, static_cast<int>(box.y2) + 1);
    for (int y = top; y < bottom; ++y) {
      runs(outline, y, share.width, inside);
      for (const PixelRun& run : inside)
        std::fill(&share.at(run.begin, y), &share.at(run.begin, y) + (run.end - run.begin), 1.0F);
    }
  }
  return share;
}

void replace_background(AugmentScene& scene, double margin) {
  Example& example = scene.example;
  if (example.boxes.empty()) return;  // a picture of background alone stays what it is
  Picture behind = background_picture(scene, example.picture.width, example.picture.height);
  const Surface share = object_share(example, margin);
  std::uint8_t* to = example.picture.pixels.data();
  const std::uint8_t* from = behind.pixels.data();
  for (std::size_t i = 0; i < share.values.size(); ++i)
    if (share.values[i] == 0) std::copy_n(from + 3 * i, 3, to + 3 * i);
}

void background(AugmentScene& scene, const AugmentSettings& settings) { replace_background(scene, settings["margin"]); }

// Shapes that mean nothing, beside the objects.
void distract(AugmentScene& scene, int count) {
  Picture& picture = scene.example.picture;
  std::vector<PixelRun> inside;
  for (int i = 0; i < count; ++i) {
    const float side = scene.uniform(0.03F, 0.2F) * static_cast<float>(std::max(picture.width, picture.height));
    const float x = scene.uniform(0.0F, static_cast<float>(picture.width)),
                y = scene.uniform(0.0F, static_cast<float>(picture.height));
    const int corner_count = scene.whole(3, 8);
    Polygon polygon;
    for (int k = 0; k < corner_count; ++k) {
      const float angle = 6.2831853F * static_cast<float>(k) / static_cast<float>(corner_count);
      const float far = side * scene.uniform(0.5F, 1.0F);
      polygon.push_back({x + far * std::cos(angle), y + far * std::sin(angle)});
    }
    const LabelledBox around = bounds(polygon, 0);
    const bool touches = std::any_of(
        scene.example.boxes.begin(), scene.example.boxes.end(),
        [&](const LabelledBox& box) { return clipped(box, around.x1, around.y1, around.x2, around.y2).area() > 0; });
    const Colour colour = any_colour(scene);
    if (touches) continue;
    const int top = std::max(0, static_cast<int>(around.y1));
    const int bottom = std::min(picture.height, static_cast<int>(around.y2) + 1);
    for (int row = top; row < bottom; ++row) {
      runs({polygon}, row, picture.width, inside);
      for (const PixelRun& run : inside) {
        for (int column = run.begin; column < run.end; ++column)
          for (std::size_t c = 0; c < 3; ++c) picture.at(column, row)[c] = static_cast<std::uint8_t>(colour[c]);
      }
    }
  }
}

// Tobin et al. (2017): whatever is not the object changes at random, so that only the object is left to learn.
void domain_randomization(AugmentScene& scene, const AugmentSettings& settings) {
  const double strength = settings["strength"];
  if (scene.chance(0.5 * strength)) replace_background(scene, 0.05);
  distract(scene, scene.whole(0, static_cast<int>(std::lround(8 * strength))));
  Picture& picture = scene.example.picture;
  shift_colour(picture, {.hue = scene.uniform(-0.08F, 0.08F) * static_cast<float>(strength),
                         .saturation = 1 + scene.uniform(-0.6F, 0.6F) * static_cast<float>(strength),
                         .value = 1 + scene.uniform(-0.4F, 0.4F) * static_cast<float>(strength)});
  Surface light = clouds(scene.random, 8);
  for (float& value : light.values) value = 1 + static_cast<float>(strength) * 1.2F * (value - 0.5F);
  shade(picture, light);
  add_noise(picture, static_cast<double>(scene.uniform(0.0F, 10.0F)) * strength, false, scene.random);
}

}  // namespace

std::span<const AugmentOperation> background_operations() {
  using Kind = AugmentOperation::Kind;
  static const std::vector<AugmentOperation> operations{
      {"background",
       "background",
       "everything outside boxes or outlines replaced by a picture without objects, or a pattern",
       {{"margin", 0.05, 0, 1, "of a box that stays around it, as a share of its sides"}},
       &background,
       Kind::single,
       0.2},
      {"domain_randomization",
       "background",
       "other backgrounds, meaningless shapes, other light and colours, grain",
       {{"strength", 1, 0, 1, "0: nothing"}},
       &domain_randomization,
       Kind::single,
       0.3},
  };
  return operations;
}

}  // namespace joist
