#include <joist/core/error.h>
#include <joist/data/augment/resize.h>
#include <joist/data/decode.h>
#include <joist/tools/report/detection_report.h>
#include <joist/tools/report/draw.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr std::uint32_t right = 0x2e9e4f, wrong = 0xd62728, missed = 0xf0a000, label = 0x1f77b4;

/// A picture small enough for a page, and by how much it was scaled.
struct Shown {
  Picture picture{};
  double scale = 1;
};

Shown shrunk(const Picture& picture, int recorded_width, int side) {
  const int longest = std::max(picture.width, picture.height);
  Shown shown{picture, 1};
  if (longest > side) {
    const double factor = static_cast<double>(side) / longest;
    const auto length = [&](int pixels) { return std::max(1, static_cast<int>(std::lround(pixels * factor))); };
    shown.picture = resized(picture, length(picture.width), length(picture.height));
  }
  shown.scale = recorded_width > 0 ? static_cast<double>(shown.picture.width) / recorded_width : 1;
  return shown;
}

Box scaled(const Box& box, double scale, double left = 0, double top = 0) {
  return {(box.x - left) * scale, (box.y - top) * scale, box.width * scale, box.height * scale};
}

Picture beside(const Picture& a, const Picture& b) {
  constexpr int gap = 8;
  Picture both(a.width + gap + b.width, std::max(a.height, b.height), 255);
  for (int y = 0; y < a.height; ++y) std::copy_n(a.at(0, y), a.width * 3, both.at(0, y));
  for (int y = 0; y < b.height; ++y) std::copy_n(b.at(0, y), b.width * 3, both.at(a.width + gap, y));
  return both;
}

std::string file_name(const Sample& sample) { return sample.name.empty() ? sample.path : sample.name; }

class Pictures {
 public:
  Pictures(const DetectionAnalysis& analysis, const Dataset& dataset) : all_(analysis), dataset_(dataset) {
    for (std::size_t i = 0; i < dataset.samples.size(); ++i) samples_[dataset.samples[i].id] = i;
    for (std::size_t g = 0; g < all_.truth.objects.size(); ++g)
      if (all_.errors.objects[g].counts) objects_[all_.truth.objects[g].image_id].push_back(g);
    for (std::size_t i = 0; i < all_.detections.size(); ++i)
      if (all_.is_shown(i)) shown_[all_.detections[i].image_id].push_back(i);
  }

  const Sample& sample(std::int64_t image) const { return dataset_.samples[samples_.at(image)]; }

  /// Truth on the left, predictions on the right.
  Picture pair(const Sample& sample) const {
    const Shown shown = shrunk(decode(sample.path, {.at_least = 640}), sample.width, 640);
    std::vector<DrawnBox> truth, predictions;
    if (const auto objects = objects_.find(sample.id); objects != objects_.end())
      for (const std::size_t g : objects->second) {
        const std::size_t finder = all_.errors.objects[g].detection;
        const bool is_found = finder != nothing && all_.is_shown(finder);
        truth.push_back({.box = scaled(all_.truth.objects[g].box, shown.scale),
                         .label = class_of(all_.truth.objects[g].category_id),
                         .colour = is_found ? right : missed});
      }
    if (const auto found = shown_.find(sample.id); found != shown_.end())
      for (const std::size_t i : found->second) {
        const ErrorKind kind = all_.errors.detections[i].kind;
        std::string words =
            fmt::format("{} {:.2f}", class_of(all_.detections[i].category_id), all_.detections[i].score);
        if (kind != ErrorKind::none) words += fmt::format(" {}", name_of(kind));
        predictions.push_back({.box = scaled(all_.detections[i].box, shown.scale),
                               .label = std::move(words),
                               .colour = kind == ErrorKind::none ? right : wrong});
      }
    return beside(draw_boxes(shown.picture, truth), draw_boxes(shown.picture, predictions));
  }

  /// What a doubt is about, with its surroundings.
  Picture crop(const DoubtfulLabel& doubt) const {
    const Sample& one = sample(doubt.image_id);
    const Picture whole = decode(one.path);
    const double file_scale = one.width > 0 ? static_cast<double>(whole.width) / one.width : 1;
    double left = 1e18, top = 1e18, end = -1e18, bottom = -1e18;
    const auto around = [&](const Box& box) {
      left = std::min(left, box.x * file_scale), top = std::min(top, box.y * file_scale);
      end = std::max(end, box.right() * file_scale), bottom = std::max(bottom, box.bottom() * file_scale);
    };
    if (doubt.object != nothing) around(all_.truth.objects[doubt.object].box);
    if (doubt.detection != nothing) around(all_.detections[doubt.detection].box);
    const double margin = std::max({48.0, (end - left) * 0.6, (bottom - top) * 0.6});
    const auto pixel = [](double at, int limit) { return static_cast<int>(std::clamp(at, 0.0, double(limit))); };
    const int x = pixel(left - margin, whole.width - 1), y = pixel(top - margin, whole.height - 1);
    const int right_end = std::max(x + 1, pixel(end + margin, whole.width));
    const int lower_end = std::max(y + 1, pixel(bottom + margin, whole.height));
    Picture part(right_end - x, lower_end - y);
    for (int row = 0; row < part.height; ++row) std::copy_n(whole.at(x, y + row), part.width * 3, part.at(0, row));
    constexpr int side = 300;
    const double factor = static_cast<double>(side) / std::max(part.width, part.height);
    part = resized(part, std::max(1, static_cast<int>(part.width * factor)),
                   std::max(1, static_cast<int>(part.height * factor)));
    const double scale = file_scale * factor;
    std::vector<DrawnBox> boxes;
    if (doubt.object != nothing) {
      const CocoObject& object = all_.truth.objects[doubt.object];
      boxes.push_back({.box = scaled(object.box, scale, x / file_scale, y / file_scale),
                       .label = class_of(object.category_id),
                       .dashed = true,
                       .colour = label});
    }
    if (doubt.detection != nothing) {
      const Detection& found = all_.detections[doubt.detection];
      boxes.push_back({.box = scaled(found.box, scale, x / file_scale, y / file_scale),
                       .label = fmt::format("{} {:.2f}", class_of(found.category_id), found.score),
                       .colour = wrong});
    }
    return draw_boxes(part, boxes);
  }

 private:
  const std::string& class_of(std::int64_t id) const { return all_.result.per_class[all_.class_index(id)].name; }

  const DetectionAnalysis& all_;
  const Dataset& dataset_;
  std::unordered_map<std::int64_t, std::size_t> samples_{};
  std::unordered_map<std::int64_t, std::vector<std::size_t>> objects_{}, shown_{};
};

const char* question(LabelDoubt kind) {
  switch (kind) {
    case LabelDoubt::overlooked: return "is a label missing?";
    case LabelDoubt::swapped: return "is the class wrong?";
    case LabelDoubt::misplaced: return "is the box off?";
    case LabelDoubt::unseen: return "is there such an object?";
  }
  return "";
}

}  // namespace

void add_worst_pictures(Page& page, const DetectionAnalysis& analysis, const Dataset& dataset, std::size_t most) {
  if (analysis.worst.empty()) return;
  page.heading("The worst pictures");
  page.paragraph(
      "Left the labels, right what the model found, at each class's threshold of the best F1. Green: right. Red: "
      "wrong, "
      "with the kind of mistake. Orange: missed.");
  const Pictures pictures(analysis, dataset);
  for (std::size_t i = 0; i < std::min(most, analysis.worst.size()); ++i) {
    const DetectionAnalysis::PictureErrors& one = analysis.worst[i];
    const Sample& sample = dataset.samples[one.sample];
    try {
      page.picture(pictures.pair(sample),
                   fmt::format("{}: {} missed, {} wrong", file_name(sample), one.missed, one.wrong));
    } catch (const DataError&) {
      page.paragraph(sample.path + " cannot be decoded");
    }
  }
  if (analysis.worst.size() > most)
    page.paragraph(fmt::format("{} more pictures with mistakes stand in the JSON.", analysis.worst.size() - most));
}

void add_doubtful_labels(Page& page, const DetectionAnalysis& analysis, const Dataset& dataset, std::size_t most) {
  page.heading("Labels to look at again");
  if (analysis.doubts.empty()) {
    page.paragraph("The model disagrees with no label.");
    return;
  }
  page.paragraph(
      "Where the model disagrees most with the labels; either may be wrong. Blue, dashed: the label. Red: what the "
      "model "
      "sees. A model that was trained on these very labels agrees with many wrong ones.");
  const Pictures pictures(analysis, dataset);
  std::vector<std::pair<Picture, std::string>> shown;
  for (std::size_t i = 0; i < analysis.doubts.size() && shown.size() < most; ++i) {
    const DoubtfulLabel& doubt = analysis.doubts[i];
    try {
      shown.emplace_back(pictures.crop(doubt), fmt::format("{} {:.2f} — {}", question(doubt.kind), doubt.doubt,
                                                           file_name(pictures.sample(doubt.image_id))));
    } catch (const DataError&) {
      page.paragraph(pictures.sample(doubt.image_id).path + " cannot be decoded");
    }
  }
  page.gallery(shown, 300);
  if (analysis.doubts.size() > most)
    page.paragraph(fmt::format("{} more stand in the JSON, with file and line.", analysis.doubts.size() - most));
}

}  // namespace joist
