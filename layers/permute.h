// Another order of axes as a layer.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>

#include <string>
#include <vector>

namespace joist {

/// permute(x, axes): Permute{{0, 2, 3, 1}} has the channels of pictures last.
struct Permute {
  std::vector<int> axes{0, 2, 3, 1};
  Tensor operator()(const Tensor& x) const {
    if (x.rank() != static_cast<int>(axes.size()))
      throw ShapeError({.where = "permute",
                        .what = "input of shape " + x.shape().text(),
                        .expected = std::to_string(axes.size()) + " axes",
                        .remedy = "unsqueeze(x, 0) for one picture"});
    return permute(x, axes);
  }
  auto fields() { return joist::fields(); }
};

}  // namespace joist
