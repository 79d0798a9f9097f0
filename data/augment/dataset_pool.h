// The pictures of a data set for augmentation, read from their files each time.
#pragma once

#include <joist/data/augment.h>
#include <joist/data/dataset.h>

namespace joist {

/// For previews and tools; training has a cache (loader.h). `dataset` must outlive it. Crowds are left out.
class DatasetPool final : public ExamplePool {
 public:
  DatasetPool(const Dataset& dataset, int size) : dataset_(dataset), size_(size) {}
  std::size_t size() const override { return dataset_.samples.size(); }
  /// Throws DataError as decode() does.
  std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const override;
  std::vector<ObjectShape> shapes(std::size_t sample) const override;

 private:
  const Dataset& dataset_;
  int size_;
};

}  // namespace joist
