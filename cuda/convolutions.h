// What convolution.cpp asks of a library of convolutions: device/cudnn_convolution.cpp asks cuDNN, and
// emulator/convolutions.cpp records the same descriptions and carries them out on the CPU.
#pragma once

#include <joist/core/dtype.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace joist::cuda {

/// An array as it lies: [batch, channel, spatial...], strides in elements; weights [out, in / groups, kernel...].
struct PictureLayout {
  std::vector<std::int64_t> lengths{}, strides{};
  auto operator<=>(const PictureLayout&) const = default;
};

enum class ConvolutionResult : std::uint8_t { y, dx, dw };

/// What is written, and what it is computed from:
///   y = x ⋆ w (+ y, where it adds) (+ bias, an element for every channel of y)
///   dx = dy ⋆ flipped w (+ dx)        dw = x ⋆ dy (+ dw)
/// `x`, `w` and `y` are the layouts of those or of their gradients. All have one element type and addresses that are
/// multiples of convolution_alignment. Where x and w have lengths [.., channels, ..], groups = channels of x / of w.
struct ConvolutionShape {
  ConvolutionResult result = ConvolutionResult::y;
  Dtype dtype = Dtype::float32;
  PictureLayout x{}, w{}, y{};
  std::vector<std::int64_t> stride{}, padding{}, dilation{};  ///< one per spatial axis
  bool adds = false, bias = false;
  bool tf32 = false;  ///< float32 operands may be rounded
  auto operator<=>(const ConvolutionShape&) const = default;
};
constexpr std::int64_t convolution_alignment = 16;

/// Addresses on the GPU; that of the result is written.
struct ConvolutionData {
  void *x = nullptr, *w = nullptr, *y = nullptr;
  const void* bias = nullptr;
};

/// How the library computes convolutions of one shape: found once, used many times.
class ConvolutionPlan {
 public:
  ConvolutionPlan() = default;
  ConvolutionPlan(const ConvolutionPlan&) = delete;
  ConvolutionPlan& operator=(const ConvolutionPlan&) = delete;
  virtual ~ConvolutionPlan() = default;
  /// Bytes that run() needs.
  virtual std::size_t workspace() const = 0;
  /// What the library chose, for people.
  virtual std::string text() const = 0;
  /// Puts the convolution into a stream; `name` for messages.
  virtual void run(const char* name, const ConvolutionData& data, void* workspace, void* stream) const = 0;
};
/// The plan, or nullptr and why not: the library has no way to compute this. Throws EnvironmentError where the library
/// is missing or cannot be started.
std::unique_ptr<ConvolutionPlan> plan_convolution(const ConvolutionShape& shape, std::string& why);

}  // namespace joist::cuda
