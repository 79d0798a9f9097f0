// Options of layers with one value per spatial axis.
#pragma once

#include <joist/core/ops.h>

#include <initializer_list>

namespace joist {

/// One value for all axes, or one per axis: .kernel = 3, .kernel = {1, 3}.
class PerAxis {
 public:
  PerAxis(std::int64_t value) : values_{value} {}                           // NOLINT: implicit, as written above
  PerAxis(std::initializer_list<std::int64_t> values) : values_(values) {}  // NOLINT: implicit, as written above

  /// Throws UsageError when there are neither one nor `axes` values.
  Shape on(int axes) const {
    if (values_.rank() == axes) return values_;
    if (values_.rank() != 1)
      throw UsageError({.where = "options of a layer",
                        .what = values_.text(),
                        .expected = "one value, or one per spatial axis: " + std::to_string(axes)});
    return Shape::filled(axes, values_[0]);
  }

 private:
  Shape values_;
};

/// Padding of a convolution: .padding = 1, .padding = {0, 1}, .padding = Padding::same.
class LayerPadding {
 public:
  LayerPadding(std::int64_t value) : values_(value) {}                            // NOLINT: implicit, as above
  LayerPadding(std::initializer_list<std::int64_t> values) : values_(values) {}   // NOLINT: implicit, as above
  LayerPadding(Padding padding) : values_(0), same_(padding == Padding::same) {}  // NOLINT: implicit, as above

  bool same() const noexcept { return same_; }
  Shape on(int axes) const { return values_.on(axes); }

 private:
  PerAxis values_;
  bool same_ = false;
};

}  // namespace joist
