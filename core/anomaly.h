// Where a NaN or an infinity was born (torch.autograd.detect_anomaly, and forward too).
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/layer_names.h>

#include <memory>

namespace joist {

struct AnomalyOptions {
  bool infinities = true;  ///< else NaN only
};

/// While it lives, an operation of this thread throws DataError when its result, or in backward a gradient that it
/// gives on, holds NaN or an infinity although what it was given holds none. The message names the operation, the
/// layer (with the model's fields), the shape and how many elements. Reads every number of every tensor: for hunting,
/// not for training.
class DetectAnomaly final : private Listener {
 public:
  explicit DetectAnomaly(const std::vector<Field>& fields = {}, AnomalyOptions options = {});
  ~DetectAnomaly() override;
  DetectAnomaly(const DetectAnomaly&) = delete;
  DetectAnomaly& operator=(const DetectAnomaly&) = delete;

 private:
  struct Memory;
  void on_record(const Operation&, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override;
  void on_backward(const Node&, std::span<const Array> output_gradients) override;
  void on_backward_done(const Node&, std::span<const Array> output_gradients) override;

  std::unique_ptr<Memory> memory_;
  Listener* before_;
  Listening listening_;
};

}  // namespace joist
