#include <joist/data/files.h>
#include <joist/data/formats/writer.h>

#include <filesystem>
#include <iterator>

#include <fmt/format.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

/// Text of any length, put together without a tree in memory: sets have a million boxes.
class CocoText {
 public:
  explicit CocoText(const Dataset& dataset) : dataset_(dataset) {}

  std::string text(const fs::path& folder, const WriteOptions& options) {
    text_ = "{\"images\":[";
    for (const Sample& sample : dataset_.samples) {
      next();
      append(R"({{"id":{},"file_name":{},"width":{},"height":{}}})", sample.id,
             json_text(picture_name(sample, folder, options)), sample.width, sample.height);
    }
    text_ += "],\n\"annotations\":[";
    is_first_ = true;
    for (const Sample& sample : dataset_.samples) {
      for (const Annotation& annotation : sample.annotations) add(sample, annotation);
    }
    text_ += "],\n\"categories\":[";
    is_first_ = true;
    for (std::size_t c = 0; c < dataset_.categories.size(); ++c) add_category(c);
    text_ += "]}\n";
    return std::move(text_);
  }

 private:
  template <typename... Values>
  void append(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
  }

  void next() {
    text_ += is_first_ ? "\n" : ",\n";
    is_first_ = false;
  }

  void add_numbers(const std::vector<double>& values, const std::string& where) {
    for (std::size_t i = 0; i < values.size(); ++i) append("{}{}", i == 0 ? "[" : ",", number_text(values[i], where));
    text_ += ']';
  }

  void add(const Sample& sample, const Annotation& annotation) {
    next();
    const Box& box = annotation.box;
    const auto number = [&](double value) { return number_text(value, annotation.where); };
    append(R"({{"id":{},"image_id":{},"category_id":{},"bbox":[{},{},{},{}],"area":{},"iscrowd":{})", annotation.id,
           sample.id, dataset_.category_ids[static_cast<std::size_t>(annotation.category)], number(box.x),
           number(box.y), number(box.width), number(box.height), number(annotation.area), annotation.crowd ? 1 : 0);
    if (annotation.difficult) text_ += R"(,"ignore":1)";
    if (annotation.occluded || annotation.truncated)
      append(R"(,"attributes":{{"occluded":{},"truncated":{}}})", annotation.occluded, annotation.truncated);
    if (annotation.outline) add(*annotation.outline, annotation.where);
    text_ += '}';
  }

  void add(const Outline& outline, const std::string& where) {
    if (outline.mask) {
      append(R"(,"segmentation":{{"size":[{},{}],"counts":)", outline.mask->height, outline.mask->width);
      if (outline.mask->is_compressed) {
        text_ += json_text(text_from_runs(outline.mask->counts));
      } else {
        append("[{}]", fmt::join(outline.mask->counts, ","));
      }
      text_ += '}';
    } else if (!outline.polygons.empty()) {
      text_ += R"(,"segmentation":[)";
      for (std::size_t i = 0; i < outline.polygons.size(); ++i) {
        if (i > 0) text_ += ',';
        add_numbers(outline.polygons[i], where);
      }
      text_ += ']';
    }
    if (outline.keypoints.empty()) return;
    std::vector<double> values;
    int labelled = 0;
    for (const Keypoint& point : outline.keypoints) {
      values.insert(values.end(), {point.x, point.y, static_cast<double>(point.visibility)});
      labelled += point.visibility > 0 ? 1 : 0;
    }
    append(R"(,"num_keypoints":{},"keypoints":)", labelled);
    add_numbers(values, where);
  }

  void add_category(std::size_t c) {
    next();
    append(R"({{"id":{},"name":{})", dataset_.category_ids[c], json_text(dataset_.categories[c]));
    if (c < dataset_.keypoints.size() && !dataset_.keypoints[c].names.empty()) {
      const KeypointKind& kind = dataset_.keypoints[c];
      text_ += R"(,"keypoints":[)";
      for (std::size_t i = 0; i < kind.names.size(); ++i) append("{}{}", i == 0 ? "" : ",", json_text(kind.names[i]));
      text_ += R"(],"skeleton":[)";
      for (std::size_t i = 0; i < kind.skeleton.size(); ++i)
        append("{}[{},{}]", i == 0 ? "" : ",", kind.skeleton[i].first, kind.skeleton[i].second);
      text_ += ']';
    }
    text_ += '}';
  }

  const Dataset& dataset_;
  std::string text_{};
  bool is_first_ = true;
};

std::int64_t write(const Dataset& dataset, const fs::path& out, const WriteOptions& options) {
  write_bytes(out.string(), CocoText(dataset).text(fs::absolute(out).parent_path(), options));
  return 1;
}

}  // namespace

void write_coco(const Dataset& dataset, const std::string& path) { write(dataset, path, {}); }

Writer coco_writer() {
  return {.name = "coco",
          .default_file = "annotations.json",
          .holds = {.polygons = true,
                    .several_parts = true,
                    .masks = true,
                    .keypoints = true,
                    .crowd = true,
                    .difficult = true,
                    .truncated = true,
                    .occluded = true,
                    .area = true,
                    .empty_pictures = true,
                    .unused_classes = true,
                    .class_order = true,
                    .ids = true,
                    .sizes = true},
          .write = &write};
}

}  // namespace joist
