#include <joist/core/error.h>
#include <joist/data/augment.h>
#include <joist/data/augment/affine.h>
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/polygon.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace joist {
namespace {

constexpr std::uint32_t compose_call = 0;  // RandomKey::call; the steps have others

// Map of a canvas onto the output: its centre is brought to the origin, zoomed and turned, slanted, and brought to
// about the centre of the output.
AffineMap random_map(const AugmentOptions& options, double canvas, double size, Random& random) {
  const double radian = std::numbers::pi / 180;
  const double angle = random.uniform(-options.degrees, options.degrees) * radian;
  const double zoom = random.uniform(1 - options.scale, 1 + options.scale);
  const double slant_x = std::tan(random.uniform(-options.shear, options.shear) * radian);
  const double slant_y = std::tan(random.uniform(-options.shear, options.shear) * radian);
  const double shift_x = random.uniform(-options.translate, options.translate);
  const double shift_y = random.uniform(-options.translate, options.translate);
  const AffineMap centre{1, 0, -canvas / 2, 0, 1, -canvas / 2};
  const AffineMap turn{zoom * std::cos(angle),  zoom * std::sin(angle), 0,
                       -zoom * std::sin(angle), zoom * std::cos(angle), 0};
  const AffineMap slant{1, slant_x, 0, slant_y, 1, 0};
  const AffineMap shift{1, 0, (0.5 + shift_x) * size, 0, 1, (0.5 + shift_y) * size};
  return shift * slant * turn * centre;
}

Placed placed(const Picture& picture, int left, int top, int canvas) {
  return {.picture = &picture,
          .left = left,
          .top = top,
          .x1 = std::max(left, 0),
          .y1 = std::max(top, 0),
          .x2 = std::min(left + picture.width, canvas),
          .y2 = std::min(top + picture.height, canvas)};
}

// `whole` is the area that the object would have if nothing of it were cut off.
bool is_worth_keeping(const LabelledBox& box, double whole, const AugmentOptions& options) {
  const float width = box.width(), height = box.height();
  if (!(width > options.min_side && height > options.min_side)) return false;
  if (options.max_aspect > 0 && std::max(width / height, height / width) >= options.max_aspect) return false;
  return box.area() > options.min_kept * whole;
}

void carry_boxes(const std::vector<LabelledBox>& boxes, const Placed& place, const AffineMap& map,
                 const AugmentOptions& options, Example& example) {
  const double growth = std::abs(map.determinant());
  for (const LabelledBox& box : boxes) {
    const auto left = static_cast<float>(place.left), top = static_cast<float>(place.top);
    const LabelledBox on_canvas{box.x1 + left, box.y1 + top, box.x2 + left, box.y2 + top, box.category};
    const LabelledBox seen = clipped(on_canvas, static_cast<float>(place.x1), static_cast<float>(place.y1),
                                     static_cast<float>(place.x2), static_cast<float>(place.y2));
    if (!(seen.width() > 0 && seen.height() > 0)) continue;
    const auto width = static_cast<float>(example.picture.width), height = static_cast<float>(example.picture.height);
    LabelledBox kept = clipped(mapped(seen, map), 0, 0, width, height);
    if (map.b != 0 || map.d != 0) {  // of a turned box only what lies inside counts, and not the box around it
      Polygon turned = corners(seen);
      for (Vertex& corner : turned) {
        const auto [x, y] = map(corner.x, corner.y);
        corner = {static_cast<float>(x), static_cast<float>(y)};
      }
      kept = bounds(clipped(turned, 0, 0, width, height), box.category);
    }
    if (is_worth_keeping(kept, box.area() * growth, options)) example.boxes.push_back(kept);
  }
}

}  // namespace

std::vector<ObjectShape> ExamplePool::shapes(std::size_t) const { return {}; }

Augmenter::Augmenter(const AugmentOptions& options, int size, bool leaves_pixels)
    : options_(options), size_(size), leaves_pixels_(leaves_pixels) {
  check(options);
  if (size < 1) {
    throw UsageError({.where = "augmentation", .what = "size " + std::to_string(size), .expected = "at least 1 pixel"});
  }
}

const Example& Augmenter::operator()(const ExamplePool& pool, std::uint64_t seed, std::uint32_t epoch,
                                     std::size_t sample) {
  const auto random = [&](std::uint32_t call) {
    return Random({seed, Stream::augment, epoch, static_cast<std::uint32_t>(sample), call});
  };
  Random composing = random(compose_call);
  compose(pool, sample, composing);
  if (leaves_pixels_) example_.left.emplace();
  for (const AugmentStep& step : augment_steps()) {
    Random numbers = random(step.call);
    step.apply(example_, options_, numbers);
  }
  return example_;
}

void Augmenter::compose(const ExamplePool& pool, std::size_t sample, Random& random) {
  const bool is_mosaic = random.chance(options_.mosaic);
  const int canvas = is_mosaic ? 2 * size_ : size_;
  // Where the four pictures of a mosaic meet.
  const int x = size_ / 2 + static_cast<int>(random.below(static_cast<std::uint64_t>(size_) + 1));
  const int y = size_ / 2 + static_cast<int>(random.below(static_cast<std::uint64_t>(size_) + 1));
  const AffineMap map = random_map(options_, canvas, size_, random);
  const AffineMap back = inverse(map);
  blank(example_.picture, size_);
  example_.boxes.clear();
  for (std::size_t i = 0; i < (is_mosaic ? 4 : 1); ++i) {
    const auto loaded = pool.load(i == 0 ? sample : random.below(pool.size()), source_boxes_);
    const Picture& picture = *loaded;
    const bool is_left = i % 2 == 0, is_upper = i < 2;
    const int left = is_mosaic ? (is_left ? x - picture.width : x) : (canvas - picture.width) / 2;
    const int top = is_mosaic ? (is_upper ? y - picture.height : y) : (canvas - picture.height) / 2;
    const Placed place = placed(picture, left, top, canvas);
    draw(place, back, example_.picture);
    carry_boxes(source_boxes_, place, map, options_, example_);
  }
}

}  // namespace joist
