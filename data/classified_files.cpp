// CIFAR's binary files, and folders of clips.
#include <joist/core/error.h>
#include <joist/data/classified.h>
#include <joist/data/files.h>
#include <joist/data/text.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <sstream>
#include <system_error>

namespace joist {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t side = 32, plane = side * side, picture_bytes = 3 * plane;

/// The folder itself, or the one below it that the archive makes.
fs::path cifar_folder(const std::string& folder) {
  std::error_code none;
  for (const char* below : {"", "cifar-10-batches-bin", "cifar-100-binary"}) {
    const fs::path place = *below == '\0' ? fs::path(folder) : fs::path(folder) / below;
    if (fs::is_regular_file(place / "data_batch_1.bin", none) || fs::is_regular_file(place / "train.bin", none))
      return place;
  }
  return {};
}

std::vector<std::string> names_in(const fs::path& file, std::int64_t count) {
  std::vector<std::string> names;
  std::error_code none;
  if (fs::is_regular_file(file, none)) {
    std::istringstream lines(read_text(file.string()));
    for (std::string line; std::getline(lines, line);)
      if (const std::string name(trimmed(line)); !name.empty()) names.push_back(name);
  }
  if (std::ssize(names) == count) return names;
  names.clear();
  for (std::int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

// Records of label bytes, of which the last counts, and the three planes of a picture.
void read_records(const fs::path& file, std::int64_t label_bytes, CifarSet& set) {
  const std::string bytes = read_bytes(file.string(), std::int64_t{1} << 30);
  const auto record = static_cast<std::size_t>(label_bytes + picture_bytes);
  if (bytes.empty() || bytes.size() % record != 0)
    throw DataError({.where = file.string(),
                     .what = std::to_string(bytes.size()) + " bytes",
                     .expected = "a whole number of records of " + std::to_string(record) + " bytes"});
  for (std::size_t at = 0; at < bytes.size(); at += record) {
    const auto label = static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(label_bytes) - 1]);
    if (label >= set.classes.size())
      throw DataError({.where = file.string(),
                       .what = "class " + std::to_string(label) + " in record " + std::to_string(at / record),
                       .expected = "0 to " + std::to_string(set.classes.size() - 1)});
    set.labels.push_back(label);
    const char* planes = bytes.data() + at + label_bytes;
    for (std::int64_t i = 0; i < plane; ++i)
      for (std::int64_t channel = 0; channel < 3; ++channel)
        set.pixels.push_back(static_cast<std::uint8_t>(planes[channel * plane + i]));
  }
}

bool has_ending(const fs::path& path, const std::set<std::string>& endings) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return endings.contains(ending);
}
bool is_video(const fs::path& path) { return has_ending(path, {".mp4", ".avi", ".mkv", ".mov", ".webm"}); }
bool is_frame(const fs::path& path) { return has_ending(path, {".jpg", ".jpeg", ".png", ".webp"}); }

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// The frames of a folder by their last number: 2 before 10.
std::vector<std::string> frames_of(const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> frames;  // number without leading zeros, path
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  for (const fs::path& file : sorted_entries(folder)) {
    if (!is_frame(file)) continue;
    const std::string stem = file.stem().string();
    const auto last = std::find_if(stem.rbegin(), stem.rend(), is_digit);
    const auto first = std::find_if_not(last, stem.rend(), is_digit);
    std::string number(first.base(), last.base());
    if (number.empty()) continue;
    number.erase(0, std::min(number.find_first_not_of('0'), number.size() - 1));
    frames.emplace_back(number, file.string());
  }
  std::stable_sort(frames.begin(), frames.end(), [](const auto& a, const auto& b) {
    return a.first.size() != b.first.size() ? a.first.size() < b.first.size() : a.first < b.first;
  });
  std::vector<std::string> paths;
  for (auto& [number, path] : frames) paths.push_back(std::move(path));
  return paths;
}

}  // namespace

bool is_cifar(const std::string& folder) { return !cifar_folder(folder).empty(); }

CifarSet read_cifar(const std::string& folder, bool training) {
  const fs::path place = cifar_folder(folder);
  if (place.empty())
    throw DataError({.where = folder, .what = "no CIFAR files here", .expected = "data_batch_1.bin … or train.bin"});
  CifarSet set;
  std::error_code none;
  const bool hundred = fs::is_regular_file(place / "train.bin", none);
  set.classes = hundred ? names_in(place / "fine_label_names.txt", 100) : names_in(place / "batches.meta.txt", 10);
  if (hundred) {
    read_records(place / (training ? "train.bin" : "test.bin"), 2, set);
  } else if (!training) {
    read_records(place / "test_batch.bin", 1, set);
  } else {
    for (int i = 1; i <= 5; ++i) read_records(place / ("data_batch_" + std::to_string(i) + ".bin"), 1, set);
  }
  return set;
}

bool is_clip_data(const std::string& path) {
  std::error_code none;
  if (!fs::is_directory(path, none)) return false;
  int classes = 0;
  for (const fs::path& folder : sorted_entries(path)) {
    if (!fs::is_directory(folder, none)) continue;
    const std::vector<fs::path> entries = sorted_entries(folder);
    classes += std::any_of(entries.begin(), entries.end(), is_video) ? 1 : 0;
  }
  return classes >= 2;
}

ClipList read_clips(const std::string& path) {
  std::error_code none;
  if (!fs::is_directory(path, none)) throw DataError({.where = path, .what = "no such folder"});
  ClipList list;
  for (const fs::path& folder : sorted_entries(path)) {
    if (!fs::is_directory(folder, none)) continue;
    std::vector<ClipList::Clip> clips;
    for (const fs::path& entry : sorted_entries(folder)) {
      ClipList::Clip clip{.path = entry.string(), .label = std::ssize(list.classes)};
      if (fs::is_directory(entry, none)) {
        clip.frames = frames_of(entry);
        if (clip.frames.size() < 2) continue;
      } else if (!is_video(entry)) {
        continue;
      }
      clips.push_back(std::move(clip));
    }
    if (clips.empty()) continue;
    list.classes.push_back(utf8(folder.filename()));
    std::move(clips.begin(), clips.end(), std::back_inserter(list.clips));
  }
  if (list.classes.size() < 2)
    throw DataError({.where = path,
                     .what = "no clips of two classes here",
                     .expected = "a folder per class, with videos or folders of numbered frames in it"});
  return list;
}

}  // namespace joist
