// Softmax and its relatives.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

Tensor softmax(const Tensor& x, int axis);
Tensor log_softmax(const Tensor& x, int axis);

}  // namespace joist
