// y = x · weightᵀ + bias
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/init.h>
#include <joist/layers/required.h>

namespace joist {

struct LinearOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> out;
  bool bias = true;
};

/// torch.nn.Linear: [..., in] -> [..., out]. Throws UsageError below one feature.
struct Linear {
  explicit Linear(const LinearOptions& options)
      : weight(init::fan_in_uniform(
            {require_positive("Linear", "out", options.out), require_positive("Linear", "in", options.in)})),
        bias(options.bias ? init::uniform({options.out}, 1.0 / std::sqrt(static_cast<double>(options.in)))
                          : Parameter()) {}

  Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }
  auto fields() { return joist::fields("weight", weight, "bias", bias); }

  Parameter weight;  // [out, in]
  Parameter bias;    // [out]
};

}  // namespace joist
