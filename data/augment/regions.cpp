// Which part of a picture is seen: crops, and whole pictures inside a square.
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/operation.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace joist {
namespace {

int scaled_side(int side, double scale) { return std::max(1, static_cast<int>(std::lround(side * scale))); }

double overlap(const LabelledBox& a, const LabelledBox& b) {  // intersection over union
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const double both = static_cast<double>(width) * height;
  return both / (static_cast<double>(a.area()) + b.area() - both);
}

void cut_anywhere(AugmentScene& scene, const AugmentSettings& settings) {
  const Picture& picture = scene.example.picture;
  const double least = settings["least"], most = std::max(least, settings["most"]);
  const int width = std::min(picture.width, scaled_side(picture.width, scene.uniform(least, most)));
  const int height = std::min(picture.height, scaled_side(picture.height, scene.uniform(least, most)));
  const int left = scene.whole(0, picture.width - width), top = scene.whole(0, picture.height - height);
  crop(scene.example, left, top, width, height, scene.keep, scene.spare);
}

// The sampling of SSD (Liu et al., 2016): windows are tried until one overlaps some box by a drawn least amount. Boxes
// stay whose centres lie inside.
void cut_around_boxes(AugmentScene& scene, const AugmentSettings& settings) {
  constexpr double overlaps[] = {0, 0.1, 0.3, 0.5, 0.7, 0.9, 1};
  constexpr int drawings = 10, tries = 40;
  const int width = scene.example.picture.width, height = scene.example.picture.height;
  const double least = settings["least"], most = std::max(least, settings["most"]);
  for (int drawing = 0; drawing < drawings; ++drawing) {
    const double wanted = overlaps[scene.whole(0, 6)];
    if (wanted >= 1) return;  // the whole picture
    for (int i = 0; i < tries; ++i) {
      const int w = scaled_side(width, scene.uniform(least, most)), h = scaled_side(height, scene.uniform(least, most));
      const double ratio = static_cast<double>(w) / h * height / width;
      if (w > width || h > height || ratio < 0.5 || ratio > 2) continue;
      const int left = scene.whole(0, width - w), top = scene.whole(0, height - h);
      const LabelledBox window{static_cast<float>(left), static_cast<float>(top), static_cast<float>(left + w),
                               static_cast<float>(top + h), 0};
      double best = 0;
      std::vector<std::size_t> outside;
      for (std::size_t k = 0; k < scene.example.boxes.size(); ++k) {
        const LabelledBox& box = scene.example.boxes[k];
        const float x = (box.x1 + box.x2) / 2, y = (box.y1 + box.y2) / 2;
        const bool is_inside = x > window.x1 && x < window.x2 && y > window.y1 && y < window.y2;
        if (is_inside) best = std::max(best, overlap(box, window));
        if (!is_inside) outside.push_back(k);
      }
      const bool has_box = outside.size() < scene.example.boxes.size();
      if ((!has_box || best < wanted) && !(scene.example.boxes.empty() && wanted == 0)) continue;
      for (std::size_t k = outside.size(); k-- > 0;) remove_box(scene.example, outside[k]);
      return crop(scene.example, left, top, w, h, scene.keep, scene.spare);
    }
  }
}

// torchvision's RandomResizedCrop: a share of the area in a drawn ratio of the sides, brought to the square.
void cut_and_resize(AugmentScene& scene, const AugmentSettings& settings) {
  const int width = scene.example.picture.width, height = scene.example.picture.height;
  const double most_ratio = settings["ratio"], least = settings["least"], most = std::max(least, settings["most"]);
  int w = std::min(width, height), h = w;  // where ten drawings find nothing that fits
  for (int i = 0; i < 10; ++i) {
    const double area = static_cast<double>(width) * height * scene.uniform(least, most);
    const double ratio = std::exp(scene.uniform(-std::log(most_ratio), std::log(most_ratio)));
    const int cut_width = scaled_side(1, std::sqrt(area * ratio)), cut_height = scaled_side(1, std::sqrt(area / ratio));
    if (cut_width > width || cut_height > height) continue;
    w = cut_width;
    h = cut_height;
    break;
  }
  crop(scene.example, scene.whole(0, width - w), scene.whole(0, height - h), w, h, scene.keep, scene.spare);
  resize(scene.example, scene.size, scene.size);
}

void into_square(AugmentScene& scene, const AugmentSettings&) { fit_to_square(scene.example, scene.size, scene.spare); }
void stretched(AugmentScene& scene, const AugmentSettings&) { resize(scene.example, scene.size, scene.size); }

// SSD's expansion: the picture somewhere on a larger grey one.
void zoomed_out(AugmentScene& scene, const AugmentSettings& settings) {
  const Picture& picture = scene.example.picture;
  const double by = scene.uniform(1.0, settings["most"]);
  const int width = scaled_side(picture.width, by), height = scaled_side(picture.height, by);
  const int left = scene.whole(0, width - picture.width), top = scene.whole(0, height - picture.height);
  crop(scene.example, -left, -top, width, height, scene.keep, scene.spare);
}

}  // namespace

void fit_to_square(Example& example, int size, Example& spare) {
  const int longer = std::max(example.picture.width, example.picture.height);
  if (longer != size) {
    const double scale = static_cast<double>(size) / longer;
    resize(example, scaled_side(example.picture.width, scale), scaled_side(example.picture.height, scale));
  }
  const int width = example.picture.width, height = example.picture.height;
  if (width == size && height == size) return;
  // All labels stay, however small: nothing was cut.
  const KeepRule all{.min_side = 0, .max_aspect = 0, .min_kept = 0};
  crop(example, -((size - width) / 2), -((size - height) / 2), size, size, all, spare);
}

std::span<const AugmentOperation> crop_operations() {
  static const std::vector<AugmentOperation> operations{
      {"crop",
       "regions",
       "a part of the picture, anywhere",
       {{"least", 0.5, 0.05, 1, "smallest share of each side"}, {"most", 1, 0.05, 1, "largest"}},
       &cut_anywhere},
      {"iou_crop",
       "regions",
       "a part that overlaps an object by a drawn amount (SSD); boxes stay whose centres are inside",
       {{"least", 0.3, 0.05, 1, "smallest share of each side"}, {"most", 1, 0.05, 1, "largest"}},
       &cut_around_boxes},
      {"resized_crop",
       "regions",
       "a share of the area in another ratio of its sides, stretched to the square; for classifiers",
       {{"least", 0.08, 0.01, 1, "smallest share of the area"},
        {"most", 1, 0.01, 1, "largest"},
        {"ratio", 4.0 / 3, 1, 4, "most that the sides' ratio changes"}},
       &cut_and_resize},
      {"letterbox",
       "regions",
       "the whole picture inside the square, grey beside it; ends every list by itself",
       {},
       &into_square},
      {"stretch", "regions", "the whole picture as a square, its ratio not kept", {}, &stretched},
      {"zoom_out",
       "regions",
       "the picture on a larger grey one, for small objects",
       {{"most", 2, 1, 8, "largest factor"}},
       &zoomed_out},
  };
  return operations;
}

}  // namespace joist
