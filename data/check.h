// The label doctor: what is wrong with a data set, before a training wastes its time on it.
#pragma once

#include <joist/data/dataset.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace joist {

/// What to do about what is found.
enum class Policy {
  fail,    ///< throw if there is anything that would train wrongly; duplicates are only listed
  repair,  ///< clip boxes, scale them where the picture was resized, drop what cannot be mended
  drop,    ///< drop the boxes and pictures concerned
  report   ///< only list; change nothing but what is listed as done in every case
};

struct CheckOptions {
  Policy policy = Policy::fail;
  std::vector<std::string> categories{};  ///< the class list to follow; empty: the data set's own
  bool for_training = false;              ///< at least one box is needed
  bool read_pictures = true;              ///< look at the header and the end of each picture file
};

/// One thing that was found. Kinds: "box outside", "box without area", "box not finite", "unknown class", "duplicate
/// box", "picture missing", "picture unreadable", "picture truncated", "picture twice", "size differs", "turned" (boxes
/// drawn on the stored rows of a picture with an EXIF orientation, now upright; done under every policy), "empty data
/// set", "no boxes".
struct Finding {
  std::string where{};  ///< "file:line" or "file#annotations[index]"
  std::string kind{};
  std::string what{};
  std::string action{};  ///< "clipped", "scaled", "dropped", "turned" or "" if nothing was done
};

struct CheckReport {
  std::int64_t pictures = 0;  ///< left after the check
  std::int64_t boxes = 0;
  /// Boxes that stuck out by at most a pixel, or whose picture was a pixel larger or smaller: rounding, clipped without
  /// a finding.
  std::int64_t rounded = 0;
  std::map<std::string, std::int64_t> counts{};  ///< findings by kind
  std::vector<Finding> findings{};
};

/// Checks and, by policy, mends `dataset`; on return each sample has its picture's size. Throws DataError with the
/// first findings and their counts where the policy is fail, and in any case but report where no picture (or, for
/// training, no box) is left.
CheckReport check(Dataset& dataset, const CheckOptions& options = {});

/// {"pictures", "boxes", "rounded", "counts": {kind: n}, "findings": [{"where", "kind", "what", "action"}]}
std::string to_json(const CheckReport& report);

/// A line per kind with the first places, for people.
std::string to_text(const CheckReport& report);

}  // namespace joist
