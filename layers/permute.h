// Another order of axes as a layer.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

#include <vector>

namespace joist {

/// permute(x, axes): Permute{{0, 2, 3, 1}} has the channels of pictures last.
struct Permute {
  std::vector<int> axes{0, 2, 3, 1};
  Tensor operator()(const Tensor& x) const { return permute(x, axes); }
  auto fields() { return joist::fields(); }
};

}  // namespace joist
