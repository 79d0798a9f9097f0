#include <joist/data/outline.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace joist {

std::optional<Box> bounds(const std::vector<std::vector<double>>& polygons) {
  constexpr double far = std::numeric_limits<double>::infinity();
  double left = far;
  double top = far;
  double right = -far;
  double bottom = -far;
  for (const auto& polygon : polygons) {
    for (std::size_t i = 0; i + 1 < polygon.size(); i += 2) {
      left = std::min(left, polygon[i]);
      right = std::max(right, polygon[i]);
      top = std::min(top, polygon[i + 1]);
      bottom = std::max(bottom, polygon[i + 1]);
    }
  }
  if (left > right) return std::nullopt;
  return Box{left, top, right - left, bottom - top};
}

double polygon_area(const std::vector<double>& polygon) {
  const std::size_t count = polygon.size() / 2;
  double twice = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t next = (i + 1) % count;
    twice += polygon[2 * i] * polygon[2 * next + 1] - polygon[2 * next] * polygon[2 * i + 1];
  }
  return std::abs(twice) / 2;
}

std::vector<double> joined(const std::vector<std::vector<double>>& polygons) {
  if (polygons.empty()) return {};
  std::vector<double> all = polygons.front();
  for (std::size_t part = 1; part < polygons.size(); ++part) {
    const auto& polygon = polygons[part];
    if (polygon.size() < 2 || all.size() < 2) continue;
    const double x = all[0];
    const double y = all[1];
    all.insert(all.end(), {x, y});
    all.insert(all.end(), polygon.begin(), polygon.end());
    all.insert(all.end(), {polygon[0], polygon[1]});
  }
  return all;
}

std::optional<RunLengths> resampled(const RunLengths& mask, int width, int height,
                                    const std::function<std::pair<int, int>(int x, int y)>& source) {
  constexpr double most = 89'478'485;  // pixels, as DecodeOptions
  const auto pixels = [](int across, int down) { return static_cast<double>(across) * down; };
  if (width < 1 || height < 1 || pixels(width, height) > most || pixels(mask.width, mask.height) > most)
    return std::nullopt;
  std::vector<char> inside;  // column after column
  inside.reserve(static_cast<std::size_t>(mask.width) * static_cast<std::size_t>(mask.height));
  for (std::size_t i = 0; i < mask.counts.size(); ++i) inside.insert(inside.end(), mask.counts[i], i % 2 == 0 ? 0 : 1);
  RunLengths result{.width = width, .height = height, .counts = {0}, .is_compressed = mask.is_compressed};
  char now = 0;
  for (int x = 0; x < width; ++x)
    for (int y = 0; y < height; ++y) {
      const auto [from_x, from_y] = source(x, y);
      const auto at =
          static_cast<std::size_t>(std::clamp(from_x, 0, mask.width - 1)) * static_cast<std::size_t>(mask.height) +
          static_cast<std::size_t>(std::clamp(from_y, 0, mask.height - 1));
      const char here = at < inside.size() ? inside[at] : 0;
      if (here != now) result.counts.push_back(0), now = here;
      ++result.counts.back();
    }
  return result;
}

Outline scaled(const Outline& outline, double across, double down) {
  Outline result{.polygons = outline.polygons, .keypoints = outline.keypoints};
  for (auto& polygon : result.polygons) {
    for (std::size_t i = 0; i < polygon.size(); ++i) polygon[i] *= i % 2 == 0 ? across : down;
  }
  for (Keypoint& point : result.keypoints) {
    point.x *= across;
    point.y *= down;
  }
  if (outline.mask && (across == 1 && down == 1)) result.mask = outline.mask;
  if (outline.mask && (across != 1 || down != 1))
    result.mask =
        resampled(*outline.mask, static_cast<int>(std::lround(outline.mask->width * across)),
                  static_cast<int>(std::lround(outline.mask->height * down)), [&](int x, int y) {
                    return std::pair(static_cast<int>((x + 0.5) / across), static_cast<int>((y + 0.5) / down));
                  });
  return result;
}

std::optional<std::vector<std::uint32_t>> runs_from_text(std::string_view text, std::size_t most) {
  std::vector<std::uint32_t> counts;
  for (std::size_t at = 0; at < text.size();) {
    if (counts.size() == most) return std::nullopt;
    std::int64_t value = 0;
    bool more = true;
    for (int shift = 0; more; shift += 5) {
      if (at == text.size() || shift > 30) return std::nullopt;
      const int bits = text[at++] - 48;
      if (bits < 0 || bits > 63) return std::nullopt;
      value |= static_cast<std::int64_t>(bits & 31) << shift;
      more = (bits & 32) != 0;
      if (!more && (bits & 16) != 0) value -= std::int64_t{32} << shift;  // the sign bit
    }
    if (counts.size() > 2) value += counts[counts.size() - 2];
    if (value < 0 || value > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    counts.push_back(static_cast<std::uint32_t>(value));
  }
  return counts;
}

std::string text_from_runs(const std::vector<std::uint32_t>& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    std::int64_t value = counts[i];
    if (i > 2) value -= counts[i - 2];
    for (bool more = true; more;) {
      auto bits = static_cast<int>(value & 31);
      value >>= 5;
      more = (bits & 16) != 0 ? value != -1 : value != 0;
      if (more) bits |= 32;
      text += static_cast<char>(bits + 48);
    }
  }
  return text;
}

}  // namespace joist
