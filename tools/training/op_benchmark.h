// How fast single operations run here, forwards and backwards, beside what bounds them.
#pragma once

#include <joist/core/tensor.h>
#include <joist/tools/training/roofline.h>

#include <functional>
#include <string>
#include <vector>

namespace joist {

/// A computation on operands of its own.
struct OpCall {
  std::function<Tensor()> call{};
  std::vector<Tensor> leaves{};  ///< operands whose gradient is wanted
};

/// An operation at a shape that one of the models has.
struct OpCase {
  std::string name{};  ///< "resnet18 3×3 64→64 @56"
  double flops = 0;    ///< of the forward pass, 2 per multiply-add; 0: its memory traffic is what counts
  std::function<OpCall()> make{};
  double updated_bytes = 0;  ///< optimizers, which have no backward: what one step reads and writes
};

/// "convolution", "depthwise", … in the order of help.
const std::vector<std::string>& op_families();
/// Throws UsageError listing the families.
std::vector<OpCase> op_cases(const std::string& family);

struct OpTiming {
  std::string name{};
  std::string direction{};    ///< "forward", "backward", "update"
  double milliseconds = 0;    ///< median
  double gflops = 0;          ///< per second
  double gb_per_second = 0;   ///< least traffic: each operand, result and gradient once
  std::string bound{};        ///< "GEMM" or "copy": what takes longer at the roofline
  double share_of_bound = 0;  ///< time at the roofline / time; above 1 for what stays in caches
};

/// Runs each case of a family with recording, forwards and backwards in turn, about half a second per case. Slowest
/// against its bound first.
std::vector<OpTiming> benchmark_ops(const std::vector<OpCase>& cases, const Roofline& roofline);

}  // namespace joist
