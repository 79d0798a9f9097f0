#include <joist/tools/training/tiled_detections.h>

#include <algorithm>
#include <tuple>

namespace joist {
namespace {

constexpr double most_overlap = 0.5;   // intersection over union
constexpr double mostly_inside = 0.8;  // share of a cut box
constexpr double edge = 2;             // pixels

struct Candidate {
  TileDetection tile{};
  bool is_cut = false;
};

// Whether a box ends at an edge of its tile that is not the picture's.
bool is_cut(const Box& box, const TileWindow& window, const Sample& picture) {
  const bool left = window.x > 0 && box.x < window.x + edge;
  const bool top = window.y > 0 && box.y < window.y + edge;
  const bool right = window.x + window.width < picture.width && box.right() > window.x + window.width - edge;
  const bool bottom = window.y + window.height < picture.height && box.bottom() > window.y + window.height - edge;
  return left || top || right || bottom;
}

bool repeats(const Candidate& candidate, const Candidate& kept) {
  if (candidate.tile.window == kept.tile.window) return false;
  const Box &a = candidate.tile.detection.box, &b = kept.tile.detection.box;
  const double width = std::min(a.right(), b.right()) - std::max(a.x, b.x);
  const double height = std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
  if (width <= 0 || height <= 0) return false;
  const double both = width * height;
  return both > most_overlap * (a.area() + b.area() - both) || (candidate.is_cut && both > mostly_inside * a.area());
}

}  // namespace

std::vector<Detection> merge_tiles(std::vector<TileDetection> found, const TiledDataset& tiles, const Dataset& whole) {
  std::vector<Candidate> candidates;
  for (TileDetection& one : found) {
    const TileWindow& window = tiles.windows[one.window];
    const bool cut = is_cut(one.detection.box, window, whole.samples[window.sample]);
    candidates.push_back({std::move(one), cut});
  }
  const auto group = [&](const Candidate& one) {
    return std::tuple(tiles.windows[one.tile.window].sample, one.tile.detection.category_id);
  };
  std::stable_sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    return std::tuple(group(a), a.is_cut, -a.tile.detection.score) <
           std::tuple(group(b), b.is_cut, -b.tile.detection.score);
  });
  std::vector<Detection> merged;
  std::vector<const Candidate*> kept;
  for (const Candidate& one : candidates) {
    if (!kept.empty() && group(*kept.front()) != group(one)) kept.clear();
    if (std::any_of(kept.begin(), kept.end(), [&](const Candidate* other) { return repeats(one, *other); })) continue;
    kept.push_back(&one);
    merged.push_back(one.tile.detection);
  }
  return merged;
}

}  // namespace joist
