// Reductions.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, std::initializer_list<int> axes, bool keep_axes = false);
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, std::initializer_list<int> axes, bool keep_axes = false);

}  // namespace joist
