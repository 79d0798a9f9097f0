// Examples through maps of the plane: the picture is drawn anew, boxes, outlines and keypoints follow.
#pragma once

#include <joist/data/augment/affine.h>
#include <joist/data/augment/example.h>

#include <span>

namespace joist {

/// x' = (m0·x + m1·y + m2) / w, y' = (m3·x + m4·y + m5) / w with w = m6·x + m7·y + m8.
struct ProjectiveMap {
  double m[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

  ProjectiveMap() = default;
  explicit ProjectiveMap(const AffineMap& map) noexcept : m{map.a, map.b, map.c, map.d, map.e, map.f, 0, 0, 1} {}
  bool is_affine() const noexcept { return m[6] == 0 && m[7] == 0; }
  /// Only where is_affine().
  AffineMap affine() const noexcept;
};

/// First `second`, then `first`.
ProjectiveMap operator*(const ProjectiveMap& first, const ProjectiveMap& second) noexcept;
/// The map back, up to a factor. The determinant must not be 0.
ProjectiveMap inverse(const ProjectiveMap& map) noexcept;

/// Which boxes are worth keeping after they were cut or shrunk, as in AugmentOptions.
struct KeepRule {
  float min_side = 2;      ///< wider and higher than this, pixels
  float max_aspect = 100;  ///< less long than this compared to their width; 0: any
  float min_kept = 0.1F;   ///< more than this share of what was there before is left

  /// `box` is what is left; `share` of the object is still seen.
  bool keeps(const LabelledBox& box, double share) const noexcept;
};

/// Draws `from` through `map` onto `out`, whose size counts and whose pixels keep their value where nothing falls.
/// Bilinear between pixels; the half pixel beyond the last centres repeats them.
void draw(const Picture& from, const ProjectiveMap& map, Picture& out);

/// Labels of `from` (a picture of any size) mapped and cut to [0, width) × [0, height) are appended to `to`. A box
/// becomes the smallest box around what is left of its outline or, where it has none, of itself as a filled
/// quadrilateral. Points that fall outside count as not labelled.
void carry_labels(const Example& from, const ProjectiveMap& map, int width, int height, const KeepRule& rule,
                  Example& to);

/// The whole example through `map` onto a picture of width × height, grey (pad_value) where nothing falls. `spare`
/// gives and keeps memory.
void warp(Example& example, const ProjectiveMap& map, int width, int height, const KeepRule& rule, Example& spare);

/// Part of an example; labels are cut as carry_labels() says.
void crop(Example& example, int left, int top, int width, int height, const KeepRule& rule, Example& spare);

/// The example at width × height pixels, averaged where it shrinks as resized() does.
void resize(Example& example, int width, int height);

/// Left and right, or top and bottom, exchanged. Keypoints move but keep their names.
void mirror_columns(Example& example);
void mirror_rows(Example& example);
/// A quarter turn against the clock.
void quarter_turn(Example& example, Example& spare);

/// Exchanges keypoints for their partners after a mirroring: `partner[i]` is the keypoint that i becomes.
void exchange_keypoints(Example& example, std::span<const int> partner);

/// Takes box i, with its shape, out of the example.
void remove_box(Example& example, std::size_t i);

}  // namespace joist
