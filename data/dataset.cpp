#include <joist/core/error.h>
#include <joist/data/dataset.h>
#include <joist/data/decode.h>
#include <joist/data/formats/candidates.h>
#include <joist/data/formats/locate.h>

#include <algorithm>
#include <unordered_map>

namespace joist {
namespace {

/// Shares of the sides into pixels. A picture that is missing or unreadable keeps its shares: check() drops it.
void to_pixels(Dataset& dataset, bool require_sizes) {
  for (Sample& sample : dataset.samples) {
    if (sample.width == 0 || sample.height == 0) {
      try {
        const PictureInfo info = probe(sample.path);
        sample.width = info.width;
        sample.height = info.height;
      } catch (const DataError&) {
        if (require_sizes) throw;
        continue;
      }
    }
    for (Annotation& annotation : sample.annotations) {
      const Box& box = annotation.box;
      annotation.box = {box.x * sample.width, box.y * sample.height, box.width * sample.width,
                        box.height * sample.height};
      annotation.area *= static_cast<double>(sample.width) * sample.height;
      if (annotation.outline)
        annotation.outline = std::make_shared<Outline>(scaled(*annotation.outline, sample.width, sample.height));
    }
  }
}

/// Keeps the samples of one part, where the file knows of parts.
void keep_split(Labels& labels, const std::string& split) {
  auto& samples = labels.dataset.samples;
  const auto is_it = [&](const Sample& sample) { return sample.split == split; };
  if (split.empty() || std::none_of(samples.begin(), samples.end(), [](const Sample& s) { return !s.split.empty(); }))
    return;
  if (std::none_of(samples.begin(), samples.end(), is_it)) {
    throw DataError({.where = labels.dataset.source,
                     .what = "no part \"" + split + "\" in this set",
                     .remedy = "name one that it has, or give its annotations"});
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < labels.other_names.size(); ++i) {
    if (is_it(samples[i])) names.push_back(std::move(labels.other_names[i]));
  }
  labels.other_names = std::move(names);
  std::erase_if(samples, [&](const Sample& sample) { return !is_it(sample); });
}

}  // namespace

Dataset read_dataset(const std::string& path, const ReadOptions& options) {
  const Candidate candidate = candidate_for(path);
  Reading reading(options);
  Labels labels = candidate.format.read(candidate.files, reading);
  Dataset& dataset = labels.dataset;
  if (dataset.format.empty()) dataset.format = candidate.format.name;
  dataset.source = candidate.path.string();
  dataset.faults = std::move(reading.faults);
  keep_split(labels, options.split);
  if (!options.categories.empty() && !options.lenient) follow_categories(dataset, options.categories);
  for (Sample& sample : dataset.samples) {
    if (sample.name.empty()) sample.name = sample.path;
  }
  locate_pictures(labels, candidate.path, options.images, options.require_pictures && !options.lenient);
  if (labels.is_relative) to_pixels(dataset, !options.lenient);
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
  if (!dataset.keypoints.empty()) {
    std::vector<KeypointKind> keypoints(categories.size());
    for (std::size_t c = 0; c < renumbered.size(); ++c) {
      if (renumbered[c] >= 0) keypoints[static_cast<std::size_t>(renumbered[c])] = std::move(dataset.keypoints[c]);
    }
    dataset.keypoints = std::move(keypoints);
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
