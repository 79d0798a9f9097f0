// Several pictures in one: mosaic, mixup, cutmix, copy-paste.
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/operation.h>
#include <joist/data/augment/polygon.h>
#include <joist/data/augment/resize.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace joist {
namespace {

// Gamma(shape, 1) by Marsaglia and Tsang (2000), for shapes of at least 1.
double gamma(Random& random, double shape) {
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = static_cast<double>(random.normal()), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - static_cast<double>(random.uniform())) < 0.5 * x * x + d - d * v + d * std::log(v))
      return d * v;
  }
}

double beta(Random& random, double alpha) {
  if (alpha < 1) {  // Jöhnk (1964)
    for (;;) {
      const double a = std::pow(1 - static_cast<double>(random.uniform()), 1 / alpha);
      const double b = std::pow(1 - static_cast<double>(random.uniform()), 1 / alpha);
      if (a + b <= 1) return a / (a + b);
    }
  }
  const double a = gamma(random, alpha);
  return a / (a + gamma(random, alpha));
}

// Where a picture of a mosaic goes: against a corner or edge of its cell, or in the middle.
int aligned(int begin, int end, int side, int place, int last) {
  if (place == 0) return end - side;
  return place == last ? begin : begin + (end - begin - side) / 2;
}

void mosaic(AugmentScene& scene, const AugmentSettings& settings) {
  const int grid = settings.whole("grid"), size = scene.size, side = grid * size;
  // The lines between the pictures; those around are the canvas's own.
  int columns[4] = {0, 0, 0, side}, rows[4] = {0, 0, 0, side};
  columns[grid] = rows[grid] = side;
  for (int i = 1; i < grid; ++i) {
    const int play = grid == 2 ? size / 2 : size / 4;
    columns[i] = i * size + scene.whole(-play, play);
    rows[i] = i * size + scene.whole(-play, play);
  }
  Example& canvas = scene.spare;
  blank(canvas.picture, side);
  canvas.boxes.clear();
  canvas.shapes.clear();
  Example one;
  for (int cell = 0; cell < grid * grid; ++cell) {
    // The sample itself lies in the middle, or first.
    if (cell == (grid == 2 ? 0 : 4)) {
      one = scene.example;
    } else {
      const auto other = static_cast<std::size_t>(scene.random.below(scene.pool.size()));
      one.picture = *scene.pool.load(other, one.boxes);
      one.shapes = scene.pool.shapes(other);
    }
    const int column = cell % grid, row = cell / grid;
    const int left = columns[column], right = columns[column + 1], top = rows[row], bottom = rows[row + 1];
    const int at_x = aligned(left, right, one.picture.width, column, grid - 1);
    const int at_y = aligned(top, bottom, one.picture.height, row, grid - 1);
    Example cut;
    crop(one, left - at_x, top - at_y, right - left, bottom - top, scene.keep, cut);
    for (int y = 0; y < one.picture.height; ++y) {
      std::memcpy(canvas.picture.at(left, top + y), one.picture.at(0, y),
                  static_cast<std::size_t>(one.picture.width) * 3);
    }
    const KeepRule all{.min_side = 0, .max_aspect = 0, .min_kept = 0};
    carry_labels(one, ProjectiveMap(AffineMap{1, 0, static_cast<double>(left), 0, 1, static_cast<double>(top)}), side,
                 side, all, canvas);
  }
  std::swap(scene.example, canvas);
}

void append_labels(const Example& from, Example& to) {
  if (!from.shapes.empty() || !to.shapes.empty()) to.shapes.resize(to.boxes.size());
  to.boxes.insert(to.boxes.end(), from.boxes.begin(), from.boxes.end());
  if (!from.shapes.empty()) to.shapes.insert(to.shapes.end(), from.shapes.begin(), from.shapes.end());
  if (!to.shapes.empty()) to.shapes.resize(to.boxes.size());
}

void mixup(AugmentScene& scene, const AugmentSettings& settings) {
  const int share = static_cast<int>(std::lround(beta(scene.random, settings["alpha"]) * 256));
  fit_to_square(scene.example, scene.size, scene.spare);
  const Example& other = scene.other();
  std::uint8_t* to = scene.example.picture.pixels.data();
  const std::uint8_t* from = other.picture.pixels.data();
  for (std::size_t i = 0; i < other.picture.pixels.size(); ++i)
    to[i] = static_cast<std::uint8_t>((to[i] * share + from[i] * (256 - share) + 128) >> 8);
  append_labels(other, scene.example);
}

// What is seen of a box beside a window that hides everything inside: smaller where a whole side is hidden.
LabelledBox beside(LabelledBox box, const LabelledBox& window) {
  const bool spans_width = window.x1 <= box.x1 && window.x2 >= box.x2;
  const bool spans_height = window.y1 <= box.y1 && window.y2 >= box.y2;
  if (spans_width && window.y1 <= box.y1) box.y1 = std::max(box.y1, std::min(window.y2, box.y2));
  if (spans_width && window.y2 >= box.y2) box.y2 = std::min(box.y2, std::max(window.y1, box.y1));
  if (spans_height && window.x1 <= box.x1) box.x1 = std::max(box.x1, std::min(window.x2, box.x2));
  if (spans_height && window.x2 >= box.x2) box.x2 = std::min(box.x2, std::max(window.x1, box.x1));
  return box;
}

void hide(AugmentScene& scene, const LabelledBox& window) {
  Example& example = scene.example;
  for (std::size_t i = example.boxes.size(); i-- > 0;) {
    const LabelledBox box = example.boxes[i], hidden = clipped(box, window.x1, window.y1, window.x2, window.y2);
    if (!(hidden.width() > 0 && hidden.height() > 0)) continue;
    const double share = 1 - static_cast<double>(hidden.area()) / std::max(static_cast<double>(box.area()), 1e-9);
    const LabelledBox left = beside(box, window);
    if (!scene.keep.keeps(left, share)) {
      remove_box(example, i);
      continue;
    }
    example.boxes[i] = left;
    if (example.shapes.empty()) continue;
    for (Polygon& polygon : example.shapes[i].outline) polygon = clipped(polygon, left.x1, left.y1, left.x2, left.y2);
    std::erase_if(example.shapes[i].outline, [](const Polygon& polygon) { return polygon.empty(); });
    for (LabelledKeypoint& point : example.shapes[i].keypoints) {
      const bool is_hidden = point.x >= window.x1 && point.x < window.x2 && point.y >= window.y1 && point.y < window.y2;
      if (is_hidden && point.seen == 2) point.seen = 1;
    }
  }
}

void cutmix(AugmentScene& scene, const AugmentSettings& settings) {
  const int size = scene.size;
  fit_to_square(scene.example, size, scene.spare);
  const double side = std::sqrt(1 - beta(scene.random, settings["alpha"]));
  const int cut = std::clamp(static_cast<int>(std::lround(side * size)), 1, size);
  const int left = scene.whole(0, size - cut), top = scene.whole(0, size - cut);
  Example part = scene.other(), memory;
  crop(part, left, top, cut, cut, scene.keep, memory);
  const auto x = static_cast<float>(left), y = static_cast<float>(top), wide = static_cast<float>(cut);
  hide(scene, {x, y, x + wide, y + wide, 0});
  for (int row = 0; row < cut; ++row)
    std::memcpy(scene.example.picture.at(left, top + row), part.picture.at(0, row), static_cast<std::size_t>(cut) * 3);
  const KeepRule all{.min_side = 0, .max_aspect = 0, .min_kept = 0};
  carry_labels(part, ProjectiveMap(AffineMap{1, 0, left + 0.0, 0, 1, top + 0.0}), size, size, all, scene.example);
}

// One object with what lies in its box, or inside its outline, laid on the picture.
bool paste(AugmentScene& scene, const Example& from, std::size_t i, double zoom, bool mirror, double most_hidden) {
  const LabelledBox& box = from.boxes[i];
  const int left = std::max(0, static_cast<int>(std::floor(box.x1))),
            top = std::max(0, static_cast<int>(std::floor(box.y1)));
  const int width = std::min(from.picture.width, static_cast<int>(std::ceil(box.x2))) - left;
  const int height = std::min(from.picture.height, static_cast<int>(std::ceil(box.y2))) - top;
  Example object{from.picture, {box}, {}}, memory;
  if (!from.shapes.empty()) object.shapes.push_back(from.shapes[i]);
  const KeepRule all{.min_side = 0, .max_aspect = 0, .min_kept = 0};
  if (width < 3 || height < 3) return false;
  crop(object, left, top, width, height, all, memory);
  const int wide = static_cast<int>(std::lround(width * zoom)), high = static_cast<int>(std::lround(height * zoom));
  Picture& picture = scene.example.picture;
  if (wide < 3 || high < 3 || wide >= picture.width || high >= picture.height || object.boxes.empty()) return false;
  resize(object, wide, high);
  if (mirror) {
    mirror_columns(object);
    exchange_keypoints(object, scene.mirrored_keypoints);
  }
  for (int attempt = 0; attempt < 8; ++attempt) {
    const int x = scene.whole(0, picture.width - wide), y = scene.whole(0, picture.height - high);
    const LabelledBox window{static_cast<float>(x), static_cast<float>(y), static_cast<float>(x + wide),
                             static_cast<float>(y + high), 0};
    const auto is_hidden = [&](const LabelledBox& other) {
      const LabelledBox both = clipped(other, window.x1, window.y1, window.x2, window.y2);
      return static_cast<double>(both.area()) > most_hidden * std::min(other.area(), window.area());
    };
    if (std::any_of(scene.example.boxes.begin(), scene.example.boxes.end(), is_hidden)) continue;
    const bool has_outline = !object.shapes.empty() && !object.shapes[0].outline.empty();
    std::vector<PixelRun> seen;
    for (int row = 0; row < high; ++row) {
      seen.assign(1, {0, wide});
      if (has_outline) runs(object.shapes[0].outline, row, wide, seen);
      for (const PixelRun& run : seen)
        std::memcpy(picture.at(x + run.begin, y + row), object.picture.at(run.begin, row),
                    static_cast<std::size_t>(run.end - run.begin) * 3);
    }
    carry_labels(object, ProjectiveMap(AffineMap{1, 0, x + 0.0, 0, 1, y + 0.0}), picture.width, picture.height, all,
                 scene.example);
    return true;
  }
  return false;
}

void copy_paste(AugmentScene& scene, const AugmentSettings& settings) {
  Example from;
  const auto other = static_cast<std::size_t>(scene.random.below(scene.pool.size()));
  from.picture = *scene.pool.load(other, from.boxes);
  from.shapes = scene.pool.shapes(other);
  if (from.boxes.empty()) return;
  const int count = scene.whole(1, settings.whole("count"));
  for (int i = 0; i < count; ++i) {
    const auto which = static_cast<std::size_t>(scene.random.below(from.boxes.size()));
    const double zoom = scene.uniform(1 - settings["scale"], 1 + settings["scale"]);
    const bool mirror = scene.chance(0.5);
    paste(scene, from, which, zoom, mirror, settings["hidden"]);
  }
}

}  // namespace

std::span<const AugmentOperation> mixing_operations() {
  using Kind = AugmentOperation::Kind;
  static const std::vector<AugmentOperation> operations{
      {"mosaic",
       "mixing",
       "four or nine pictures side by side; stands first, and an affine after it chooses the part that is seen",
       {{"grid", 2, 2, 3, "2: four pictures, 3: nine"}},
       &mosaic,
       Kind::mosaic},
      {"mixup",
       "mixing",
       "two pictures laid over each other, the boxes of both",
       {{"alpha", 32, 0.05, 1000, "of the beta distribution of the shares; large: near one half"}},
       &mixup,
       Kind::mix,
       0.1},
      {"cutmix",
       "mixing",
       "a square of another picture",
       {{"alpha", 1, 0.05, 1000, "of the beta distribution of the square's share"}},
       &cutmix,
       Kind::mix,
       0.1},
      {"copy_paste",
       "mixing",
       "objects of another picture, cut out along their outline or box",
       {{"count", 3, 1, 50, "at most so many"},
        {"scale", 0.3, 0, 0.9, "zoom by 1 - scale … 1 + scale"},
        {"hidden", 0.1, 0, 1, "largest share of an object that may be hidden"}},
       &copy_paste,
       Kind::single,
       0.3},
  };
  return operations;
}

}  // namespace joist
