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
  bool decode_pictures = false;           ///< decode each, too: finds damage inside and pictures that are alike
  /// Side in pixels of the square that a model sees; if given, objects that are too small in it are listed.
  int size = 0;
  /// Share of boxes or of pictures that may be dropped; above it check() throws, whatever the policy.
  double max_loss = 1;
};

/// One thing that was found. Kinds: "box outside", "box without area", "box not finite", "unknown class", "duplicate
/// box", "picture missing", "picture unreadable", "picture truncated", "picture twice", "size differs", "turned" (boxes
/// drawn on the stored rows of a picture with an EXIF orientation, now upright; done under every policy), "empty data
/// set", "no boxes", "no label left" (of a picture that had some); of files that were read leniently "bad label",
/// "wrong columns", "bad outline", "label file unreadable", "no label file"; with decode_pictures "picture damaged",
/// "same picture", "near-duplicate picture", "picture in two parts" (training and validation, say); with size "tiny
/// object". Duplicates, tiny objects and missing label files alone are no reason to fail.
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
  std::int64_t lost_boxes = 0;     ///< dropped, by themselves or with their picture; duplicates are no loss
  std::int64_t lost_pictures = 0;  ///< dropped
  std::int64_t read_boxes = 0;     ///< before the check, unreadable records included
  std::int64_t read_pictures = 0;
  std::map<std::string, std::int64_t> counts{};  ///< findings by kind
  std::vector<Finding> findings{};
};

/// Checks and, by policy, mends `dataset`; on return each sample has its picture's size. Throws DataError with the
/// first findings and their counts where the policy is fail, and in any case but report where no picture (or, for
/// training, no box) is left.
CheckReport check(Dataset& dataset, const CheckOptions& options = {});

/// Pictures of `train` that are in `val` too, or look as if: what is measured on these is not what the model will do on
/// new pictures. Decodes all pictures. Findings "picture in two parts".
std::vector<Finding> leaks(const Dataset& train, const Dataset& val);

/// Adds findings to a report.
void add(CheckReport& report, std::vector<Finding> findings);

/// {"pictures", "boxes", "lost_pictures", "lost_boxes", "rounded", "counts": {kind: n}, "findings": [{"where", "kind",
/// "what", "action"}]}
std::string to_json(const CheckReport& report);

/// A line per kind with the first places, for people.
std::string to_text(const CheckReport& report);

}  // namespace joist
