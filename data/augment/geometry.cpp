// Flips, turns, zooms, shifts, slants and perspective.
#include <joist/data/augment/operation.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace joist {
namespace {

constexpr double radian = std::numbers::pi / 180;

ProjectiveMap moved(double x, double y) { return ProjectiveMap(AffineMap{1, 0, x, 0, 1, y}); }
ProjectiveMap zoomed(double x, double y) { return ProjectiveMap(AffineMap{x, 0, 0, 0, y, 0}); }
ProjectiveMap turned(double degrees) {
  const double c = std::cos(degrees * radian), s = std::sin(degrees * radian);
  return ProjectiveMap(AffineMap{c, s, 0, -s, c, 0});  // against the clock, as one looks at the picture
}

// Puts the picture's centre on the centre of the square that comes out, with `map` about the centre between. A picture
// smaller than the square is scaled up to fit it first; a larger one, a mosaic say, is seen in part.
void about_centre(AugmentScene& scene, const ProjectiveMap& map) {
  const double width = scene.example.picture.width, height = scene.example.picture.height;
  const double fit = std::max(1.0, scene.size / std::max(width, height)), middle = scene.size / 2.0;
  const ProjectiveMap whole = moved(middle, middle) * map * zoomed(fit, fit) * moved(-width / 2, -height / 2);
  warp(scene.example, whole, scene.size, scene.size, scene.keep, scene.spare);
}

ProjectiveMap slanted(AugmentScene& scene, double degrees) {
  const double x = std::tan(scene.uniform(-degrees, degrees) * radian);
  const double y = std::tan(scene.uniform(-degrees, degrees) * radian);
  return ProjectiveMap(AffineMap{1, x, 0, y, 1, 0});
}

// `strength` 1 shrinks the far side to nothing.
ProjectiveMap tilted(AugmentScene& scene, double strength) {
  ProjectiveMap map;
  map.m[6] = scene.uniform(-strength, strength) / scene.size;
  map.m[7] = scene.uniform(-strength, strength) / scene.size;
  return map;
}

void affine(AugmentScene& scene, const AugmentSettings& settings) {
  const ProjectiveMap turn = turned(scene.uniform(-settings["degrees"], settings["degrees"]));
  const double zoom = scene.uniform(1 - settings["scale"], 1 + settings["scale"]);
  const ProjectiveMap slant = slanted(scene, settings["shear"]);
  const double shift_x = scene.uniform(-settings["translate"], settings["translate"]) * scene.size;
  const double shift_y = scene.uniform(-settings["translate"], settings["translate"]) * scene.size;
  const ProjectiveMap tilt = tilted(scene, settings["perspective"]);
  about_centre(scene, moved(shift_x, shift_y) * slant * turn * zoomed(zoom, zoom) * tilt);
}

void rotate(AugmentScene& scene, const AugmentSettings& settings) {
  about_centre(scene, turned(scene.uniform(-settings["degrees"], settings["degrees"])));
}

void scale(AugmentScene& scene, const AugmentSettings& settings) {
  const double zoom = scene.uniform(settings["least"], std::max(settings["least"], settings["most"]));
  about_centre(scene, zoomed(zoom, zoom));
}

void translate(AugmentScene& scene, const AugmentSettings& settings) {
  const double x = scene.uniform(-settings["share"], settings["share"]) * scene.size;
  const double y = scene.uniform(-settings["share"], settings["share"]) * scene.size;
  about_centre(scene, moved(x, y));
}

void shear(AugmentScene& scene, const AugmentSettings& settings) {
  about_centre(scene, slanted(scene, settings["degrees"]));
}
void perspective(AugmentScene& scene, const AugmentSettings& settings) {
  about_centre(scene, tilted(scene, settings["strength"]));
}

void flip_left_right(AugmentScene& scene, const AugmentSettings&) {
  mirror_columns(scene.example);
  exchange_keypoints(scene.example, scene.mirrored_keypoints);
}

void flip_upside_down(AugmentScene& scene, const AugmentSettings&) {
  mirror_rows(scene.example);
  exchange_keypoints(scene.example, scene.mirrored_keypoints);
}

// Whole quarters lose nothing: pixels change places.
void rotate90(AugmentScene& scene, const AugmentSettings&) {
  for (int quarter = scene.whole(1, 3); quarter > 0; --quarter) quarter_turn(scene.example, scene.spare);
}

}  // namespace

std::span<const AugmentOperation> geometry_operations() {
  constexpr double any = 180;
  static const std::vector<AugmentOperation> operations{
      {"flip_horizontal",
       "geometry",
       "mirrors left and right",
       {},
       &flip_left_right,
       AugmentOperation::Kind::single,
       0.5},
      {"flip_vertical",
       "geometry",
       "mirrors top and bottom; for aerial pictures",
       {},
       &flip_upside_down,
       AugmentOperation::Kind::single,
       0.5},
      {"rotate90",
       "geometry",
       "one to three quarter turns; for aerial pictures",
       {},
       &rotate90,
       AugmentOperation::Kind::single,
       0.75},
      {"affine",
       "geometry",
       "turn, zoom, slant, shift and tilt in one drawing, which is fast and sharp",
       {{"degrees", 0, 0, any, "turn by at most this angle"},
        {"translate", 0.1, 0, 1, "shift by at most this share of the side"},
        {"scale", 0.5, 0, 0.99, "zoom by 1 - scale … 1 + scale"},
        {"shear", 0, 0, 40, "slant by at most this angle"},
        {"perspective", 0, 0, 0.9, "tilt; 0.2 is much"}},
       &affine},
      {"rotate",
       "geometry",
       "turn about the centre",
       {{"degrees", 10, 0, any, "at most this angle, either way"}},
       &rotate},
      {"scale",
       "geometry",
       "zoom about the centre",
       {{"least", 0.5, 0.01, 10, "smallest factor"}, {"most", 1.5, 0.01, 10, "largest factor"}},
       &scale},
      {"translate", "geometry", "shift", {{"share", 0.1, 0, 1, "at most this share of the side"}}, &translate},
      {"shear", "geometry", "slant along both axes", {{"degrees", 5, 0, 40, "at most this angle"}}, &shear},
      {"perspective", "geometry", "tilt", {{"strength", 0.2, 0, 0.9, "0.2 is much"}}, &perspective},
  };
  return operations;
}

}  // namespace joist
