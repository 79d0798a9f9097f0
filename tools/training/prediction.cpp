#include <joist/core/mode.h>
#include <joist/data/decode.h>
#include <joist/data/files.h>
#include <joist/tools/training/prediction.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

namespace joist {
namespace fs = std::filesystem;
namespace {

bool names_a_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png" || ending == ".webp";
}

std::vector<fs::path> files_of(const std::string& source) {
  if (fs::is_regular_file(source)) return {source};
  std::vector<fs::path> files;
  if (fs::is_directory(source))
    for (const auto& entry : fs::recursive_directory_iterator(source))
      if (entry.is_regular_file() && names_a_picture(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Dataset pictures_at(const std::string& source, const ModelDescription& model) {
  const std::vector<fs::path> files = files_of(source);
  if (files.empty())
    throw DataError({.where = source,
                     .what = fs::exists(source) ? "no pictures here" : "no such file or folder",
                     .expected = "a picture, or a folder with .jpg, .jpeg, .png or .webp files"});
  Dataset pictures{
      .format = "pictures", .source = source, .categories = model.classes, .category_ids = model.class_ids};
  for (const fs::path& file : files) {
    const PictureInfo info = probe(utf8(file));
    pictures.samples.push_back({.path = utf8(file),
                                .id = static_cast<std::int64_t>(pictures.samples.size()) + 1,
                                .width = info.width,
                                .height = info.height,
                                .where = utf8(file)});
  }
  return pictures;
}

std::optional<std::vector<Detection>> predict(const Model& model, const ModelDescription& description,
                                              const Dataset& pictures, const SuppressOptions& options,
                                              std::int64_t batch, int threads, bool mirror) {
  DetectForward forward = [&model](const Array& input) {
    const Inference inference;
    return decode(model.detect(Tensor(input))).value();
  };
  if (mirror) forward = with_mirror_image(std::move(forward));
  return detect_all(pictures, forward, description.size, batch, threads, options, tiles_of(description));
}

std::string predictions_json(const Dataset& pictures, const std::vector<Detection>& found) {
  std::map<std::int64_t, std::string> classes, files;
  for (std::size_t i = 0; i < pictures.categories.size(); ++i)
    classes[pictures.category_ids[i]] = pictures.categories[i];
  for (const Sample& sample : pictures.samples) files[sample.id] = sample.path;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Detection& one : found)
    list.push_back({{"image_id", one.image_id},
                    {"category_id", one.category_id},
                    {"bbox", {one.box.x, one.box.y, one.box.width, one.box.height}},
                    {"score", one.score},
                    {"category", classes[one.category_id]},
                    {"file_name", files[one.image_id]}});
  return list.dump(1) + "\n";
}

}  // namespace joist
