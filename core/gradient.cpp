// Backward runs nodes in descending creation number with an explicit heap: no recursion, also not in destructors.
#include <joist/core/gradient.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/tensor_state.h>

#include <algorithm>
#include <atomic>

namespace joist {
namespace {

thread_local bool recording_off = false;
thread_local Listener* listener = nullptr;
thread_local const Operation* running = nullptr;  // whose backward runs now, for messages

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> numbers{0};
  return numbers.fetch_add(1, std::memory_order_relaxed);
}

// Nodes whose destruction was asked for while another node is being destroyed wait here, so that a chain of a million
// operations is taken apart in a loop.
thread_local std::vector<std::shared_ptr<Node>>* doomed = nullptr;

}  // namespace

NoGradient::NoGradient() : before_(std::exchange(recording_off, true)) {}
NoGradient::~NoGradient() { recording_off = before_; }
bool NoGradient::active() noexcept { return recording_off; }

Listening::Listening(Listener& heard) : before_(std::exchange(listener, &heard)) {}
Listening::~Listening() { listener = before_; }

const Array& Saved::get() const {
  if (array_.defined() && array_.version() != version_)
    throw InternalError(
        {.where = std::string("backward of ") + (running ? name_of(running->op) : "an operation"),
         .what = "a value of shape " + array_.shape().text() + " that forward kept was changed before backward",
         .expected = "version " + std::to_string(version_) + ", found " + std::to_string(array_.version()),
         .remedy = "run backward before the optimizer's step and before writing into tensors"});
  return array_;
}

Node::Node(Operation operation, std::span<const Tensor> inputs)
    : operation_(std::move(operation)), number_(next_number()), edges_(inputs.size()) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) continue;
    const TensorState& state = *inputs[i].state();
    Edge& edge = edges_[i];
    if (state.origin) {
      edge.producer = state.origin;
      edge.output = state.output;
    } else {
      edge.leaf = inputs[i].shared_state();
    }
    edge.shape = state.value.shape();
    edge.order = state.value.order();
    edge.dtype = state.value.dtype();
    edge.device = state.value.device();
  }
}

Node::~Node() {
  std::vector<std::shared_ptr<Node>> mine;
  const bool outermost = doomed == nullptr;
  if (outermost) doomed = &mine;
  for (Edge& edge : edges_)
    if (edge.producer) doomed->push_back(std::move(edge.producer));
  if (!outermost) return;
  while (!mine.empty()) {
    const std::shared_ptr<Node> next = std::move(mine.back());
    mine.pop_back();
  }
  doomed = nullptr;
}

Out Node::slot(int input) {
  Edge& edge = edges_[static_cast<std::size_t>(input)];
  if (!edge.exists()) return {};
  if (edge.leaf) {
    TensorState& leaf = *edge.leaf;
    if (!leaf.gradient.defined()) leaf.gradient = Array::empty(edge.shape, edge.dtype, edge.device, edge.order);
    return {leaf.gradient, std::exchange(leaf.has_gradient, true)};
  }
  Received& received = edge.producer->received_[static_cast<std::size_t>(edge.output)];
  const bool first = !received.gradient.defined();
  if (first || !received.owned) {
    Array fresh = Array::empty(edge.shape, edge.dtype, edge.device, edge.order);
    // A second contribution to a gradient that is a view of another one: it needs memory of its own now.
    if (!first) kernels_of<ElementwiseKernels>(edge.device, edge.dtype).copy(received.gradient, {fresh, false});
    received = {std::move(fresh), true};
  }
  return {received.gradient, !first};
}

void Node::give(int input, const Array& gradient) {
  Edge& edge = edges_[static_cast<std::size_t>(input)];
  if (!edge.exists()) return;
  if (edge.producer) {
    Received& received = edge.producer->received_[static_cast<std::size_t>(edge.output)];
    if (!received.gradient.defined()) {
      received = {gradient, false};
      return;
    }
  }
  kernels_of<ElementwiseKernels>(edge.device, edge.dtype).copy(gradient, slot(input));
}

bool Recorder::wanted(std::span<const Tensor> inputs) noexcept {
  return !recording_off &&
         std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) { return input.requires_grad(); });
}

void Recorder::attach(std::shared_ptr<Node> node, std::span<Tensor> outputs) {
  node->received_.resize(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    outputs[i].state_->origin = node;
    outputs[i].state_->output = static_cast<int>(i);
  }
}

void Recorder::tell(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) {
  if (listener) listener->on_record(operation, inputs, outputs);
}

// The run from one tensor: a heap of nodes that have received a gradient, highest number first.
class Backward {
 public:
  static void from(TensorState& state, const Array& seed) {
    if (!state.origin) {
      if (state.requires_grad) seed_leaf(state, seed);
      return;
    }
    require_fresh(*state.origin);
    Node& root = *state.origin;
    root.received_[static_cast<std::size_t>(state.output)] = {seed, false};
    std::vector<std::shared_ptr<Node>> heap{state.origin};
    const auto later = [](const auto& a, const auto& b) { return a->number_ < b->number_; };
    std::vector<Array> gradients;
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), later);
      const std::shared_ptr<Node> node = std::move(heap.back());
      heap.pop_back();
      if (node->finished_) continue;  // queued once per consumer
      for (const Node::Edge& edge : node->edges_)
        if (edge.producer) require_fresh(*edge.producer);
      gradients.clear();
      for (Node::Received& received : node->received_) gradients.push_back(std::exchange(received.gradient, {}));
      run_one(*node, gradients);
      for (Node::Edge& edge : node->edges_) {
        if (!edge.producer) continue;
        heap.push_back(std::move(edge.producer));
        std::push_heap(heap.begin(), heap.end(), later);
      }
      node->edges_.clear();
    }
  }

 private:
  // A producer runs after all its consumers of this run, so one that is finished was run by an earlier backward.
  static void require_fresh(const Node& node) {
    if (node.finished_)
      throw InternalError({.where = std::string("backward through ") + name_of(node.operation_.op),
                           .what = "this graph has been run backwards already and its memory was freed",
                           .remedy = "compute the loss again, or add the losses and run backward once"});
  }

  static void seed_leaf(TensorState& state, const Array& seed) {
    if (!state.gradient.defined()) state.gradient = Array::like(state.value);
    kernels_of<ElementwiseKernels>(seed).copy(seed, {state.gradient, std::exchange(state.has_gradient, true)});
  }

  static void run_one(Node& node, std::span<const Array> gradients) {
    running = &node.operation_;
    const bool any = std::any_of(gradients.begin(), gradients.end(), [](const Array& dy) { return dy.defined(); });
    try {
      if (any) node.run(gradients);
    } catch (...) {
      running = nullptr;
      throw;
    }
    running = nullptr;
    node.finished_ = true;
    node.drop_saved();
  }
};

void Tensor::backward(const Array& seed) const {
  if (!requires_grad())
    throw InternalError({.where = "backward",
                         .what = "nothing that made this tensor requires a gradient",
                         .remedy = "check for NoGradient, detach() or inputs without requires_grad"});
  const NoGradient off;
  Array start = seed;
  if (!start.defined()) {
    if (value().elements() != 1)
      throw ShapeError({.where = "backward",
                        .what = "shape " + shape().text() + " without a seed",
                        .expected = "one element",
                        .remedy = "sum(x).backward(), or pass d(loss)/d(x)"});
    start = Array::like(value());
    kernels_of<ElementwiseKernels>(start).fill(1.0, start);
  } else if (start.shape() != shape()) {
    throw ShapeError(
        {.where = "backward", .what = "seed of shape " + start.shape().text(), .expected = shape().text()});
  }
  Backward::from(*state_, start);
}

}  // namespace joist
