#include <joist/core/error.h>
#include <joist/data/dataset.h>
#include <joist/data/files.h>
#include <joist/data/formats/format.h>
#include <joist/data/formats/locate.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>
#include <unordered_map>

namespace joist {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

/// What could be read: one file, or the folder of a format with a file per picture.
struct Candidate {
  fs::path path{};
  std::vector<fs::path> files{};
  Format format{};
};

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const bool is_hidden = entry->path().filename().string().starts_with('.');
    if (!is_hidden) entries.push_back(entry->path());
  }
  if (error) throw DataError({.where = folder.string(), .what = "cannot be listed: " + error.message()});
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// The candidates directly in `folder`; with `by_name`, files are taken for what their extension says, whatever is in
/// them.
std::vector<Candidate> candidates_in(const fs::path& folder, bool by_name) {
  std::vector<Candidate> candidates;
  for (const Format& format : formats()) {
    std::vector<fs::path> files;
    for (const fs::path& entry : entries_of(folder)) {
      std::error_code ignored;
      if (lower_extension(entry) == format.extension && fs::is_regular_file(entry, ignored)) files.push_back(entry);
    }
    if (format.is_per_picture) {
      if (!files.empty() && (by_name || format.claims(files.front()))) candidates.push_back({folder, files, format});
      continue;
    }
    for (const fs::path& file : files) {
      if (by_name || format.claims(file)) candidates.push_back({file, {file}, format});
    }
  }
  return candidates;
}

void append(std::vector<Candidate>& all, std::vector<Candidate> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// Looks beside the pictures and in annotation folders first, then one folder further down, at last for files that only
/// look right.
std::vector<Candidate> candidates_below(const fs::path& folder) {
  std::vector<fs::path> folders;
  for (const fs::path& entry : entries_of(folder)) {
    std::error_code ignored;
    if (fs::is_directory(entry, ignored)) folders.push_back(entry);
  }
  std::vector<Candidate> found = candidates_in(folder, false);
  for (const fs::path& inner : folders) {
    const std::string name = inner.filename().string();
    if (name == "annotations" || name == "Annotations") append(found, candidates_in(inner, false));
  }
  if (!found.empty()) return found;
  for (const fs::path& inner : folders) append(found, candidates_in(inner, false));
  if (!found.empty()) return found;
  return candidates_in(folder, true);
}

std::string known_formats() {
  std::string names;
  for (const Format& format : formats())
    names += (names.empty() ? "" : ", ") + format.name + " (" + format.extension + ")";
  return names;
}

Candidate candidate_in_folder(const fs::path& folder) {
  std::vector<Candidate> candidates = candidates_below(folder);
  if (candidates.empty()) {
    throw DataError({.where = folder.string(), .what = "no annotations in this folder", .expected = known_formats()});
  }
  if (candidates.size() == 1) return std::move(candidates.front());
  constexpr std::size_t shown = 10;
  std::string what = "several annotations in this folder:";
  for (std::size_t i = 0; i < std::min(shown, candidates.size()); ++i) {
    what += "\n    " + candidates[i].path.string() + " (" + candidates[i].format.name + ")";
  }
  if (candidates.size() > shown) what += "\n    and " + std::to_string(candidates.size() - shown) + " more";
  throw DataError(
      {.where = folder.string(), .what = what, .expected = "one", .remedy = "give one of them instead of the folder"});
}

Candidate candidate_for_file(const fs::path& file) {
  for (const Format& format : formats()) {
    if (lower_extension(file) == format.extension) return {file, {file}, format};
  }
  throw DataError(
      {.where = file.string(), .what = "not a kind of annotations that joist reads", .expected = known_formats()});
}

Candidate candidate_for(const std::string& path) {
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  if (!fs::exists(status)) {
    throw DataError({.where = path, .what = "no such file or folder", .remedy = "check the path"});
  }
  return fs::is_directory(status) ? candidate_in_folder(path) : candidate_for_file(path);
}

}  // namespace

std::span<const Format> formats() {
  static const std::array all = {coco_format(), voc_format(), csv_format()};
  return all;
}

Dataset read_dataset(const std::string& path, const ReadOptions& options) {
  const Candidate candidate = candidate_for(path);
  Labels labels = candidate.format.read(candidate.files);
  Dataset& dataset = labels.dataset;
  dataset.format = candidate.format.name;
  dataset.source = candidate.path.string();
  if (!options.categories.empty()) follow_categories(dataset, options.categories);
  locate_pictures(labels, candidate.path, options.images, options.require_pictures);
  return std::move(labels.dataset);
}

void follow_categories(Dataset& dataset, const std::vector<std::string>& categories) {
  std::unordered_map<std::string, int> wanted;
  for (const auto& name : categories) wanted.emplace(name, static_cast<int>(wanted.size()));
  if (wanted.size() != categories.size()) throw UsageError({.what = "the class list names a class twice"});

  std::vector<int> renumbered(dataset.categories.size(), -1);
  std::vector<std::int64_t> ids(categories.size(), 0);
  std::vector<char> has_id(categories.size(), 0);
  for (std::size_t c = 0; c < dataset.categories.size(); ++c) {
    const auto found = wanted.find(dataset.categories[c]);
    if (found == wanted.end()) continue;
    renumbered[c] = found->second;
    ids[static_cast<std::size_t>(found->second)] = dataset.category_ids[c];
    has_id[static_cast<std::size_t>(found->second)] = 1;
  }
  // Classes that this file lacks get ids behind its own.
  std::int64_t next = 1;
  for (const std::int64_t id : dataset.category_ids) next = std::max(next, id + 1);
  for (std::size_t c = 0; c < ids.size(); ++c) {
    if (has_id[c] == 0) ids[c] = next++;
  }

  constexpr std::size_t shown = 5;
  std::size_t strangers = 0;
  std::string where;
  std::string what;
  for (const auto& sample : dataset.samples) {
    for (const auto& annotation : sample.annotations) {
      const auto category = static_cast<std::size_t>(annotation.category);
      if (renumbered[category] >= 0) continue;
      if (strangers == 0) where = annotation.where;
      if (++strangers <= shown) what += "\n    \"" + dataset.categories[category] + "\" (" + annotation.where + ")";
    }
  }
  if (strangers > 0) {
    std::string expected;
    for (const auto& name : categories) expected += (expected.empty() ? "" : ", ") + name;
    if (strangers > shown) what += "\n    and " + std::to_string(strangers - shown) + " more";
    throw DataError({.where = where,
                     .what = std::to_string(strangers) + (strangers == 1 ? " box has a class" : " boxes have classes") +
                             " that is not in the list:" + what,
                     .expected = expected,
                     .remedy = "correct the names, or train on a list that has them"});
  }
  for (auto& sample : dataset.samples) {
    for (auto& annotation : sample.annotations)
      annotation.category = renumbered[static_cast<std::size_t>(annotation.category)];
  }
  dataset.categories = categories;
  dataset.category_ids = std::move(ids);
}

std::string summary(const Dataset& dataset) {
  std::vector<std::size_t> counts(dataset.categories.size(), 0);
  std::size_t boxes = 0;
  std::size_t empty = 0;
  for (const auto& sample : dataset.samples) {
    empty += sample.annotations.empty() ? 1 : 0;
    for (const auto& annotation : sample.annotations) {
      ++counts[static_cast<std::size_t>(annotation.category)];
      ++boxes;
    }
  }
  const auto counted = [](std::size_t n, const char* one, const char* many) {
    return std::to_string(n) + " " + (n == 1 ? one : many);
  };
  std::string text =
      dataset.format + " " + dataset.source + ": " + counted(dataset.samples.size(), "picture", "pictures");
  if (empty > 0) text += " (" + std::to_string(empty) + " without boxes)";
  text += ", " + counted(boxes, "box", "boxes") + ", " + counted(counts.size(), "class", "classes");
  constexpr std::size_t shown = 20;
  for (std::size_t c = 0; c < std::min(shown, counts.size()); ++c) {
    text += (c == 0 ? " (" : ", ") + dataset.categories[c] + " " + std::to_string(counts[c]);
  }
  if (counts.size() > shown) text += ", …";
  if (!counts.empty()) text += ")";
  return text;
}

}  // namespace joist
