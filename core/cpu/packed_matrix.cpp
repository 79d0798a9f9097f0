#include <joist/core/cpu/packed_matrix.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/packed_matrix.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/panel_product-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

std::int64_t width_of_panel() { return panel_width(); }
void multiply_all(const PanelProduct& whole, std::int64_t rows, std::int64_t first, std::int64_t last) {
  multiply_panels(whole, rows, first, last);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(width_of_panel);
HWY_EXPORT(multiply_all);
}  // namespace

std::int64_t PackedMatrix::panel_columns() { return HWY_DYNAMIC_DISPATCH(width_of_panel)(); }

PackedMatrix::PackedMatrix(const Array& b) : depth_(b.shape(0)), columns_(b.shape(1)) {
  const std::int64_t width = panel_columns(), down = b.strides()[0], across = b.strides()[1];
  packed_ = Array::empty({panels(), depth_, width});
  float* const packed = packed_.data<float>();
  const float* const from = b.data<float>();
  // Blocks of rows of the packed matrix: both sides stay in the cache whichever way b lies.
  parallel_for(panels(), 1 + 65536 / (1 + depth_ * width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel)
      for (std::int64_t top = 0; top < depth_; top += 16)
        for (std::int64_t j = 0; j < width; ++j)
          for (std::int64_t k = top; k < std::min(top + 16, depth_); ++k)
            packed[(panel * depth_ + k) * width + j] =
                panel * width + j < columns_ ? from[k * down + (panel * width + j) * across] : 0.0F;
  });
}

void multiply_packed(const PanelProduct& whole, std::int64_t rows, std::int64_t first, std::int64_t last) {
  HWY_DYNAMIC_DISPATCH(multiply_all)(whole, rows, first, last);
}

void PackedMatrix::multiply(const float* a, std::int64_t a_row, std::int64_t rows, float* y, std::int64_t y_row,
                            std::int64_t first, std::int64_t last, bool accumulate, ReadAhead* ahead) const {
  multiply_packed({.a = a,
                   .panel = packed_.data<float>(),
                   .y = y,
                   .a_row = a_row,
                   .y_row = y_row,
                   .depth = depth_,
                   .columns = columns_,
                   .accumulate = accumulate,
                   .ahead = ahead},
                  rows, first, last);
}

}  // namespace joist
#endif
