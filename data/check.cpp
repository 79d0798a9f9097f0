#include <joist/core/error.h>
#include <joist/data/check.h>
#include <joist/data/check_boxes.h>
#include <joist/data/decode.h>
#include <joist/data/near_duplicates.h>
#include <joist/data/pictures/orientation.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace joist {
namespace {

constexpr double rounding = 1 + 1e-6;  // pixels that writers of annotations lose and gain

bool is_near(int a, int b) { return std::abs(a - b) <= 1; }

bool has_area(const Box& box) { return box.width > 0 && box.height > 0; }

class Doctor {
 public:
  Doctor(Dataset& dataset, const CheckOptions& options)
      : dataset_(dataset), options_(options), known_(options.categories.begin(), options.categories.end()) {}

  CheckReport run() {
    auto& samples = dataset_.samples;
    count_read();
    for (const LabelFault& fault : dataset_.faults) {
      if (fault.kind == "no label file") {
        note(fault.where, fault.kind, fault.what);
      } else if (!keep_faulty(fault.where, fault.kind, fault.what)) {
        ++report_.lost_boxes;
      }
    }
    std::erase_if(samples, [&](Sample& sample) { return !keep_picture(sample) && lose(sample); });
    merge_pictures();
    if (options_.decode_pictures) look_at_pictures();
    std::erase_if(samples, [&](Sample& sample) { return !keep_boxes(sample) && lose(sample); });
    std::int64_t trainable = 0;
    for (const Sample& sample : samples) {
      report_.boxes += static_cast<std::int64_t>(sample.annotations.size());
      trainable +=
          std::count_if(sample.annotations.begin(), sample.annotations.end(), [](const auto& a) { return !a.crowd; });
    }
    report_.pictures = static_cast<std::int64_t>(samples.size());
    if (samples.empty()) {
      require(dataset_.source, "empty data set", report_.findings.empty() ? "no picture" : "no picture is left");
    } else if (options_.for_training && trainable == 0) {
      require(dataset_.source, "no boxes",
              "not one box to train on in " + std::to_string(samples.size()) + " pictures");
    }
    if (!fatal_where_.empty() && options_.policy != Policy::report) fail();
    require_little_loss();
    if (!options_.categories.empty() && options_.policy != Policy::report)
      follow_categories(dataset_, options_.categories);
    return std::move(report_);
  }

 private:
  bool mends() const { return options_.policy == Policy::repair; }
  bool drops() const { return options_.policy == Policy::repair || options_.policy == Policy::drop; }

  void note(const std::string& where, const std::string& kind, const std::string& what,
            const std::string& action = "") {
    report_.findings.push_back({.where = where, .kind = kind, .what = what, .action = action});
    ++report_.counts[kind];
  }

  /// Notes what no policy can go on with.
  void require(const std::string& where, const std::string& kind, const std::string& what) {
    note(where, kind, what);
    if (fatal_where_.empty()) fatal_where_ = where;
  }

  /// Notes a fault that cannot be mended; false if its bearer has to go.
  bool keep_faulty(const std::string& where, const std::string& kind, const std::string& what) {
    if (drops()) {
      note(where, kind, what, "dropped");
      return false;
    }
    require(where, kind, what);
    return true;
  }

  void count_read() {
    report_.read_pictures = std::ssize(dataset_.samples);
    report_.read_boxes = std::ssize(dataset_.faults);
    for (const Sample& sample : dataset_.samples) report_.read_boxes += std::ssize(sample.annotations);
  }

  /// Counts a picture that is dropped.
  bool lose(const Sample& sample) {
    ++report_.lost_pictures;
    report_.lost_boxes += std::ssize(sample.annotations);
    return true;
  }

  /// A picture that loses all its boxes would teach that there is nothing on it.
  bool keep_boxes(Sample& sample) {
    boxes_.clear();
    const std::int64_t before = report_.lost_boxes;
    std::erase_if(sample.annotations, [&](Annotation& annotation) { return !keep_box(sample, annotation); });
    if (report_.lost_boxes == before || !sample.annotations.empty()) return true;
    note(sample.where, "no label left", sample.path + " lost all its boxes", "dropped");
    return false;
  }

  /// Decodes what is left.
  void look_at_pictures() {
    auto& samples = dataset_.samples;
    const std::vector<Sketch> looks = sketches(dataset_);
    std::vector<char> is_dropped(samples.size(), 0);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      std::error_code ignored;
      if (looks[i].fault.empty() || !std::filesystem::exists(samples[i].path, ignored)) continue;
      const std::string what = samples[i].path + ": " + looks[i].fault;
      if (is_known_bad_.contains(samples[i].where)) continue;
      is_dropped[i] = keep_faulty(samples[i].where, "picture damaged", what) ? 0 : 1;
    }
    for (const AlikePair& pair : alike(looks)) {
      const Sample& first = samples[pair.first];
      const Sample& second = samples[pair.second];
      const std::string what = second.path + (pair.is_same_file ? " is byte for byte " : " looks like ") + first.path;
      if (first.split != second.split) {
        require(second.where, "picture in two parts", what + " (" + second.split + ", " + first.split + ")");
      } else {
        note(second.where, pair.is_same_file ? "same picture" : "near-duplicate picture", what);
      }
    }
    std::size_t i = 0;
    std::erase_if(samples, [&](const Sample& sample) { return is_dropped[i++] != 0 && lose(sample); });
  }

  void require_little_loss() {
    if (!drops() || options_.max_loss >= 1) return;
    const auto share = [](std::int64_t lost, std::int64_t all) {
      return all == 0 ? 0.0 : static_cast<double>(lost) / static_cast<double>(all);
    };
    if (std::max(share(report_.lost_boxes, report_.read_boxes), share(report_.lost_pictures, report_.read_pictures)) <=
        options_.max_loss)
      return;
    throw DataError(
        {.where = dataset_.source,
         .what = std::to_string(report_.lost_boxes) + " of " + std::to_string(report_.read_boxes) + " boxes and " +
                 std::to_string(report_.lost_pictures) + " of " + std::to_string(report_.read_pictures) +
                 " pictures would be dropped:\n" + to_text(report_),
         .expected = "a loss of at most " + std::to_string(options_.max_loss * 100).substr(0, 4) + " %",
         .remedy = "correct the labels (joist data check lists every fault), or allow more with --max-loss"});
  }

  bool keep_picture(Sample& sample) {
    const std::size_t before = report_.findings.size();
    const bool is_kept = judge_picture(sample);
    // One fault of a file is enough.
    if (is_kept && report_.findings.size() > before && report_.findings.back().kind.starts_with("picture"))
      is_known_bad_.insert(sample.where);
    return is_kept;
  }

  bool judge_picture(Sample& sample) {
    if (!options_.read_pictures) return true;
    std::error_code ignored;
    if (!std::filesystem::exists(sample.path, ignored)) {
      return keep_faulty(sample.where, "picture missing", sample.path + " does not exist");
    }
    PictureInfo info;
    try {
      info = probe(sample.path);
      if (static_cast<double>(info.width) * info.height > static_cast<double>(DecodeOptions{}.max_pixels)) {
        const std::string size = size_text(info.width, info.height);
        return keep_faulty(sample.where, "picture unreadable", sample.path + " claims " + size + " pixels");
      }
      if (!has_end(sample.path)) return keep_faulty(sample.where, "picture truncated", sample.path + " ends too early");
    } catch (const DataError& error) {
      return keep_faulty(sample.where, "picture unreadable", error.fault().where + ": " + error.fault().what);
    }
    return keep_size(sample, info);
  }

  /// Brings the recorded size and the boxes in line with the upright picture.
  bool keep_size(Sample& sample, const PictureInfo& info) {
    const int width = std::exchange(sample.width, info.width);
    const int height = std::exchange(sample.height, info.height);
    if (width == 0 || height == 0 || (width == info.width && height == info.height)) return true;
    if (is_near(width, info.width) && is_near(height, info.height)) {
      ++report_.rounded;
      return true;
    }
    if (is_sideways(info.orientation) && is_near(width, info.stored_width) && is_near(height, info.stored_height)) {
      for (auto& annotation : sample.annotations) {
        annotation.box = upright(annotation.box, info.orientation, info.stored_width, info.stored_height);
        if (annotation.outline) annotation.outline = turned(*annotation.outline, info);
      }
      note(sample.where, "turned", sample.path + " has EXIF orientation " + std::to_string(info.orientation), "turned");
      return true;
    }
    const std::string what = "recorded as " + size_text(width, height) + ", but " + sample.path + " is " +
                             size_text(info.width, info.height);
    const double across = static_cast<double>(info.width) / width;
    const double down = static_cast<double>(info.height) / height;
    if (mends() && std::abs(across * height - info.height) <= 1.5) {
      for (auto& annotation : sample.annotations) {
        const Box& box = annotation.box;
        annotation.box = {box.x * across, box.y * down, box.width * across, box.height * down};
        annotation.area *= across * down;
        if (annotation.outline)
          annotation.outline = std::make_shared<const Outline>(scaled(*annotation.outline, across, down));
      }
      note(sample.where, "size differs", what, "scaled");
      return true;
    }
    return keep_faulty(sample.where, "size differs", what);
  }

  bool keep_box(const Sample& sample, Annotation& annotation) {
    const bool is_kept = judge_box(sample, annotation);
    if (!is_kept && report_.findings.back().kind != "duplicate box") ++report_.lost_boxes;
    if (is_kept) look_for_tiny(sample, annotation);
    return is_kept;
  }

  /// Too small for the finest grid of a detector, whose cells are 8 pixels wide.
  void look_for_tiny(const Sample& sample, const Annotation& annotation) {
    constexpr double least = 4;  // pixels: half a cell
    const int longer = std::max(sample.width, sample.height);
    if (options_.size <= 0 || longer == 0 || !has_area(annotation.box)) return;
    const double side = std::sqrt(annotation.box.area()) * options_.size / longer;
    if (side >= least) return;
    const std::string name = dataset_.categories[static_cast<std::size_t>(annotation.category)];
    note(annotation.where, "tiny object",
         name + ": " + box_text(annotation.box) + " is " + std::to_string(side).substr(0, 3) +
             " pixels large where the model sees " + size_text(options_.size, options_.size));
  }

  bool judge_box(const Sample& sample, Annotation& annotation) {
    Box& box = annotation.box;
    const std::string& where = annotation.where;
    const std::string& name = dataset_.categories[static_cast<std::size_t>(annotation.category)];
    if (!known_.empty() && !known_.contains(name)) {
      return keep_faulty(where, "unknown class", "class \"" + name + "\" is not in the list");
    }
    if (!std::isfinite(box.x + box.y + box.width + box.height)) {
      return keep_faulty(where, "box not finite", name + ": " + box_text(box));
    }
    if (!has_area(box)) return keep_faulty(where, "box without area", name + ": " + box_text(box));
    if (sample.width > 0 && sample.height > 0 && !keep_inside(sample, annotation, name)) return false;
    if (!boxes_.emplace(annotation.category, box.x, box.y, box.width, box.height).second) {
      note(where, "duplicate box", name + ": " + box_text(box) + " is there twice", drops() ? "dropped" : "");
      return !drops();
    }
    return true;
  }

  bool keep_inside(const Sample& sample, Annotation& annotation, const std::string& name) {
    const double excess = overhang(annotation.box, sample.width, sample.height);
    if (excess <= 0) return true;
    const std::string what = name + ": " + box_text(annotation.box) + " reaches out of its picture of " +
                             size_text(sample.width, sample.height);
    Annotation inside = annotation;
    clip(inside, sample.width, sample.height);
    const bool is_rounding = excess <= rounding;
    if (!has_area(inside.box) || !(is_rounding || mends())) return keep_faulty(annotation.where, "box outside", what);
    annotation = std::move(inside);
    if (is_rounding) {
      constexpr double decimals = 1e-3;  // pixels that six decimals of a share come to
      if (excess > decimals) ++report_.rounded;
    } else {
      note(annotation.where, "box outside", what, "clipped");
    }
    return true;
  }

  /// One picture under two names would teach that the boxes of one entry are background in the other.
  void merge_pictures() {
    std::unordered_map<std::string, std::size_t> first;
    std::vector<Sample> kept;
    for (Sample& sample : dataset_.samples) {
      const auto [place, is_new] =
          first.emplace(std::filesystem::path(sample.path).lexically_normal().string(), kept.size());
      if (!is_new) {
        Sample& other = kept[place->second];
        const std::string what = sample.path + " is also in " + other.where;
        if (mends()) {
          std::move(sample.annotations.begin(), sample.annotations.end(), std::back_inserter(other.annotations));
          note(sample.where, "picture twice", what, "merged");
          continue;
        }
        if (!keep_faulty(sample.where, "picture twice", what)) {
          lose(sample);
          continue;
        }
      }
      kept.push_back(std::move(sample));
    }
    dataset_.samples = std::move(kept);
  }

  [[noreturn]] void fail() const {
    throw DataError({.where = fatal_where_,
                     .what = "the data cannot be used as it is:\n" + to_text(report_),
                     .remedy = "correct the labels, or have them repaired or dropped"});
  }

  Dataset& dataset_;
  const CheckOptions& options_;
  std::unordered_set<std::string> known_;
  std::set<std::tuple<int, double, double, double, double>> boxes_{};  // of one picture
  std::unordered_set<std::string> is_known_bad_{};                     // pictures with a fault already
  CheckReport report_{};
  std::string fatal_where_{};  // of the first fault that stands
};

}  // namespace

CheckReport check(Dataset& dataset, const CheckOptions& options) {
  if (options.policy != Policy::report) return Doctor(dataset, options).run();
  Dataset copy = dataset;
  return Doctor(copy, options).run();
}

}  // namespace joist
