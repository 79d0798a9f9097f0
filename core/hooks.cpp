// A hook is an operation y = x whose backward is the user's function: dx = hook(dy). A recorded tensor gets one between
// its origin and whatever is recorded on it later. A leaf gets one when something is recorded on it, shared by all
// uses, so that the hook sees the sum of their gradients; it runs in each backward that reaches it.
#include <joist/core/hooks.h>
#include <joist/core/tensor_state.h>

#include <algorithm>

namespace joist {

class HookNode final : public Node {
 public:
  HookNode(const std::shared_ptr<TensorState>& input, std::shared_ptr<HookList> list, bool reusable)
      : Node({Op::hooks}, input), list_(std::move(list)) {
    received_.resize(1);
    reusable_ = reusable;
  }

 private:
  void run(std::span<const Array> dys, const LateGradient*) override {
    Array gradient = dys[0];
    const auto hooks = list_->hooks;  // a hook may remove itself
    for (const auto& [handle, hook] : hooks) {
      const Array replaced = hook(gradient);
      if (!replaced.defined()) continue;
      if (replaced.shape() != gradient.shape() || replaced.dtype() != gradient.dtype() ||
          replaced.device() != gradient.device())
        throw ShapeError({.where = "gradient hook",
                          .what = "a hook turned a gradient of " + gradient.shape().text() + " " +
                                  std::string(name_of(gradient.dtype())) + " into " + replaced.shape().text() + " " +
                                  std::string(name_of(replaced.dtype())),
                          .expected = "the same shape, element type and device",
                          .remedy = "return an undefined Array to leave the gradient as it is"});
      gradient = replaced;
    }
    give(0, gradient);
  }
  void drop_saved() noexcept override { list_.reset(); }

  std::shared_ptr<HookList> list_;
};

std::shared_ptr<Node> Hooks::gate_of(const std::shared_ptr<TensorState>& leaf) {
  std::shared_ptr<Node> gate = leaf->gate.lock();
  if (!gate) leaf->gate = gate = std::make_shared<HookNode>(leaf, leaf->hooks, true);
  return gate;
}

void Hooks::interpose(const std::shared_ptr<TensorState>& state) {
  state->origin = std::make_shared<HookNode>(state, state->hooks, false);
  state->output = 0;
}

int register_hook(const Tensor& x, GradientHook hook) {
  if (!x.requires_grad())
    throw InternalError({.where = "register_hook",
                         .what = "a tensor that requires no gradient",
                         .expected = "a leaf with requires_grad, or the result of a recorded operation",
                         .remedy = "set_requires_grad(true), or check for NoGradient and detach()"});
  const std::shared_ptr<TensorState>& state = x.shared_state();
  if (!state->hooks) {
    state->hooks = std::make_shared<HookList>();
    if (state->origin) Hooks::interpose(state);
  }
  const int handle = state->hooks->next++;
  state->hooks->hooks.emplace_back(handle, std::move(hook));
  return handle;
}

void remove_hook(const Tensor& x, int handle) {
  const bool any = x.defined() && x.state()->hooks;
  if (!any ||
      std::erase_if(x.shared_state()->hooks->hooks, [&](const auto& each) { return each.first == handle; }) == 0)
    throw UsageError({.where = "remove_hook",
                      .what = "hook " + std::to_string(handle) + " is not registered",
                      .expected = "a number that register_hook returned for this tensor"});
}

Tensor alias(const Tensor& x) {
  return record({Op::view}, {x}, x.value(), [](const Array& dy, Node& node) { node.give(0, dy); });
}

}  // namespace joist
