// A batch normalization's gradient on its way to the convolution before it, which may read it block by block.
#pragma once

#include <joist/core/gradient.h>
#include <joist/core/kernels/fused_convolution.h>

#include <utility>

namespace joist {

class LateNormalizationGradient final : public LateGradient {
 public:
  LateNormalizationGradient(const FusedConvolutions& device, LateNormalization late)
      : device_(device), late_(std::move(late)) {}
  Array compute() const override {
    Array dx = Array::like(late_.input.x);
    device_.write(late_, {dx, false});
    return dx;
  }
  const LateNormalization& late() const { return late_; }

 private:
  const FusedConvolutions& device_;
  LateNormalization late_;
};

/// What a node of a fused convolution got: `dy`, or `late` where that is not nullptr.
inline ResultGradient result_gradient(const Array& dy, const LateGradient* late) {
  if (!late) return {dy, nullptr};
  if (const auto* known = dynamic_cast<const LateNormalizationGradient*>(late)) return {{}, &known->late()};
  return {late->compute(), nullptr};
}

}  // namespace joist
