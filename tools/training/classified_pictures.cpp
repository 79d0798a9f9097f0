#include <joist/core/error.h>
#include <joist/data/classified.h>
#include <joist/data/files.h>
#include <joist/data/idx.h>
#include <joist/tools/training/training_data.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include <fmt/format.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

bool has_idx(const fs::path& folder, const std::string& split) {
  const fs::path images = folder / (split + "-images-idx3-ubyte");
  return fs::exists(images) || fs::exists(images.string() + ".gz");
}

bool is_picture(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
}

std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::vector<fs::path> pictures;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && is_picture(entry.path())) pictures.push_back(entry.path());
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

/// Folders with pictures below them, sorted by name.
std::vector<fs::path> class_folders(const fs::path& folder) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && !pictures_in(entry.path()).empty()) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// The "train" or "val" folder where there is one, else the folder itself.
fs::path part_of(const fs::path& folder, bool training) {
  for (const char* name :
       training ? std::vector<const char*>{"train"} : std::vector<const char*>{"val", "valid", "test"})
    if (fs::is_directory(folder / name)) return folder / name;
  return folder;
}

ClassifiedPictures read_idx_pictures(const std::string& path, bool training) {
  ClassifiedPictures pictures{.source = path};
  pictures.set = picture_set(read_idx_set(path, training ? "train" : "t10k"));
  const auto largest = std::max_element(pictures.set.labels.begin(), pictures.set.labels.end());
  if (largest == pictures.set.labels.end())
    throw DataError({.where = path, .what = "empty data set", .expected = "at least one picture"});
  for (std::int64_t i = 0; i <= *largest; ++i) pictures.classes.push_back(std::to_string(i));
  return pictures;
}

ClassifiedPictures read_cifar_pictures(const std::string& path, bool training) {
  CifarSet cifar = read_cifar(path, training);
  ClassifiedPictures pictures{.classes = std::move(cifar.classes), .source = path};
  pictures.set = {
      .labels = std::move(cifar.labels), .pixels = std::move(cifar.pixels), .height = 32, .width = 32, .channels = 3};
  return pictures;
}

/// The list of a part: the file itself, or in a folder train.csv, val.csv, … or the only such file. Empty: none.
fs::path list_of(const fs::path& path, bool training) {
  if (is_classification_csv(path.string())) return path;
  if (!fs::is_directory(path)) return {};
  for (const char* name :
       training ? std::vector<const char*>{"train.csv"} : std::vector<const char*>{"val.csv", "valid.csv", "test.csv"})
    if (is_classification_csv((path / name).string())) return path / name;
  std::vector<fs::path> lists;
  for (const auto& entry : fs::directory_iterator(path))
    if (is_classification_csv(entry.path().string())) lists.push_back(entry.path());
  return lists.size() == 1 ? lists[0] : fs::path();
}

ClassifiedPictures read_listed_pictures(const fs::path& file, bool training, const std::vector<std::string>& classes) {
  ClassifiedList list = read_classification_csv(file.string(), training ? "train" : "val", classes);
  ClassifiedPictures pictures{.classes = std::move(list.classes), .source = utf8(file)};
  pictures.set.paths = std::move(list.paths);
  pictures.set.labels = std::move(list.labels);
  pictures.set.channels = 3;
  return pictures;
}

}  // namespace

bool is_classification_data(const std::string& path) {
  if (!list_of(path, true).empty()) return true;
  if (!fs::is_directory(path)) return false;
  if (has_idx(path, "train") || has_idx(path, "t10k") || is_cifar(path)) return true;
  for (const auto& entry : fs::directory_iterator(path))  // annotation files mean boxes
    if (const std::string kind = entry.path().extension().string(); kind == ".json" || kind == ".csv" || kind == ".xml")
      return false;
  const std::vector<fs::path> folders = class_folders(part_of(path, true));
  if (folders.size() < 2) return false;
  return std::none_of(folders.begin(), folders.end(), [](const fs::path& folder) {
    const auto entries = fs::directory_iterator(folder);
    return std::any_of(begin(entries), end(entries),
                       [](const auto& entry) { return entry.path().extension() == ".xml"; });
  });
}

bool has_own_validation(const std::string& path) {
  if (is_cifar(path)) return true;
  if (const fs::path list = list_of(path, false); !list.empty())
    return list != list_of(path, true) || has_parts(list.string());
  return has_idx(path, "t10k") || (fs::is_directory(path) && part_of(path, false) != fs::path(path));
}

ClassifiedPictures read_classified_pictures(const std::string& path, bool training,
                                            const std::vector<std::string>& classes) {
  if (const fs::path list = list_of(path, training); !list.empty())
    return read_listed_pictures(list, training, classes);
  if (!fs::is_directory(path))
    throw DataError({.where = path,
                     .what = "no such folder",
                     .expected = "a folder with IDX or CIFAR files or with one folder per class, or a CSV list"});
  if (is_cifar(path)) {
    ClassifiedPictures pictures = read_cifar_pictures(path, training);
    if (!classes.empty() && pictures.classes != classes)
      throw DataError({.where = path,
                       .what = "other classes than the model's",
                       .expected = fmt::format("{}", fmt::join(classes, ", "))});
    return pictures;
  }
  if (has_idx(path, training ? "train" : "t10k")) {
    ClassifiedPictures pictures = read_idx_pictures(path, training);
    if (!classes.empty() && pictures.classes.size() > classes.size())
      throw DataError({.where = path,
                       .what = fmt::format("class {} in the labels", pictures.classes.size() - 1),
                       .expected = fmt::format("0 to {}", classes.size() - 1)});
    if (!classes.empty()) pictures.classes = classes;
    return pictures;
  }
  const fs::path root = part_of(path, training);
  const std::vector<fs::path> folders = class_folders(root);
  ClassifiedPictures pictures{.classes = classes, .source = path};
  if (classes.empty())
    for (const fs::path& folder : folders) pictures.classes.push_back(utf8(folder.filename()));
  for (const fs::path& folder : folders) {
    const std::string name = utf8(folder.filename());
    const auto found = std::find(pictures.classes.begin(), pictures.classes.end(), name);
    if (found == pictures.classes.end())
      throw DataError({.where = utf8(folder),
                       .what = "class \"" + name + "\" is not in the list",
                       .expected = fmt::format("{}", fmt::join(pictures.classes, ", "))});
    for (const fs::path& picture : pictures_in(folder)) {
      pictures.set.paths.push_back(picture.string());
      pictures.set.labels.push_back(found - pictures.classes.begin());
    }
  }
  pictures.set.channels = 3;
  if (pictures.set.paths.empty())
    throw DataError({.where = path, .what = "empty data set", .expected = "one folder of pictures per class"});
  return pictures;
}

}  // namespace joist
