// Published policies that choose among simple operations, with torchvision's ranges, and choices of one's own.
#include <joist/core/error.h>
#include <joist/data/augment/operation.h>
#include <joist/data/augment/photometric.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace joist {
namespace {

enum class Change {
  identity,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
  rotate,
  brightness,
  saturation,
  contrast,
  sharpness,
  posterize,
  solarize,
  autocontrast,
  equalize,
  invert
};
constexpr int policy_changes = 14;  // all but invert

// How far each change goes. `level` is 0 … 1.
struct Ranges {
  double shear, degrees, factor;
  double shift;  // share of the side
  int bits;      // that posterize takes away at most
};
constexpr Ranges usual{0.3, 30, 0.9, 150.0 / 331, 4}, wide{0.99, 135, 0.99, 0.1, 6};

void turn_about_centre(AugmentScene& scene, const AffineMap& map) {
  const int width = scene.example.picture.width, height = scene.example.picture.height;
  const ProjectiveMap to(AffineMap{1, 0, width / 2.0, 0, 1, height / 2.0}),
      from(AffineMap{1, 0, -width / 2.0, 0, 1, -height / 2.0});
  warp(scene.example, to * ProjectiveMap(map) * from, width, height, scene.keep, scene.spare);
}

bool has_sign(Change change) { return change >= Change::shear_x && change <= Change::sharpness; }

void run(AugmentScene& scene, Change change, double level, const Ranges& ranges) {
  Picture& picture = scene.example.picture;
  const double sign = has_sign(change) && scene.chance(0.5) ? -1 : 1;
  const double angle = sign * level * ranges.degrees * std::numbers::pi / 180,
               factor = 1 + sign * level * ranges.factor;
  switch (change) {
    case Change::identity: return;
    case Change::shear_x: return turn_about_centre(scene, {1, sign * level * ranges.shear, 0, 0, 1, 0});
    case Change::shear_y: return turn_about_centre(scene, {1, 0, 0, sign * level * ranges.shear, 1, 0});
    case Change::translate_x:
      return turn_about_centre(scene, {1, 0, std::trunc(sign * level * ranges.shift * picture.width), 0, 1, 0});
    case Change::translate_y:
      return turn_about_centre(scene, {1, 0, 0, 0, 1, std::trunc(sign * level * ranges.shift * picture.height)});
    case Change::rotate:
      return turn_about_centre(scene, {std::cos(angle), std::sin(angle), 0, -std::sin(angle), std::cos(angle), 0});
    case Change::brightness: return adjust_brightness(picture, factor);
    case Change::saturation: return adjust_saturation(picture, factor);
    case Change::contrast: return adjust_contrast(picture, factor);
    case Change::sharpness: return adjust_sharpness(picture, factor);
    case Change::posterize: return posterize(picture, 8 - static_cast<int>(std::lround(level * ranges.bits)));
    case Change::solarize: return solarize(picture, static_cast<int>(std::lround(255 * (1 - level))));
    case Change::autocontrast: return autocontrast(picture);
    case Change::equalize: return equalize(picture);
    case Change::invert: return invert(picture);
  }
}

// Cubuk et al. (2019).
void rand_augment(AugmentScene& scene, const AugmentSettings& settings) {
  const double level = settings["magnitude"] / 30;
  for (int i = settings.whole("count"); i > 0; --i)
    run(scene, static_cast<Change>(scene.whole(0, policy_changes - 1)), level, usual);
}

// Müller and Hutter (2021): one change of any strength.
void trivial_augment(AugmentScene& scene, const AugmentSettings&) {
  const auto change = static_cast<Change>(scene.whole(0, policy_changes - 1));
  run(scene, change, scene.whole(0, 30) / 30.0, wide);
}

struct PolicyStep {
  Change change;
  float p;
  int level;  // of 9; -1: has none
};
// Cubuk et al. (2018), table 9: ImageNet.
constexpr std::array<PolicyStep, 2> imagenet_policy[] = {
    {{{Change::posterize, 0.4F, 8}, {Change::rotate, 0.6F, 9}}},
    {{{Change::solarize, 0.6F, 5}, {Change::autocontrast, 0.6F, -1}}},
    {{{Change::equalize, 0.8F, -1}, {Change::equalize, 0.6F, -1}}},
    {{{Change::posterize, 0.6F, 7}, {Change::posterize, 0.6F, 6}}},
    {{{Change::equalize, 0.4F, -1}, {Change::solarize, 0.2F, 4}}},
    {{{Change::equalize, 0.4F, -1}, {Change::rotate, 0.8F, 8}}},
    {{{Change::solarize, 0.6F, 3}, {Change::equalize, 0.6F, -1}}},
    {{{Change::posterize, 0.8F, 5}, {Change::equalize, 1.0F, -1}}},
    {{{Change::rotate, 0.2F, 3}, {Change::solarize, 0.6F, 8}}},
    {{{Change::equalize, 0.6F, -1}, {Change::posterize, 0.4F, 6}}},
    {{{Change::rotate, 0.8F, 8}, {Change::saturation, 0.4F, 0}}},
    {{{Change::rotate, 0.4F, 9}, {Change::equalize, 0.6F, -1}}},
    {{{Change::equalize, 0.0F, -1}, {Change::equalize, 0.8F, -1}}},
    {{{Change::invert, 0.6F, -1}, {Change::equalize, 1.0F, -1}}},
    {{{Change::saturation, 0.6F, 4}, {Change::contrast, 1.0F, 8}}},
    {{{Change::rotate, 0.8F, 8}, {Change::saturation, 1.0F, 2}}},
    {{{Change::saturation, 0.8F, 8}, {Change::solarize, 0.8F, 7}}},
    {{{Change::sharpness, 0.4F, 7}, {Change::invert, 0.6F, -1}}},
    {{{Change::shear_x, 0.6F, 5}, {Change::equalize, 1.0F, -1}}},
    {{{Change::saturation, 0.4F, 0}, {Change::equalize, 0.6F, -1}}},
    {{{Change::equalize, 0.4F, -1}, {Change::solarize, 0.2F, 4}}},
    {{{Change::solarize, 0.6F, 5}, {Change::autocontrast, 0.6F, -1}}},
    {{{Change::invert, 0.6F, -1}, {Change::equalize, 1.0F, -1}}},
    {{{Change::saturation, 0.6F, 4}, {Change::contrast, 1.0F, 8}}},
    {{{Change::equalize, 0.8F, -1}, {Change::equalize, 0.6F, -1}}},
};

void auto_augment(AugmentScene& scene, const AugmentSettings&) {
  for (const PolicyStep& step : imagenet_policy[scene.whole(0, 24)]) {
    if (scene.random.chance(step.p)) run(scene, step.change, std::max(step.level, 0) / 9.0, usual);
  }
}

}  // namespace

std::span<const AugmentOperation> policy_operations() {
  using Kind = AugmentOperation::Kind;
  constexpr const char* group = "policy";
  static const std::vector<AugmentOperation> operations{
      {"rand_augment",
       group,
       "some of 14 simple changes, all of one strength",
       {{"count", 2, 1, 10, "how many"}, {"magnitude", 9, 0, 30, "strength"}},
       &rand_augment},
      {"trivial_augment", group, "one of 14 simple changes, of any strength", {}, &trivial_augment},
      {"auto_augment", group, "the policy that was found for ImageNet", {}, &auto_augment},
      {"one_of", group, "one of the operations in \"of\"", {}, nullptr, Kind::choice},
      {"some_of",
       group,
       "several of the operations in \"of\", in any order",
       {{"count", 2, 1, 50, "how many"}},
       nullptr,
       Kind::choice},
  };
  return operations;
}

AugmentList named_augment_list(const std::string& name) {
  const AugmentList yolo{{"mosaic"}, {"affine"}, {"hsv"}, {"flip_horizontal"}};
  const AugmentOp weather{"one_of", {{"p", 0.15}}, {{"rain"}, {"fog"}, {"dust"}, {"night"}}};
  const AugmentOp blur{"one_of", {{"p", 0.1}}, {{"gaussian_blur"}, {"motion_blur"}, {"downscale"}}};
  AugmentList list;
  if (name == "default") {
    list = yolo;
  } else if (name == "none") {
    list = {{"letterbox"}};
  } else if (name == "light") {
    list = {{"affine", {{"translate", 0.05}, {"scale", 0.2}}},
            {"hsv", {{"saturation", 0.3}, {"value", 0.2}}},
            {"flip_horizontal"}};
  } else if (name == "site") {
    list = yolo;
    list.insert(list.end(), {weather, {"shadow"}, {"white_balance", {{"p", 0.2}}}, blur, {"noise"}, {"jpeg"}});
  } else if (name == "small") {
    list = {{"mosaic"},         {"affine", {{"degrees", 5}, {"shear", 2}}}, {"mixup"}, {"copy_paste"}, {"hsv"},
            {"flip_horizontal"}};
    list.insert(list.end(), {weather, {"shadow"}, blur, {"noise"}, {"jpeg"}, {"erase"}});
  } else if (name == "classify") {
    list = {{"resized_crop"}, {"flip_horizontal"}, {"trivial_augment"}, {"erase", {{"p", 0.1}}}};
  } else {
    std::string names;
    for (const std::string& one : augment_list_names()) names += (names.empty() ? "" : ", ") + one;
    throw UsageError({.where = "augmentation", .what = "there is no list \"" + name + "\"", .expected = names});
  }
  return list;
}

std::vector<std::string> augment_list_names() { return {"default", "none", "light", "site", "small", "classify"}; }

}  // namespace joist
