#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/formats/locate.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

namespace joist {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 8> picture_extensions = {".jpg", ".jpeg", ".png", ".webp",
                                                                ".JPG", ".JPEG", ".PNG", ".WEBP"};

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// `name` itself, or with the usual extensions where it has none.
std::vector<fs::path> spellings(const fs::path& name) {
  if (name.empty()) return {};
  std::vector<fs::path> result = {name};
  if (std::find(picture_extensions.begin(), picture_extensions.end(), name.extension().string()) ==
      picture_extensions.end()) {
    for (const auto extension : picture_extensions) result.push_back(fs::path(name) += extension);
  }
  return result;
}

/// Windows programs write "images\\a.jpg".
fs::path written_path(std::string name) {
  std::replace(name.begin(), name.end(), '\\', '/');
  return fs::path(name);
}

std::string in_lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Every file below a folder by its bare name, upper and lower case being the same, as they are where many sets come
/// from. Made on first use, because most sets never need it.
class NameIndex {
 public:
  explicit NameIndex(fs::path folder) : folder_(std::move(folder)) {}

  /// The only file of that name; empty where there is none or more than one.
  fs::path unique(const fs::path& name) {
    if (!is_built_) build();
    const auto found = files_.find(in_lower_case(name.string()));
    return found == files_.end() ? fs::path() : found->second;
  }

 private:
  void build() {
    is_built_ = true;
    std::error_code error;
    fs::recursive_directory_iterator entry(folder_, fs::directory_options::skip_permission_denied, error);
    constexpr int most = 5'000'000;  // entries; annotations may lie at the top of a whole disk
    for (int i = 0; !error && i < most && entry != fs::recursive_directory_iterator(); entry.increment(error), ++i) {
      if (!is_file(entry->path())) continue;
      const std::string name = in_lower_case(entry->path().filename().string());
      const auto [place, is_new] = files_.emplace(name, entry->path().lexically_normal());
      if (!is_new) place->second.clear();
    }
  }

  fs::path folder_;
  std::unordered_map<std::string, fs::path> files_{};
  bool is_built_ = false;
};

struct Places {
  std::vector<fs::path> folders{};  // likeliest first
  fs::path root{};                  // searched as a whole at last
};

Places places_around(const fs::path& source) {
  const fs::path base = is_folder(source) ? source : source.parent_path();
  const std::string name =
      in_lower_case((fs::absolute(base).lexically_normal() / "").parent_path().filename().string());
  const bool is_apart = name == "annotations" || name == "labels";
  const fs::path root = is_apart ? base / ".." : base;
  Places places{.folders = {}, .root = root};
  for (const fs::path& folder : {base, root}) {
    for (const char* inner : {"", "images", "JPEGImages"}) places.folders.push_back(folder / inner);
  }
  if (!is_folder(source)) {
    const std::string stem = source.stem().string();
    for (const std::string& split : {stem, stem.substr(stem.rfind('_') + 1)}) {
      for (const char* outer : {"", "images"}) places.folders.push_back(root / outer / split);
    }
  }
  places.folders.push_back(base / ".." / "images");
  places.folders.emplace_back(".");  // the name as written, seen from the working folder
  return places;
}

/// Existing folders, each once, shortest spelling.
std::vector<fs::path> tidied(const std::vector<fs::path>& folders) {
  std::vector<fs::path> result;
  for (const fs::path& folder : folders) {
    fs::path tidy = (folder / "").lexically_normal().parent_path();
    if (tidy.empty()) tidy = folder.is_absolute() ? "/" : ".";
    if (is_folder(tidy) && std::find(result.begin(), result.end(), tidy) == result.end()) result.push_back(tidy);
  }
  return result;
}

class Locator {
 public:
  Locator(std::vector<fs::path> folders, const fs::path& root) : folders_(std::move(folders)), index_(root) {}

  fs::path exact(const fs::path& name) {
    const bool is_bare = !name.has_parent_path();
    for (const fs::path& spelling : spellings(name)) {
      for (const auto& folder : folders_) {
        if (is_bare && !entries(folder).contains(spelling.string())) continue;
        if (fs::path path = (folder / spelling).lexically_normal(); is_file(path)) return path;
      }
    }
    return {};
  }

  fs::path by_bare_name(const fs::path& name) {
    if (fs::path path = exact(name.filename()); !path.empty()) return path;
    for (const fs::path& spelling : spellings(name.filename())) {
      if (fs::path path = index_.unique(spelling); !path.empty()) return path;
    }
    return {};
  }

  const std::vector<fs::path>& folders() const { return folders_; }

 private:
  /// The names in a folder: one listing is faster than a question for each of a hundred thousand pictures.
  const std::unordered_set<std::string>& entries(const fs::path& folder) {
    const auto [place, is_new] = entries_.try_emplace(folder.string());
    if (!is_new) return place->second;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error))
      place->second.insert(entry->path().filename().string());
    return place->second;
  }

  std::vector<fs::path> folders_;
  NameIndex index_;
  std::unordered_map<std::string, std::unordered_set<std::string>> entries_{};
};

[[noreturn]] void throw_missing(const std::vector<const Sample*>& missing, const std::vector<fs::path>& folders) {
  constexpr std::size_t shown = 5;
  std::string what =
      std::to_string(missing.size()) + (missing.size() == 1 ? " picture is" : " pictures are") + " missing:";
  for (std::size_t i = 0; i < std::min(shown, missing.size()); ++i) {
    what += "\n    " + missing[i]->path + " (" + missing[i]->where + ")";
  }
  if (missing.size() > shown) what += "\n    and " + std::to_string(missing.size() - shown) + " more";
  std::string tried;
  for (const auto& folder : folders) tried += (tried.empty() ? "" : ", ") + utf8(folder / "");
  throw DataError(
      {.where = missing.front()->where,
       .what = what,
       .expected =
           "each beside the annotations, in images/ or JPEGImages/ there, or anywhere below with a name of its own "
           "(looked in " +
           tried + ")",
       .remedy = "say which folder holds the pictures, or take the missing ones out of the annotations"});
}

}  // namespace

bool is_picture_name(const fs::path& path) {
  return std::find(picture_extensions.begin(), picture_extensions.begin() + 4,
                   in_lower_case(path.extension().string())) != picture_extensions.begin() + 4;
}

void locate_pictures(Labels& labels, const fs::path& source, const std::string& images, bool required) {
  if (!images.empty() && !is_folder(images)) {
    throw DataError({.where = images, .what = "no such folder", .expected = "the folder of the pictures"});
  }
  const Places places = images.empty() ? places_around(source) : Places{.folders = {images}, .root = images};
  Locator locator(tidied(places.folders), places.root);

  auto& samples = labels.dataset.samples;
  std::vector<fs::path> found(samples.size());
  std::unordered_set<std::string> taken;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    found[i] = locator.exact(written_path(samples[i].path));
    if (!found[i].empty()) taken.insert(found[i].string());
  }
  std::vector<const Sample*> missing;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const fs::path name = written_path(samples[i].path);
    if (found[i].empty()) {
      fs::path path = locator.by_bare_name(name);
      if (path.empty() && !labels.other_names.empty()) path = locator.by_bare_name(labels.other_names[i]);
      // cam1/1.jpg and cam2/1.jpg share a bare name: the labels of a missing one must not land on the other.
      if (!path.empty() && taken.insert(path.string()).second) found[i] = std::move(path);
    }
    if (!found[i].empty()) {
      samples[i].path = found[i].string();
    } else if (required) {
      missing.push_back(&samples[i]);
    } else if (!locator.folders().empty()) {
      samples[i].path = (locator.folders().front() / name).lexically_normal().string();
    }
  }
  if (!missing.empty()) throw_missing(missing, locator.folders());
}

}  // namespace joist
