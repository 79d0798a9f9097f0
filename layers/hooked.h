// A layer with hooks: functions that see and may replace what goes in, what comes out and the gradients of both.
//
// Layers are plain structs, whose calls nobody can intercept; so the one to be watched is wrapped where it is declared.
// Its names in the state dict stay as they were:
//
//   struct Net { Hooked<Conv2d> conv1{Conv2d({.in = 3, .out = 8})}; … };
//   net.conv1.on_forward([](const Tensor&, const Tensor& y) { print(y.shape()); return y; });
#pragma once

#include <joist/core/fields.h>
#include <joist/core/hooks.h>

#include <functional>
#include <map>
#include <memory>
#include <utility>

namespace joist {

template <class Layer>
class Hooked {
 public:
  /// Input -> what the layer gets instead.
  using Before = std::function<Tensor(const Tensor& x)>;
  /// Input and output -> what comes out instead.
  using Forward = std::function<Tensor(const Tensor& x, const Tensor& y)>;

  explicit Hooked(Layer layer) : layer_(std::move(layer)) {}

  Tensor operator()(const Tensor& given) const {
    Tensor x = given;
    for (const auto& [handle, hook] : hooks_->before) x = hook(x);
    // A tensor of its own, so that the gradient is that of this use alone.
    if (!hooks_->input_gradient.empty()) x = with_hooks(x, hooks_->input_gradient);
    Tensor y = layer_(x);
    for (const auto& [handle, hook] : hooks_->forward) y = hook(x, y);
    if (!hooks_->output_gradient.empty()) y = with_hooks(y, hooks_->output_gradient);
    return y;
  }

  /// Each returns a number for remove(). Hooks of one kind run in the order of their registration. Copies of the layer
  /// share them; those of gradients hold for calls after their registration.
  int on_before(Before hook) { return add(hooks_->before, std::move(hook)); }
  int on_forward(Forward hook) { return add(hooks_->forward, std::move(hook)); }
  /// Sees d(loss)/d(output), d(loss)/d(input); see GradientHook.
  int on_output_gradient(GradientHook hook) { return add(hooks_->output_gradient, std::move(hook)); }
  int on_input_gradient(GradientHook hook) { return add(hooks_->input_gradient, std::move(hook)); }
  /// Throws UsageError for a number that no hook of this layer has.
  void remove(int handle) {
    if (hooks_->before.erase(handle) + hooks_->forward.erase(handle) + hooks_->output_gradient.erase(handle) +
            hooks_->input_gradient.erase(handle) ==
        0)
      throw UsageError({.where = "Hooked::remove",
                        .what = "hook " + std::to_string(handle) + " is not registered",
                        .expected = "a number that on_before, on_forward, on_output_gradient or on_input_gradient "
                                    "returned and that was not removed",
                        .remedy = "keep the number that registered the hook"});
  }

  // The layer itself; visit_fields() looks through as through a pointer.
  Layer& operator*() noexcept { return layer_; }
  const Layer& operator*() const noexcept { return layer_; }
  Layer* operator->() noexcept { return &layer_; }
  const Layer* operator->() const noexcept { return &layer_; }
  explicit operator bool() const noexcept { return true; }

 private:
  struct Hooks {
    std::map<int, Before> before{};
    std::map<int, Forward> forward{};
    std::map<int, GradientHook> output_gradient{}, input_gradient{};
    int next = 0;
  };
  template <class Map, class Hook>
  int add(Map& map, Hook hook) {
    map.emplace(hooks_->next, std::move(hook));
    return hooks_->next++;
  }
  static Tensor with_hooks(const Tensor& x, const std::map<int, GradientHook>& hooks) {
    if (NoGradient::active() || !x.requires_grad()) return x;
    const Tensor own = alias(x);
    for (const auto& [handle, hook] : hooks) register_hook(own, hook);
    return own;
  }

  Layer layer_;
  std::shared_ptr<Hooks> hooks_ = std::make_shared<Hooks>();
};

template <class Layer>
inline constexpr bool detail::is_holder<Hooked<Layer>> = true;

}  // namespace joist
