// Which array of a checkpoint goes into which field of a model, when the names differ.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/formats/stored.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace joist {

struct MappingOptions {
  /// "FROM=TO" patterns for the names of arrays, tried in order: each * or ** of FROM (as in freeze()) stands for what
  /// it matched in TO. An empty TO leaves the array out.
  std::vector<std::string> rules{};
  bool by_shape = false;             ///< what has no name in common is taken by shape and order, where that is clear
  std::vector<std::string> fresh{};  ///< patterns of fields that keep their own values and need no array
  bool fresh_head = true;            ///< so do fields that differ from their array in the first axis only: another
                                     ///< number of classes, the same for all
};

struct WeightMapping {
  struct Pair {
    std::size_t array = 0, field = 0;  ///< indices of the two lists
  };
  std::vector<Pair> pairs{};
  std::vector<Pair> by_shape{};           ///< of those, the ones that only their shape told (with by_shape), or a
                                          ///< proposal that is not among them (without)
  std::vector<std::string> fresh{};       ///< fields that keep their values
  std::vector<std::string> head{};        ///< of those, because of another number of classes
  std::vector<std::string> missing{};     ///< fields without an array
  std::vector<std::string> unexpected{};  ///< arrays without a field
  std::vector<std::string> misshaped{};   ///< "name float32 [2, 3] (model: float32 [3, 3])"

  bool complete() const { return missing.empty() && unexpected.empty() && misshaped.empty(); }
};

/// Names that are equal go together, after the rules and after leaving out what stands before all names ("model/",
/// "state_dict/", "module."). PyTorch's num_batches_tracked, which joist does not need, may be there. Throws UsageError
/// for a rule without "=".
WeightMapping map_weights(std::span<const Field> fields, const StoredArchive& stored, const MappingOptions& options);

/// Loads a checkpoint's arrays into a model: each array once, converted to the field's type (float types among each
/// other only). All or nothing: throws DataError that lists every missing, unexpected and mis-shaped name, with the
/// proposal by shape where there is one. Returns lines that say what was not taken as it is.
std::vector<std::string> load_mapped(std::span<const Field> fields, const StoredArchive& stored,
                                     const MappingOptions& options, const std::string& where);

}  // namespace joist
