#include <joist/data/formats/class_names.h>

#include <algorithm>
#include <vector>

namespace joist {

void ClassNames::sort(Dataset& dataset) const {
  dataset.categories.clear();
  for (const auto& [name, index] : indices_) dataset.categories.push_back(name);
  std::sort(dataset.categories.begin(), dataset.categories.end());
  std::vector<int> sorted(dataset.categories.size());
  dataset.category_ids.clear();
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    sorted[static_cast<std::size_t>(indices_.at(dataset.categories[i]))] = static_cast<int>(i);
    dataset.category_ids.push_back(static_cast<std::int64_t>(i) + 1);
  }
  for (auto& sample : dataset.samples) {
    for (auto& annotation : sample.annotations) {
      annotation.category = sorted[static_cast<std::size_t>(annotation.category)];
    }
  }
}

}  // namespace joist
