// y = f(x), where f runs without recording. Backward runs f again with recording and goes backwards through it from dy.
//
// Every tensor with a gradient that an operation of f read, an argument or captured, is an input of the one operation
// that is recorded. In backward, inputs that are results of earlier operations become leaves for the time of the second
// run, with the memory of their gradient as the leaf's: contributions add up one by one in the order of a plain run.
#include <joist/core/checkpoint.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/mode.h>
#include <joist/core/tensor_state.h>

#include <algorithm>
#include <memory>

namespace joist {
namespace {

using Function = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

// Collects what the function reads; the listener in place goes on hearing.
class Reader final : public Listener {
 public:
  explicit Reader(std::vector<Tensor>& found) : found_(found) {}
  void on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override {
    for (const Tensor& input : inputs) {
      if (!input.requires_grad()) continue;
      const auto same = [&](const Tensor& x) { return x.state() == input.state(); };
      if (std::none_of(found_.begin(), found_.end(), same)) found_.push_back(input);
    }
    if (before_) before_->on_record(operation, inputs, outputs);
  }

 private:
  std::vector<Tensor>& found_;
  Listener* before_ = listening();
};

// A recorded tensor as a leaf whose gradient is written to `out`, while it lives.
class AsLeaf {
 public:
  AsLeaf(Tensor tensor, const Out& out) : tensor_(std::move(tensor)), before_(*tensor_.shared_state()), out_(out) {
    TensorState& state = *tensor_.shared_state();
    state.origin = nullptr;
    state.hooks = nullptr;
    state.requires_grad = true;
    state.gradient = out.array;
    state.has_gradient = out.accumulate;
  }
  ~AsLeaf() {
    TensorState& state = *tensor_.shared_state();
    if (!state.has_gradient) kernels_of<ElementwiseKernels>(out_.array).fill(0.0, out_.array);
    state = before_;
  }
  AsLeaf(const AsLeaf&) = delete;
  AsLeaf& operator=(const AsLeaf&) = delete;

 private:
  Tensor tensor_;
  TensorState before_;
  Out out_;
};

struct Part {
  Function function;
  std::vector<Tensor> arguments;
  std::vector<Tensor> read;   // the inputs of the recorded operation
  std::vector<Saved> values;  // theirs
  std::vector<Shape> shapes;  // of the results
  RunContext context;

  void backward(std::span<const Array> dys, Node& node) const {
    for (const Saved& value : values) static_cast<void>(value.get());
    std::vector<std::unique_ptr<AsLeaf>> leaves;
    for (std::size_t i = 0; i < read.size(); ++i) {
      const TensorState& state = *read[i].state();
      if (state.origin || state.hooks)
        leaves.push_back(std::make_unique<AsLeaf>(read[i], node.slot(static_cast<int>(i))));
    }
    std::vector<Tensor> results;
    {
      const EnableGradient on;
      const Recomputing again(context);
      results = function(arguments);
    }
    require_same(results);
    std::vector<Tensor> roots;
    std::vector<Array> seeds;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!dys[i].defined() || !results[i].requires_grad()) continue;
      roots.push_back(results[i]);
      seeds.push_back(dys[i]);
    }
    joist::backward(roots, seeds);
  }

  void require_same(std::span<const Tensor> results) const {
    const bool same = results.size() == shapes.size() &&
                      std::equal(results.begin(), results.end(), shapes.begin(),
                                 [](const Tensor& x, const Shape& shape) { return x.shape() == shape; });
    if (!same)
      throw InternalError({.where = "checkpoint",
                           .what = "the function gave results of other shapes in backward than in forward",
                           .expected = "the same computation each time",
                           .remedy = "keep what changes between calls out of the function, or pass it as an input"});
  }
};

}  // namespace

std::vector<Tensor> checkpoint_many(const Function& function, std::span<const Tensor> inputs) {
  if (NoGradient::active()) return function(inputs);
  Part part{.function = function,
            .arguments = {inputs.begin(), inputs.end()},
            .read = {},
            .values = {},
            .shapes = {},
            .context = run_context()};
  std::vector<Tensor> results;
  {
    const NoGradient off;
    Reader reader(part.read);
    const Listening listening(reader);
    results = function(inputs);
  }
  if (part.read.empty()) return results;
  std::vector<Array> outputs;
  for (const Tensor& result : results) {
    // What the function hands through, and what it made without an operation, has no place behind this operation.
    if (result.requires_grad())
      throw InternalError({.where = "checkpoint",
                           .what = "the function returned one of its inputs or captured tensors as it was",
                           .expected = "results of operations",
                           .remedy = "return it outside the checkpoint"});
    outputs.push_back(result.value());
    part.shapes.push_back(result.shape());
  }
  for (const Tensor& each : part.read) part.values.emplace_back(each);
  const std::vector<Tensor> read = part.read;
  return record({Op::checkpointed}, read, std::move(outputs),
                [part = std::move(part)](std::span<const Array> dys, Node& node) { part.backward(dys, node); });
}

Tensor checkpoint(const std::function<Tensor(std::span<const Tensor>)>& function, std::span<const Tensor> inputs) {
  return checkpoint_many([function](std::span<const Tensor> x) { return std::vector{function(x)}; }, inputs)[0];
}

}  // namespace joist
