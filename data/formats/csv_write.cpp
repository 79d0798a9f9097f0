#include <joist/data/files.h>
#include <joist/data/formats/writer.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include <fmt/format.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

bool has_splits(const Dataset& dataset) {
  return std::any_of(dataset.samples.begin(), dataset.samples.end(), [](const Sample& s) { return !s.split.empty(); });
}

std::int64_t write_csv(const Dataset& dataset, const fs::path& out, const WriteOptions& options) {
  const bool with_split = has_splits(dataset);
  const fs::path folder = fs::absolute(out).parent_path();
  std::string text = "filename,width,height,class,xmin,ymin,xmax,ymax";
  text += with_split ? ",split\n" : "\n";
  for (const Sample& sample : dataset.samples) {
    const std::string size = sample.width > 0 ? fmt::format("{},{}", sample.width, sample.height) : std::string(",");
    const std::string head = csv_text(picture_name(sample, folder, options)) + "," + size + ",";
    const std::string tail = with_split ? "," + csv_text(sample.split) + "\n" : "\n";
    if (sample.annotations.empty()) text += head + ",,,," + tail;
    for (const Annotation& annotation : sample.annotations) {
      const auto number = [&](double value) { return number_text(value, annotation.where); };
      const Box& box = annotation.box;
      fmt::format_to(std::back_inserter(text), "{}{},{},{},{},{}{}", head, csv_text(class_name(dataset, annotation)),
                     number(box.x), number(box.y), number(box.right()), number(box.bottom()), tail);
    }
  }
  write_bytes(out.string(), text);
  return 1;
}

/// Shares of the sides, with a decimal point.
std::int64_t write_openimages(const Dataset& dataset, const fs::path& out, const WriteOptions& options) {
  const fs::path folder = fs::absolute(out).parent_path();
  std::string text =
      "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n";
  for (const Sample& sample : dataset.samples) {
    if (sample.annotations.empty()) continue;
    const auto [width, height] = picture_size(sample);
    const std::string name = csv_text(picture_name(sample, folder, options));
    for (const Annotation& annotation : sample.annotations) {
      const auto share = [&](double value, int side) { return number_text(value / side, annotation.where); };
      const Box& box = annotation.box;
      fmt::format_to(std::back_inserter(text), "{},,{},1,{},{},{},{},{},{},{},0,0\n", name,
                     csv_text(class_name(dataset, annotation)), share(box.x, width), share(box.right(), width),
                     share(box.y, height), share(box.bottom(), height), annotation.occluded ? 1 : 0,
                     annotation.truncated ? 1 : 0, annotation.crowd ? 1 : 0);
    }
  }
  write_bytes(out.string(), text);
  return 1;
}

}  // namespace

Writer csv_writer() {
  return {.name = "csv",
          .default_file = "annotations.csv",
          .holds = {.empty_pictures = true, .sizes = true, .splits = true},
          .write = &write_csv};
}

Writer openimages_writer() {
  return {.name = "openimages",
          .default_file = "annotations.csv",
          .holds = {.crowd = true, .truncated = true, .occluded = true},
          .write = &write_openimages};
}

}  // namespace joist
