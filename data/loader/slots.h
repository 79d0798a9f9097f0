// The memory that batches lie in.
#pragma once

#include <joist/core/array.h>

#include <vector>

namespace joist {

/// One picture array per slot of a ring, taken once and written again and again.
class PictureSlots {
 public:
  PictureSlots() = default;
  PictureSlots(int slots, int batch, int channels, int height, int width, Dtype dtype) {
    for (int slot = 0; slot < slots; ++slot) {
      arrays_.push_back(Array::empty({batch, channels, height, width}, dtype, cpu, Order::channels_last));
    }
  }

  /// Where the picture at `index` of a slot goes: [height, width, channels].
  template <class T>
  T* at(int slot, int index) const {
    const Array& array = arrays_[static_cast<std::size_t>(slot)];
    return array.data<T>() + array.elements() / array.shape(0) * index;
  }

  /// The first `items` pictures of a slot, for the consumer.
  Array take(int slot, int items) const {
    const Array& array = arrays_[static_cast<std::size_t>(slot)];
    return items == array.shape(0) ? array : array.sliced(0, 0, items);
  }

 private:
  std::vector<Array> arrays_{};
};

}  // namespace joist
