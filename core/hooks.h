// Functions that a tensor's gradient passes through in backward: to look at it, to clip it, to replace it.
#pragma once

#include <joist/core/gradient.h>

#include <functional>

namespace joist {

/// Sees d(loss)/d(x), summed over all uses of x in this backward. Returns what goes on instead (same shape, dtype and
/// device), or an undefined Array to leave it as it is. Must not write into the array that it is given.
using GradientHook = std::function<Array(const Array& gradient)>;

/// Hooks run in the order of their registration (torch.Tensor.register_hook). x is a leaf that requires a gradient or
/// the result of a recorded operation. Operations that were recorded on x before its first hook do not pass it, so
/// register where x is made. Returns a number for remove_hook. Throws InternalError where x wants no gradient.
int register_hook(const Tensor& x, GradientHook hook);
/// Throws UsageError when x has no such hook.
void remove_hook(const Tensor& x, int handle);

/// The same value as another tensor of the graph: its gradient is that of its own uses.
Tensor alias(const Tensor& x);

}  // namespace joist
