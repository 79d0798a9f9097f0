// The state of a run that is under way, so that one that was killed goes on where it was.
#pragma once

#include <joist/optim/flat.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace joist::lab {

struct Snapshot {
  std::map<std::string, std::string> texts{};
  std::map<std::string, double> numbers{};
  std::vector<NamedState> arrays{};

  /// All arrays whose names begin with `prefix` and a dot, without it.
  std::vector<NamedState> part(const std::string& prefix) const;
  /// Throws DataError where there is none of that name and shape.
  void copy_to(const std::string& name, const Array& array) const;
  double number(const std::string& name) const;
};

/// Replaces the file in one step, as store_file().
void store_snapshot(const std::string& file, const Snapshot& snapshot);
/// Nothing where there is no such file, or it is damaged.
std::optional<Snapshot> read_snapshot(const std::string& file);

}  // namespace joist::lab
