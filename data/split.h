// A data set into training, validation and test parts, so that what is measured on one was not seen in another.
#pragma once

#include <joist/data/dataset.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

struct SplitOptions {
  double val = 0.2;  ///< share of the pictures
  double test = 0;   ///< likewise
  std::uint64_t seed = 0;
  /// What stays together, besides pictures that look alike: "auto" (see split()), "prefix" (names that differ in their
  /// last number only, which are frames of a camera or video), "folder", "none", or a regular expression whose first
  /// group (or whole match) in the picture's path names the group.
  std::string group = "auto";
  bool compare_pictures = true;  ///< decode all pictures, keep those together that are the same or look alike
};

struct SplitReport {
  std::string grouped_by{};  ///< what "auto" decided
  std::int64_t groups = 0;
  std::int64_t alike = 0;  ///< pictures that are like another
  struct Part {
    std::string name{};
    std::int64_t pictures = 0;
    std::vector<std::int64_t> boxes{};  ///< of each class
  };
  std::vector<Part> parts{};
};

/// Puts "train", "val" or "test" into Sample::split. Whole groups go into one part, chosen so that each part gets its
/// share of every class and of pictures without boxes; the same seed gives the same parts, whatever the order of the
/// samples. "auto" is "prefix" where that makes at least five groups none of which has more than half of the pictures,
/// else "none". Throws UsageError for shares that leave nothing to train on or an expression that is none.
SplitReport split(Dataset& dataset, const SplitOptions& options);

/// The group of each sample, as `group` of SplitOptions makes them: a short name, without the folders that all share.
/// Nothing where "auto" finds no groups. Throws UsageError for an expression that is none.
std::vector<std::string> group_names(const Dataset& dataset, const std::string& group = "auto");

/// {"grouped_by", "groups", "alike", "parts": [{"name", "pictures", "boxes": {class: n}}]}
std::string to_json(const SplitReport& report, const Dataset& dataset);

}  // namespace joist
