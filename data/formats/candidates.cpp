#include <joist/core/error.h>
#include <joist/data/formats/candidates.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <system_error>

namespace joist {
namespace {

namespace fs = std::filesystem;

bool has_extension(const std::string& extensions, const fs::path& file) {
  const std::string extension = lower_extension(file);
  return !extension.empty() && (extensions + " ").find(extension + " ") != std::string::npos;
}

std::vector<fs::path> files_of(const Format& format, const std::vector<fs::path>& entries) {
  std::vector<fs::path> files;
  for (const fs::path& entry : entries) {
    std::error_code ignored;
    if (has_extension(format.extensions, entry) && fs::is_regular_file(entry, ignored)) files.push_back(entry);
  }
  return files;
}

/// The candidates directly in `folder`. A description of a whole set (YOLO's data.yaml) stands for all that lies beside
/// it.
std::vector<Candidate> candidates_in(const fs::path& folder) {
  const std::vector<fs::path> entries = entries_of(folder);
  std::vector<Candidate> candidates;
  for (const Format& format : formats()) {
    const std::vector<fs::path> files = files_of(format, entries);
    if (format.is_per_picture) {
      // The first may be broken, or be a class list: a few are asked.
      const auto asked = files.begin() + std::min<std::ptrdiff_t>(std::ssize(files), 8);
      if (std::any_of(files.begin(), asked, format.claims)) candidates.push_back({folder, files, format});
      continue;
    }
    std::size_t found = 0;
    for (const fs::path& file : files) {
      if (!format.claims(file)) continue;
      ++found;
      candidates.push_back({file, {file}, format});
    }
    if (found == 0 && format.claims_folder != nullptr && format.claims_folder(folder))
      candidates.push_back({folder, {folder}, format});
  }
  return candidates;
}

/// Files taken for what their extension says, whatever is in them, for the sake of the reader's message.
std::vector<Candidate> candidates_by_name(const fs::path& folder) {
  const std::vector<fs::path> entries = entries_of(folder);
  std::vector<Candidate> candidates;
  std::vector<fs::path> taken;
  for (const Format& format : formats()) {
    if (format.claims_folder != nullptr) continue;  // its extensions are everybody's
    std::vector<fs::path> files = files_of(format, entries);
    std::erase_if(files,
                  [&](const fs::path& file) { return std::find(taken.begin(), taken.end(), file) != taken.end(); });
    taken.insert(taken.end(), files.begin(), files.end());
    if (format.is_per_picture) {
      if (!files.empty()) candidates.push_back({folder, files, format});
      continue;
    }
    for (const fs::path& file : files) candidates.push_back({file, {file}, format});
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
  std::vector<Candidate> found = candidates_in(folder);
  for (const fs::path& inner : folders) {
    const std::string name = inner.filename().string();
    if (name == "annotations" || name == "Annotations") append(found, candidates_in(inner));
  }
  if (!found.empty()) return found;
  for (const fs::path& inner : folders) append(found, candidates_in(inner));
  if (!found.empty()) return found;
  return candidates_by_name(folder);
}

std::string known_formats() {
  std::string names;
  for (const Format& format : formats())
    names += (names.empty() ? "" : ", ") + format.name + " (" + format.extensions + ")";
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
  std::optional<Candidate> likely;
  for (const Format& format : formats()) {
    if (!has_extension(format.extensions + " " + format.other_extensions, file)) continue;
    if (format.claims(file)) return {file, {file}, format};
    if (!likely && has_extension(format.extensions, file)) likely = Candidate{file, {file}, format};
  }
  if (likely) return *std::move(likely);
  throw DataError(
      {.where = file.string(), .what = "not a kind of annotations that joist reads", .expected = known_formats()});
}

}  // namespace

std::string lower_extension(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

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

std::span<const Format> formats() {
  static const std::array all = {coco_format(),    voc_format(),  csv_format(),
                                 labelme_format(), cvat_format(), yolo_format()};
  return all;
}

Candidate candidate_for(const std::string& path) {
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  if (!fs::exists(status)) {
    throw DataError({.where = path, .what = "no such file or folder", .remedy = "check the path"});
  }
  return fs::is_directory(status) ? candidate_in_folder(path) : candidate_for_file(path);
}

}  // namespace joist
