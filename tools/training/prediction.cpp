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

bool holds_only_pictures(const std::string& path) {
  if (fs::is_regular_file(path)) return names_a_picture(path);
  if (!fs::is_directory(path)) return false;
  bool any = false;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    if (!names_a_picture(entry.path())) return false;
    any = true;
  }
  return any;
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

Dataset labelled(const Dataset& pictures, const std::vector<Detection>& found) {
  Dataset labels = pictures;
  std::map<std::int64_t, Sample*> samples;
  for (Sample& sample : labels.samples) samples[sample.id] = &sample;
  std::int64_t id = 0;
  for (const Detection& one : found) {
    const auto category = std::find(labels.category_ids.begin(), labels.category_ids.end(), one.category_id);
    samples.at(one.image_id)
        ->annotations.push_back({.box = one.box,
                                 .category = static_cast<int>(category - labels.category_ids.begin()),
                                 .area = one.box.area(),
                                 .id = ++id,
                                 .where = samples.at(one.image_id)->where});
  }
  return labels;
}

std::vector<PictureDoubt> ranked_by_doubt(const Dataset& pictures, const std::vector<Detection>& found,
                                          double confidence) {
  std::map<std::int64_t, std::size_t> places;
  std::vector<PictureDoubt> doubts;
  for (const Sample& sample : pictures.samples) {
    places[sample.id] = doubts.size();
    doubts.push_back({.sample = doubts.size()});
  }
  for (const Detection& one : found) {
    PictureDoubt& doubt = doubts[places.at(one.image_id)];
    doubt.mistakes += std::min(one.score, 1 - one.score);
    doubt.boxes += one.score >= confidence ? 1 : 0;
    doubt.unsure += one.score >= 0.2 && one.score <= 0.8 ? 1 : 0;
  }
  std::stable_sort(doubts.begin(), doubts.end(),
                   [](const PictureDoubt& a, const PictureDoubt& b) { return a.mistakes > b.mistakes; });
  return doubts;
}

std::string doubts_json(const Dataset& pictures, const std::vector<PictureDoubt>& doubts) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const PictureDoubt& doubt : doubts)
    list.push_back({{"file_name", pictures.samples[doubt.sample].path},
                    {"expected_mistakes", doubt.mistakes},
                    {"boxes", doubt.boxes},
                    {"unsure", doubt.unsure}});
  return list.dump(1) + "\n";
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
