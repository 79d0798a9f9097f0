#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/formats/candidates.h>
#include <joist/data/formats/locate.h>
#include <joist/data/formats/yaml.h>
#include <joist/data/formats/yolo_set.h>
#include <joist/data/text.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>
#include <system_error>
#include <unordered_set>

namespace joist {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::string split_named(const std::string& name) {
  if (name == "train" || name == "test") return name;
  return name == "val" || name == "valid" || name == "validation" ? "val" : "";
}

/// "images" in the last place where it stands as a folder's name, replaced by "labels", or the other way round.
fs::path replaced(const fs::path& path, const char* from, const char* to) {
  std::vector<fs::path> parts(path.begin(), path.end());
  const auto last = std::find(parts.rbegin(), parts.rend(), fs::path(from));
  if (last == parts.rend()) return path;
  *last = to;
  fs::path result;
  for (const fs::path& part : parts) result /= part;
  return result;
}

/// `path` seen from one of the folders; where it is not there, without its first parts: sets are moved without their
/// descriptions being changed.
fs::path resolved(const std::vector<fs::path>& bases, const fs::path& path) {
  fs::path rest = path;
  while (!rest.empty()) {
    for (const fs::path& base : bases) {
      std::error_code ignored;
      if (fs::exists(base / rest, ignored)) return (base / rest).lexically_normal();
    }
    fs::path shorter;
    for (auto part = std::next(rest.begin()); part != rest.end(); ++part) shorter /= *part;
    rest = shorter;
  }
  return {};
}

bool is_label_name(const fs::path& file) {
  if (lower_extension(file) != ".txt") return false;
  const std::string name = file.filename().string();
  return name != "classes.txt" && name != "train.txt" && name != "val.txt" && name != "test.txt" &&
         !name.starts_with("README") && !name.starts_with('.');
}

/// Files below a folder, by their path relative to it without extension.
template <typename Wanted>
std::map<std::string, fs::path> files_below(const fs::path& folder, Wanted&& wanted) {
  std::map<std::string, fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (!wanted(entry->path()) || !is_file(entry->path())) continue;
    files.emplace(entry->path().lexically_relative(folder).replace_extension().generic_string(), entry->path());
  }
  return files;
}

/// Pairs the pictures of one folder with the label files of another, which may be the same.
void add_folders(YoloSet& set, const fs::path& pictures, const fs::path& labels, const std::string& split) {
  const auto images = files_below(pictures, is_picture_name);
  auto texts = files_below(labels, is_label_name);
  const auto split_of = [&](const std::string& stem) {
    return split.empty() ? split_named(stem.substr(0, stem.find('/'))) : split;
  };
  for (const auto& [stem, picture] : images) {
    const auto label = texts.find(stem);
    set.entries.push_back({label == texts.end() ? fs::path() : label->second, picture,
                           picture.lexically_relative(pictures).generic_string(), split_of(stem)});
    if (label != texts.end()) texts.erase(label);
  }
  for (const auto& [stem, label] : texts) set.entries.push_back({label, {}, stem, split_of(stem)});
}

/// A list of pictures, each with its label file in its place.
void add_list(YoloSet& set, const fs::path& list, std::vector<fs::path> bases, const std::string& split) {
  bases.insert(bases.begin(), list.parent_path());
  std::istringstream lines(read_text(list.string(), std::int64_t{1} << 30));
  for (std::string line; std::getline(lines, line);) {
    std::string name(trimmed(line));
    if (name.empty()) continue;
    std::replace(name.begin(), name.end(), '\\', '/');
    const fs::path picture = resolved(bases, name);
    const fs::path written = replaced(name, "images", "labels");
    fs::path label = picture.empty() ? fs::path() : replaced(picture, "images", "labels").replace_extension(".txt");
    if (!is_file(label)) label = resolved(bases, fs::path(written).replace_extension(".txt"));
    set.entries.push_back({label, picture, fs::path(name).filename().string(), split});
  }
}

/// One of the parts that a description names: a folder or a list.
void add_part(YoloSet& set, const std::vector<fs::path>& bases, const std::string& written, const std::string& split,
              const std::string& where) {
  const fs::path path = resolved(bases, written);
  if (is_folder(path)) return add_folders(set, path, replaced(path, "images", "labels"), split);
  if (is_file(path)) return add_list(set, path, bases, split);
  // The pictures may lie elsewhere, told by --images.
  const fs::path labels = resolved(bases, replaced(written, "images", "labels"));
  if (is_folder(labels)) return add_folders(set, {}, labels, split);
  std::string tried;
  for (const fs::path& base : bases) tried += (tried.empty() ? "" : ", ") + utf8((base / written).lexically_normal());
  throw DataError({.where = where,
                   .what = "\"" + written + "\" does not exist (looked for " + tried + ")",
                   .expected = "a folder of pictures or a list of them, relative to this file",
                   .remedy = "correct the path"});
}

int whole(const YamlNode& node, const std::string& path, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
  if (error != std::errc() || end != node.text.data() + node.text.size() || value < 0 || value > most) {
    throw DataError({.where = DataError::at(path, node.line),
                     .what = "\"" + node.text + "\"",
                     .expected = "a whole number up to " + std::to_string(most)});
  }
  return value;
}

constexpr int most_classes = 100'000;

std::vector<std::string> names_in(const YamlNode& yaml, const std::string& path) {
  std::vector<std::string> names;
  const YamlNode* node = yaml.find("names");
  if (node != nullptr && node->kind == YamlNode::Kind::list) {
    for (const YamlNode& name : node->list) names.emplace_back(trimmed(name.text));
  } else if (node != nullptr && node->kind == YamlNode::Kind::map) {
    for (const auto& [number, name] : node->map) {
      const auto index = static_cast<std::size_t>(whole({.text = number, .line = name.line}, path, most_classes));
      if (index >= names.size()) names.resize(index + 1);
      names[index] = trimmed(name.text);
    }
  } else if (const YamlNode* count = yaml.find("nc")) {
    for (int i = 0; i < whole(*count, path, most_classes); ++i) names.push_back(std::to_string(i));
  }
  std::unordered_set<std::string> distinct;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) names[i] = std::to_string(i);
    if (distinct.insert(names[i]).second) continue;
    throw DataError({.where = DataError::at(path, node->line), .what = "class \"" + names[i] + "\" is there twice"});
  }
  const YamlNode* count = yaml.find("nc");
  if (count != nullptr && whole(*count, path, most_classes) != static_cast<int>(names.size())) {
    throw DataError({.where = DataError::at(path, count->line),
                     .what = "nc is " + count->text + ", but there are " + std::to_string(names.size()) + " names"});
  }
  return names;
}

/// A set whose training and validation are the same folder has no parts.
void merge_repeated(YoloSet& set) {
  std::map<std::pair<std::string, std::string>, std::size_t> first;
  std::vector<YoloEntry> kept;
  for (YoloEntry& entry : set.entries) {
    const auto [place, is_new] = first.emplace(
        std::pair(entry.label.string(), entry.picture.empty() ? entry.name : entry.picture.string()), kept.size());
    if (is_new) {
      kept.push_back(std::move(entry));
    } else if (kept[place->second].split != entry.split) {
      kept[place->second].split.clear();
    }
  }
  set.entries = std::move(kept);
}

YoloSet read_description(const fs::path& file) {
  const std::string path = file.string();
  const YamlNode yaml = read_yaml(path);
  YoloSet set{.names = names_in(yaml, path)};
  const fs::path folder = file.parent_path();
  std::vector<fs::path> bases = {folder};
  if (const YamlNode* root = yaml.find("path"); root != nullptr && !root->text.empty())
    bases.insert(bases.begin(), folder / root->text);
  if (const YamlNode* shape = yaml.find("kpt_shape"); shape != nullptr && shape->list.size() == 2) {
    set.keypoints = whole(shape->list[0], path, 1000);
    set.keypoint_dimensions = std::max(2, whole(shape->list[1], path, 3));
  }
  for (const char* split : {"train", "val", "test"}) {
    const YamlNode* part = yaml.find(split);
    if (part == nullptr) continue;
    const std::string where = DataError::at(path, part->line);
    if (part->kind == YamlNode::Kind::list) {
      for (const YamlNode& one : part->list) add_part(set, bases, one.text, split, where);
    } else if (!part->text.empty() && part->text != "null" && part->text != "~") {
      add_part(set, bases, part->text, split, where);
    }
  }
  merge_repeated(set);
  return set;
}

std::vector<std::string> names_from_list(const fs::path& file) {
  std::vector<std::string> names;
  std::istringstream lines(read_text(file.string(), std::int64_t{16} << 20));
  for (std::string line; std::getline(lines, line);) {
    if (const auto name = trimmed(line); !name.empty()) names.emplace_back(name);
  }
  return names;
}

/// darknet's obj.data: "key = value" lines.
YoloSet read_darknet(const fs::path& file) {
  std::map<std::string, std::string> values;
  std::istringstream lines(read_text(file.string(), 1 << 20));
  for (std::string line; std::getline(lines, line);) {
    if (const std::size_t equals = line.find('='); equals != std::string::npos)
      values.emplace(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
  }
  const std::vector<fs::path> bases = {file.parent_path()};
  YoloSet set;
  if (const fs::path names = resolved(bases, values["names"]); is_file(names)) set.names = names_from_list(names);
  for (const auto& [key, split] : {std::pair{"train", "train"}, {"valid", "val"}, {"test", "test"}}) {
    if (!values[key].empty()) add_part(set, bases, values[key], split, file.string());
  }
  return set;
}

/// classes.txt, obj.names or the like in one of the folders.
std::vector<std::string> names_near(const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    if (!is_folder(folder)) continue;
    for (const fs::path& entry : entries_of(folder)) {
      if (entry.filename() == "classes.txt" || lower_extension(entry) == ".names") return names_from_list(entry);
    }
  }
  return {};
}

YoloSet look_through(const fs::path& folder) {
  YoloSet set;
  if (is_folder(folder / "labels")) {
    add_folders(set, folder / "images", folder / "labels", "");
    set.names = names_near({folder, folder / "labels"});
    return set;
  }
  for (const char* split : {"train", "val", "valid", "test"}) {
    if (is_folder(folder / split / "labels"))
      add_folders(set, folder / split / "images", folder / split / "labels", split_named(split));
  }
  if (set.entries.empty()) {
    const fs::path tidy = (fs::absolute(folder) / "").lexically_normal().parent_path();
    const fs::path images = replaced(tidy, "labels", "images");
    add_folders(set, is_folder(images) ? images : folder, folder, "");
    // Pictures of another format's set are not this set's background.
    if (images != tidy && !is_folder(images))
      std::erase_if(set.entries, [](const YoloEntry& entry) { return entry.label.empty(); });
  }
  set.names = names_near({folder, folder / ".."});
  return set;
}

/// Whether the first line that says anything is a label.
bool looks_like_label(const fs::path& file) {
  std::istringstream lines(read_head(file.string(), 1 << 14));
  std::string line;
  while (trimmed(line).empty() && std::getline(lines, line)) {
  }
  std::istringstream fields(line);
  std::size_t count = 0;
  for (std::string field; fields >> field; ++count) {
    double value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc() || end != field.data() + field.size()) return false;
  }
  return count == 5 || (count >= 7 && count % 2 == 1);
}

}  // namespace

bool is_yolo_file(const fs::path& file) {
  const std::string extension = lower_extension(file);
  try {
    if (extension == ".txt") {
      std::istringstream lines(read_head(file.string(), 1 << 14));
      std::string line;
      std::getline(lines, line);
      return is_picture_name(fs::path(trimmed(line)));
    }
    if (extension == ".data") {
      const std::string text = read_head(file.string(), 1 << 14);
      return text.find("names") != std::string::npos && text.find("train") != std::string::npos;
    }
    const YamlNode yaml = read_yaml(file.string());
    const bool has_part = yaml.find("train") != nullptr || yaml.find("val") != nullptr || yaml.find("test") != nullptr;
    return has_part && (yaml.find("names") != nullptr || yaml.find("nc") != nullptr);
  } catch (const Error&) {
    return false;
  }
}

bool is_yolo_folder(const fs::path& folder) {
  constexpr std::size_t asked = 20;  // label files; the first may be empty or broken
  for (const char* inner : {"labels", "train/labels", "val/labels", "valid/labels", "test/labels", ""}) {
    if (!is_folder(folder / inner)) continue;
    std::size_t count = 0;
    for (const auto& [stem, file] : files_below(folder / inner, is_label_name)) {
      if (*inner == '\0' && stem.find('/') != std::string::npos) continue;
      if (looks_like_label(file)) return true;
      if (++count == asked) break;
    }
  }
  return false;
}

YoloSet find_yolo_set(const fs::path& source) {
  if (is_folder(source)) return look_through(source);
  const std::string extension = lower_extension(source);
  if (extension == ".data") return read_darknet(source);
  if (extension != ".txt") return read_description(source);
  YoloSet set;
  add_list(set, source, {source.parent_path() / ".."}, "");
  set.names = names_near({source.parent_path(), source.parent_path() / "labels"});
  return set;
}

}  // namespace joist
