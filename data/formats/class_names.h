// Classes for formats that name them at each box and keep no list. Private to data/.
#pragma once

#include <joist/data/dataset.h>

#include <string>
#include <string_view>
#include <unordered_map>

namespace joist {

/// Numbers class names as they come; sort() then orders them by name, so that the numbers do not depend on the order of
/// rows.
class ClassNames {
 public:
  int index(std::string_view name) {
    return indices_.emplace(std::string(name), static_cast<int>(indices_.size())).first->second;
  }

  /// Fills the categories of `dataset` (ids from 1) and renumbers its annotations.
  void sort(Dataset& dataset) const;

 private:
  std::unordered_map<std::string, int> indices_{};
};

}  // namespace joist
