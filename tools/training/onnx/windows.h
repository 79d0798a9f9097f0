// Windows of convolutions and pooling: strides, dilations and the padding that auto_pad asks for.
#pragma once

#include <joist/tools/training/onnx/call.h>

#include <span>

namespace joist::onnx_ops {

/// One entry per spatial axis.
struct Windows {
  std::vector<std::int64_t> kernel{}, stride{}, dilation{}, before{}, after{};
};

/// At most a million, or -1 million: so the lengths computed from them do not overflow.
bool are_small(std::span<const std::int64_t> numbers);

Windows windows_of(const Call& call, const Shape& input, std::span<const std::int64_t> kernel);

/// x with `value` around it.
Tensor with_edges(const Tensor& x, const Windows& windows, double value);

}  // namespace joist::onnx_ops
