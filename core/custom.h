// An operation made from a user's two functions (torch.autograd.Function).
//
//   Tensor straight_through_round(const Tensor& x) {
//     return custom("straight_through_round", {x},
//                   [](CustomContext&, auto x) { return round(x[0]); },
//                   [](const CustomContext&, auto dy) { return std::vector{dy[0]}; });
//   }
#pragma once

#include <joist/core/gradient.h>

#include <array>
#include <functional>
#include <string_view>

namespace joist {

/// What Op::custom carries: the name, cut to 63 bytes.
struct CustomAttribute {
  std::array<char, 64> name{};
};

/// What forward leaves for backward.
class CustomContext {
 public:
  /// Keeps tensors; backward throws InternalError when one was changed in between.
  void save(std::span<const Tensor> tensors);
  void save(std::initializer_list<Tensor> tensors) { save(std::span(tensors.begin(), tensors.size())); }
  /// The tensor saved at a position, detached. Throws UsageError for a position that nothing was saved at.
  Tensor saved(std::size_t position) const;
  /// In backward: whether the gradient of input i is wanted; others may be left undefined.
  bool wants(int input) const noexcept { return wanted_ >> input & 1; }

 private:
  friend class CustomOperation;
  std::vector<Saved> saved_{};
  std::uint64_t wanted_ = ~std::uint64_t{0};
};

/// Runs inside NoGradient: its operations are not recorded.
using CustomForward = std::function<std::vector<Tensor>(CustomContext&, std::span<const Tensor> inputs)>;
/// d(loss)/d(output) of each output (zeros where nothing used it) -> d(loss)/d(input) of each input, of its shape and
/// element type; undefined: none. Runs inside NoGradient.
using CustomBackward = std::function<std::vector<Tensor>(const CustomContext&, std::span<const Tensor> dys)>;

/// One operation of up to 64 inputs. Listeners (profiler, anomaly mode) see it under its name. backward throws
/// ShapeError or DtypeError when its results do not fit the inputs.
std::vector<Tensor> custom_many(std::string_view name, std::span<const Tensor> inputs, const CustomForward& forward,
                                CustomBackward backward);
/// With one output.
Tensor custom(std::string_view name, std::initializer_list<Tensor> inputs,
              const std::function<Tensor(CustomContext&, std::span<const Tensor> inputs)>& forward,
              CustomBackward backward);

}  // namespace joist
