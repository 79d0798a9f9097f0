// Parts of the picture hidden, so that a model learns not to hang on one detail.
#include <joist/data/augment/letterbox.h>
#include <joist/data/augment/operation.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace joist {
namespace {

struct Patch {
  int x1, y1, x2, y2;
};

double hidden_share(const LabelledBox& box, const std::vector<Patch>& patches) {
  // Counted on a grid of 16 × 16 places of the box: patches may overlap.
  int hidden = 0;
  for (int i = 0; i < 256; ++i) {
    const float x = box.x1 + box.width() * (static_cast<float>(i % 16) + 0.5F) / 16;
    const float y = box.y1 + box.height() * (static_cast<float>(i / 16) + 0.5F) / 16;
    hidden += std::any_of(patches.begin(), patches.end(), [&](const Patch& patch) {
      return x >= static_cast<float>(patch.x1) && x < static_cast<float>(patch.x2) &&
             y >= static_cast<float>(patch.y1) && y < static_cast<float>(patch.y2);
    });
  }
  return hidden / 256.0;
}

// An object of which almost nothing is left to see is no example of its class; others keep their whole box.
void forget_hidden(AugmentScene& scene, const std::vector<Patch>& patches) {
  Example& example = scene.example;
  for (std::size_t i = example.boxes.size(); i-- > 0;)
    if (1 - hidden_share(example.boxes[i], patches) <= static_cast<double>(scene.keep.min_kept)) remove_box(example, i);
  for (ObjectShape& shape : example.shapes) {
    for (LabelledKeypoint& point : shape.keypoints) {
      const bool is_hidden = std::any_of(patches.begin(), patches.end(), [&](const Patch& patch) {
        return point.x >= static_cast<float>(patch.x1) && point.x < static_cast<float>(patch.x2) &&
               point.y >= static_cast<float>(patch.y1) && point.y < static_cast<float>(patch.y2);
      });
      if (is_hidden && point.seen == 2) point.seen = 1;
    }
  }
}

void fill(Picture& picture, const Patch& patch, std::uint8_t value) {
  for (int y = patch.y1; y < patch.y2; ++y)
    std::memset(picture.at(patch.x1, y), value, static_cast<std::size_t>(patch.x2 - patch.x1) * 3);
}

// Random erasing (Zhong et al., 2020): a rectangle of noise or grey.
void erase(AugmentScene& scene, const AugmentSettings& settings) {
  Picture& picture = scene.example.picture;
  const double least = settings["least"], most = std::max(least, settings["most"]), ratio = std::log(settings["ratio"]);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = scene.uniform(least, most) * picture.width * picture.height;
    const double sides = std::exp(scene.uniform(-ratio, ratio));
    const int width = static_cast<int>(std::lround(std::sqrt(area * sides)));
    const int height = static_cast<int>(std::lround(std::sqrt(area / sides)));
    if (width < 1 || height < 1 || width > picture.width || height > picture.height) continue;
    const int x = scene.whole(0, picture.width - width), y = scene.whole(0, picture.height - height);
    const Patch patch{x, y, x + width, y + height};
    if (scene.chance(0.5)) {
      fill(picture, patch, pad_value);
    } else {
      for (int row = patch.y1; row < patch.y2; ++row) {
        std::uint8_t* to = picture.at(patch.x1, row);
        for (int i = 0; i < width * 3; i += 4) {
          const std::uint32_t bits = scene.random.bits();
          std::memcpy(to + i, &bits, static_cast<std::size_t>(std::min(4, width * 3 - i)));
        }
      }
    }
    return forget_hidden(scene, {patch});
  }
}

void cutout(AugmentScene& scene, const AugmentSettings& settings) {
  Picture& picture = scene.example.picture;
  std::vector<Patch> patches;
  const int count = scene.whole(1, settings.whole("count"));
  for (int i = 0; i < count; ++i) {
    const double share = scene.uniform(settings["side"] / 3, settings["side"]);
    const int side = std::max(1, static_cast<int>(std::lround(share * std::max(picture.width, picture.height))));
    const int x = scene.whole(-side / 2, picture.width - side / 2),
              y = scene.whole(-side / 2, picture.height - side / 2);
    const Patch patch{std::max(x, 0), std::max(y, 0), std::min(x + side, picture.width),
                      std::min(y + side, picture.height)};
    if (patch.x1 >= patch.x2 || patch.y1 >= patch.y2) continue;
    patches.push_back(patch);
    fill(picture, patch, pad_value);
  }
  forget_hidden(scene, patches);
}

// GridMask (Chen et al., 2020): a lattice of squares.
void grid_mask(AugmentScene& scene, const AugmentSettings& settings) {
  Picture& picture = scene.example.picture;
  const int side = std::max(picture.width, picture.height);
  const int period = std::max(2, side / scene.whole(3, 10));
  const int hidden = std::max(1, static_cast<int>(std::lround(period * settings["ratio"])));
  const int left = scene.whole(0, period - 1), top = scene.whole(0, period - 1);
  std::vector<Patch> patches;
  for (int y = top - period; y < picture.height; y += period) {
    for (int x = left - period; x < picture.width; x += period) {
      const Patch patch{std::max(x, 0), std::max(y, 0), std::min(x + hidden, picture.width),
                        std::min(y + hidden, picture.height)};
      if (patch.x1 >= patch.x2 || patch.y1 >= patch.y2) continue;
      patches.push_back(patch);
      fill(picture, patch, pad_value);
    }
  }
  forget_hidden(scene, patches);
}

}  // namespace

std::span<const AugmentOperation> occlusion_operations() {
  using Kind = AugmentOperation::Kind;
  constexpr const char* group = "occlusion";
  static const std::vector<AugmentOperation> operations{
      {"erase",
       group,
       "a rectangle of noise or grey (random erasing)",
       {{"least", 0.02, 0.001, 1, "smallest share of the picture"},
        {"most", 0.2, 0.001, 1, "largest"},
        {"ratio", 3.3, 1, 20, "of the sides, at most"}},
       &erase,
       Kind::single,
       0.2},
      {"cutout",
       group,
       "grey squares",
       {{"count", 4, 1, 100, "at most so many"}, {"side", 0.15, 0.01, 1, "largest, as a share of the picture's"}},
       &cutout,
       Kind::single,
       0.2},
      {"grid_mask",
       group,
       "a lattice of grey squares",
       {{"ratio", 0.4, 0.05, 0.9, "side of a square by the lattice's period"}},
       &grid_mask,
       Kind::single,
       0.1},
  };
  return operations;
}

}  // namespace joist
