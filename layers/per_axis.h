// Options of layers with one value per spatial axis.
#pragma once

#include <joist/core/ops.h>
#include <joist/layers/check.h>

#include <algorithm>
#include <initializer_list>
#include <string>

namespace joist {

/// One value for all axes, or one per axis: .kernel = 3, .kernel = {1, 3}.
class PerAxis {
 public:
  PerAxis(std::int64_t value) : values_{value} {}                           // NOLINT: implicit, as written above
  PerAxis(std::initializer_list<std::int64_t> values) : values_(values) {}  // NOLINT: implicit, as written above

  /// Throws UsageError "layer: option values" when there are neither one nor `axes` values, or one below `least`.
  Shape on(int axes, const std::string& layer, const char* option, std::int64_t least) const {
    bool fits = values_.rank() == axes || values_.rank() == 1;
    for (const std::int64_t value : values_) fits = fits && value >= least;
    if (!fits)
      throw UsageError({.where = layer,
                        .what = std::string(option) + " " + values_.text(),
                        .expected = "one value, or one per spatial axis: " + std::to_string(axes) + ", from " +
                                    std::to_string(least),
                        .remedy = std::string(".") + option + " = " + std::to_string(std::max<std::int64_t>(least, 1)) +
                                  " is the same for all axes"});
    return values_.rank() == axes ? values_ : Shape::filled(axes, values_[0]);
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
  Shape on(int axes, const std::string& layer, std::int64_t least) const {
    return values_.on(axes, layer, "padding", least);
  }

 private:
  PerAxis values_;
  bool same_ = false;
};

}  // namespace joist
