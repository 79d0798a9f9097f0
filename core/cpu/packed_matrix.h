// A matrix that many short products share (the weights of a recurrent layer, once per step): packed once, so that each
// product reads it in order. For tall products core/cpu/matmul.cpp is faster.
#pragma once

#include <joist/core/array.h>

#include <array>

namespace joist {

/// What is read after a product, brought nearer in the meantime: a product's cycles and the memory's then pass at once
/// instead of one after the other.
class ReadAhead {
 public:
  void add(const float* from, std::int64_t floats) {
    if (count_ < parts_.size() && floats > 0) parts_[count_++] = {from, from + floats};
  }
  /// Where the next `lines` cache lines begin; nullptr when all were handed out.
  const float* take(std::int64_t lines) {
    if (now_ == count_) return nullptr;
    Part& part = parts_[now_];
    const float* const from = part.from;
    part.from += lines * 16;
    if (part.from >= part.end) ++now_;
    return from;
  }

 private:
  struct Part {
    const float *from, *end;
  };
  std::array<Part, 3> parts_{};
  std::size_t count_ = 0, now_ = 0;
};

/// y = a · panel for one panel, or a part of its rows and of k.
struct PanelProduct {
  const float* a = nullptr;
  const float* panel = nullptr;  // [depth, panel_columns()]
  float* y = nullptr;
  std::int64_t a_row = 0, a_step = 1;  // from row to row of a, and along k
  std::int64_t y_row = 0, depth = 0, columns = 0;
  bool accumulate = false;
  ReadAhead* ahead = nullptr;
};

/// Panels first … last - 1 of y [rows, whole.columns] = a · b, of which whole.panel holds all panels one after the
/// other, each [depth, panel_columns()]. Runs in the calling thread.
void multiply_packed(const PanelProduct& whole, std::int64_t rows, std::int64_t first, std::int64_t last);

class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// b [k, n], float32 of any strides.
  explicit PackedMatrix(const Array& b);

  /// Columns of a panel; depends on the instruction set.
  static std::int64_t panel_columns();
  std::int64_t panels() const { return (columns_ + panel_columns() - 1) / panel_columns(); }
  std::int64_t depth() const { return depth_; }

  /// Panels first … last - 1 of y [rows, n] = a [rows, k] · b, or y += where `accumulate`. Rows lie a_row and y_row
  /// floats apart; a and y share no memory. Runs in the calling thread.
  void multiply(const float* a, std::int64_t a_row, std::int64_t rows, float* y, std::int64_t y_row, std::int64_t first,
                std::int64_t last, bool accumulate, ReadAhead* ahead = nullptr) const;

 private:
  Array packed_{};  // [panel, k, column of the panel], the last panel filled up with 0
  std::int64_t depth_ = 0, columns_ = 0;
};

}  // namespace joist
