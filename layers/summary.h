// What a model is made of: one row per operation of a call, with the layer it belongs to.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/mode.h>
#include <joist/core/operation.h>

#include <functional>
#include <string>
#include <vector>

namespace joist {

struct SummaryRow {
  std::string layer{};      ///< "layer1.0.conv1"; "" for an operation that reads no parameters
  std::string operation{};  ///< "convolution", "Relu"
  std::vector<Shape> outputs{};
  std::int64_t parameters = 0;  ///< trainable numbers of the layer, in the first row that uses it
  std::int64_t buffers = 0;     ///< others of its state
  std::int64_t flops = 0;       ///< 2 per multiply-add of products and convolutions, 0 for anything else
  std::int64_t bytes = 0;       ///< of the results; 0 for views
  Operation recorded{Op::unary};
};

struct Summary {
  std::vector<SummaryRow> rows{};
  std::int64_t parameters = 0, trainable = 0, buffers = 0;  ///< of the whole model; trainable: not frozen
  std::int64_t parameter_bytes = 0;                         ///< parameters and buffers
  std::int64_t flops = 0, bytes = 0;                        ///< sums of the rows
  std::vector<std::string> unused{};                        ///< layers that the call did not reach

  /// A table with a line of totals.
  std::string text() const;
  /// {"rows": […], "parameters": …}
  std::string json() const;
};

/// Runs `call` in evaluation mode without recording and notes its operations. FLOPs are counted as by
/// torch.utils.flop_counter.
Summary summary_of(const std::vector<Field>& fields, const std::function<void()>& call);

/// summary(model, inputs…): of model(inputs…).
template <class M, class... Inputs>
Summary summary(M& model, const Inputs&... inputs) {
  return summary_of(fields_of(model), [&] { static_cast<void>(model(inputs...)); });
}

}  // namespace joist
