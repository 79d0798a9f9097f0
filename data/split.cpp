#include <joist/core/error.h>
#include <joist/core/random.h>
#include <joist/data/near_duplicates.h>
#include <joist/data/split.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <limits>
#include <map>
#include <numeric>
#include <regex>
#include <string_view>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

namespace fs = std::filesystem;

/// The path without its last number and what stands around that.
std::string prefix_of(const Sample& sample) {
  const fs::path path = sample.path;
  std::string stem = path.stem().string();
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const auto last = std::find_if(stem.rbegin(), stem.rend(), is_digit);
  const auto first = std::find_if_not(last, stem.rend(), is_digit);
  stem.resize(static_cast<std::size_t>(stem.rend() - first));
  return (path.parent_path() / stem).string();
}

std::vector<std::string> keys_of(const Dataset& dataset, const std::string& group) {
  std::vector<std::string> keys;
  std::regex expression;
  if (group != "prefix" && group != "folder" && group != "none") {
    try {
      expression = std::regex(group);
    } catch (const std::regex_error& error) {
      throw UsageError({.where = "--group",
                        .what = "\"" + group + "\" is no regular expression: " + error.what(),
                        .expected = "auto, prefix, folder, none or a regular expression"});
    }
  }
  for (const Sample& sample : dataset.samples) {
    if (group == "none") {
      keys.push_back(sample.path);
    } else if (group == "prefix") {
      keys.push_back(prefix_of(sample));
    } else if (group == "folder") {
      keys.push_back(fs::path(sample.path).parent_path().string());
    } else {
      std::smatch match;
      const bool is_found = std::regex_search(sample.path, match, expression);
      keys.push_back(!is_found ? sample.path : match.size() > 1 ? match[1].str() : match[0].str());
    }
  }
  return keys;
}

std::string decided(const Dataset& dataset, const std::string& group) {
  if (group != "auto") return group;
  std::map<std::string, std::size_t> sizes;
  std::size_t largest = 0;
  for (const std::string& key : keys_of(dataset, "prefix")) largest = std::max(largest, ++sizes[key]);
  const bool is_sound = sizes.size() >= 5 && largest > 1 && largest * 2 <= dataset.samples.size();
  return is_sound ? "prefix" : "none";
}

/// Sets that are joined (union-find).
class Joined {
 public:
  explicit Joined(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { parent_[root(b)] = root(a); }

 private:
  std::vector<std::size_t> parent_;
};

struct Group {
  std::vector<std::size_t> samples{};
  std::vector<double> counts{};  // boxes of each class, pictures without boxes, pictures
  std::string name{};            // the least path, which the order of the samples does not change
  double weight = 0;
};

std::vector<Group> groups_of(const Dataset& dataset, Joined& joined) {
  const std::size_t classes = dataset.categories.size();
  std::map<std::size_t, Group> by_root;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    Group& group = by_root[joined.root(i)];
    group.counts.resize(classes + 2);
    if (group.samples.empty() || sample.path < group.name) group.name = sample.path;
    group.samples.push_back(i);
    for (const Annotation& annotation : sample.annotations)
      ++group.counts[static_cast<std::size_t>(annotation.category)];
    if (sample.annotations.empty()) ++group.counts[classes];
    ++group.counts[classes + 1];
  }
  std::vector<Group> groups;
  for (auto& [root, group] : by_root) groups.push_back(std::move(group));
  std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.name < b.name; });
  return groups;
}

/// In random order, but those first that hold much of some class: what is left then evens out.
void arrange(std::vector<Group>& groups, const std::vector<double>& totals, std::uint64_t seed) {
  Random random({.seed = seed, .stream = Stream::shuffle});
  for (std::size_t i = groups.size(); i > 1; --i)
    std::swap(groups[i - 1], groups[static_cast<std::size_t>(random.below(i))]);
  for (Group& group : groups) {
    for (std::size_t c = 0; c < totals.size(); ++c) {
      if (totals[c] > 0) group.weight = std::max(group.weight, group.counts[c] / totals[c]);
    }
  }
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.weight > b.weight; });
}

}  // namespace

SplitReport split(Dataset& dataset, const SplitOptions& options) {
  if (!(options.val >= 0) || !(options.test >= 0) || options.val + options.test >= 1) {
    throw UsageError({.where = "--val and --test",
                      .what = "shares of " + std::to_string(options.val) + " and " + std::to_string(options.test),
                      .expected = "shares from 0 whose sum is below 1"});
  }
  SplitReport report{.grouped_by = decided(dataset, options.group)};
  Joined joined(dataset.samples.size());
  std::map<std::string, std::size_t> first;
  const std::vector<std::string> keys = keys_of(dataset, report.grouped_by);
  for (std::size_t i = 0; i < keys.size(); ++i) joined.join(first.emplace(keys[i], i).first->second, i);
  if (options.compare_pictures) {
    for (const AlikePair& pair : alike(sketches(dataset))) {
      joined.join(pair.first, pair.second);
      ++report.alike;
    }
  }
  std::vector<Group> groups = groups_of(dataset, joined);
  report.groups = std::ssize(groups);
  std::vector<double> totals(dataset.categories.size() + 2);
  for (const Group& group : groups) {
    for (std::size_t c = 0; c < totals.size(); ++c) totals[c] += group.counts[c];
  }
  arrange(groups, totals, options.seed);

  const std::vector<std::pair<std::string, double>> shares = {
      {"train", 1 - options.val - options.test}, {"val", options.val}, {"test", options.test}};
  std::vector<std::vector<double>> left;  // of each part and kind: what it still wants, as a share of all
  for (const auto& [name, share] : shares) {
    left.emplace_back(totals.size(), share);
    if (share > 0)
      report.parts.push_back({.name = name, .boxes = std::vector<std::int64_t>(dataset.categories.size())});
  }
  for (const Group& group : groups) {
    std::size_t best = 0;
    double most = -std::numeric_limits<double>::infinity();
    for (std::size_t part = 0; part < shares.size(); ++part) {
      if (shares[part].second <= 0) continue;
      double wanted = 0;
      for (std::size_t c = 0; c < totals.size(); ++c) {
        if (totals[c] > 0) wanted += left[part][c] / shares[part].second * group.counts[c] / totals[c];
      }
      if (wanted > most) most = wanted, best = part;
    }
    for (std::size_t c = 0; c < totals.size(); ++c) {
      if (totals[c] > 0) left[best][c] -= group.counts[c] / totals[c];
    }
    for (const std::size_t i : group.samples) dataset.samples[i].split = shares[best].first;
  }
  for (SplitReport::Part& part : report.parts) {
    for (const Sample& sample : dataset.samples) {
      if (sample.split != part.name) continue;
      ++part.pictures;
      for (const Annotation& annotation : sample.annotations)
        ++part.boxes[static_cast<std::size_t>(annotation.category)];
    }
  }
  return report;
}

std::vector<std::string> group_names(const Dataset& dataset, const std::string& group) {
  const std::string kind = decided(dataset, group);
  if (kind == "none") return {};
  std::vector<std::string> names = keys_of(dataset, kind);
  if (names.empty()) return names;
  if (kind == "prefix" || kind == "folder") {
    const auto [least, most] = std::minmax_element(names.begin(), names.end());
    const auto end = std::mismatch(least->begin(), least->end(), most->begin(), most->end()).first;
    // A name that is a part of another one keeps its last folder.
    const std::size_t same = static_cast<std::size_t>(end - least->begin());
    const std::size_t slash = least->rfind('/', same == least->size() && same > 0 ? same - 1 : same);
    if (slash != std::string::npos && slash < same)
      for (std::string& name : names) name.erase(0, slash + 1);
  }
  for (std::string& name : names)
    while (name.size() > 1 && std::string_view("_-. ").find(name.back()) != std::string_view::npos) name.pop_back();
  return names;
}

std::string to_json(const SplitReport& report, const Dataset& dataset) {
  nlohmann::ordered_json parts = nlohmann::ordered_json::array();
  for (const SplitReport::Part& part : report.parts) {
    nlohmann::ordered_json boxes = nlohmann::ordered_json::object();
    for (std::size_t c = 0; c < part.boxes.size(); ++c) boxes[dataset.categories[c]] = part.boxes[c];
    parts.push_back({{"name", part.name}, {"pictures", part.pictures}, {"boxes", boxes}});
  }
  const nlohmann::ordered_json json = {
      {"grouped_by", report.grouped_by}, {"groups", report.groups}, {"alike", report.alike}, {"parts", parts}};
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace joist
