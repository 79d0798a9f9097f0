// Convolutions of arrays on the GPU: by cuDNN where it has a way, else as columns.
#pragma once

#include <joist/core/kernels/convolution.h>
#include <joist/cuda/convolutions.h>

#include <functional>
#include <memory>
#include <string>

namespace joist::cuda {

/// Whether cuDNN is asked: yes, unless the environment says JOIST_CUDNN=0 (or a test does).
bool& cudnn_is_wanted();

/// What the library is asked for: dense arrays of these lengths, with channels innermost or in front of the spatial
/// axes.
struct WantedConvolution {
  ConvolutionResult result = ConvolutionResult::y;
  Dtype dtype = Dtype::float32;
  Shape x{}, w{}, y{};
  ConvolutionOptions options{};
  bool channels_inside = false, adds = false, bias = false, tf32 = false;
};
ConvolutionShape describe(const WantedConvolution& wanted);

/// A plan that does what is wanted, or a part of it. `adds` and `bias`: what it adds; the caller does the rest, writing
/// a bias to the result before and adding a result of its own after.
struct ConvolutionWay {
  std::unique_ptr<ConvolutionPlan> plan{};  ///< none: by columns
  bool adds = false, bias = false;
  std::string why{};  ///< there is none
};
using ConvolutionPlanner = std::function<std::unique_ptr<ConvolutionPlan>(const ConvolutionShape&, std::string& why)>;
ConvolutionWay way_of(ConvolutionShape wanted, const ConvolutionPlanner& plan);
/// So that tests can change what the library can do.
void forget_convolution_ways();

}  // namespace joist::cuda
