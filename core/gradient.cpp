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

EnableGradient::EnableGradient() : before_(std::exchange(recording_off, false)) {}
EnableGradient::~EnableGradient() { recording_off = before_; }

void Listener::on_backward(const Node&, std::span<const Array>) {}
void Listener::on_backward_done(const Node&, std::span<const Array>) {}
Listener* listening() noexcept { return listener; }
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
    : operation_(std::move(operation)), edges_(inputs.size()) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) continue;
    connect(i, inputs[i].shared_state());
  }
  number_ = next_number();  // above that of a gate which connect() may have made
}

Node::Node(Operation operation, const std::shared_ptr<TensorState>& input)
    : operation_(std::move(operation)), number_(next_number()), edges_(1) {
  connect(0, input);
}

void Node::connect(std::size_t input, const std::shared_ptr<TensorState>& state) {
  Edge& edge = edges_[input];
  if (state->origin) {
    edge.producer = state->origin;
    edge.output = state->output;
  } else if (state->hooks && operation_.op != Op::hooks) {
    edge.producer = Hooks::gate_of(state);
  } else {
    edge.leaf = state;
  }
  edge.shape = state->value.shape();
  edge.order = state->value.order();
  edge.dtype = state->value.dtype();
  edge.device = state->value.device();
}

LateGradient::~LateGradient() = default;

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
  if (received.late) received = {received.late->compute(), true, nullptr};
  const bool first = !received.gradient.defined();
  if (first || !received.owned) {
    Array fresh = Array::empty(edge.shape, edge.dtype, edge.device, edge.order);
    // A second contribution to a gradient that is a view of another one: it needs memory of its own now.
    if (!first) kernels_of<ElementwiseKernels>(edge.device, edge.dtype).copy(received.gradient, {fresh, false});
    received = {std::move(fresh), true, nullptr};
  }
  return {received.gradient, !first};
}

void Node::give(int input, const Array& gradient) {
  Edge& edge = edges_[static_cast<std::size_t>(input)];
  if (!edge.exists()) return;
  if (edge.producer) {
    Received& received = edge.producer->received_[static_cast<std::size_t>(edge.output)];
    if (!received.gradient.defined() && !received.late) {
      received = {gradient, false, nullptr};
      return;
    }
  }
  kernels_of<ElementwiseKernels>(edge.device, edge.dtype).copy(gradient, slot(input));
}

bool Node::takes_late(int input) const noexcept {
  const Edge& edge = edges_[static_cast<std::size_t>(input)];
  if (!edge.producer || listener || !edge.producer->reads_late()) return false;  // a listener is shown every gradient
  const Received& received = edge.producer->received_[static_cast<std::size_t>(edge.output)];
  return !received.gradient.defined() && !received.late;
}

void Node::give_late(int input, std::shared_ptr<const LateGradient> gradient) {
  const Edge& edge = edges_[static_cast<std::size_t>(input)];
  edge.producer->received_[static_cast<std::size_t>(edge.output)].late = std::move(gradient);
}

Array Node::arrived(int input) const {
  const Edge& edge = edges_[static_cast<std::size_t>(input)];
  if (edge.leaf) return edge.leaf->has_gradient ? edge.leaf->gradient : Array();
  return edge.producer ? edge.producer->received_[static_cast<std::size_t>(edge.output)].gradient : Array();
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

// The run from some tensors: a heap of nodes that have received a gradient, highest number first.
class Backward {
 public:
  static void from(std::span<const Tensor> tensors, std::span<const Array> seeds) {
    Heap heap;
    for (const Tensor& tensor : tensors)
      if (tensor.state()->origin) require_fresh(*tensor.state()->origin);
    for (std::size_t i = 0; i < tensors.size(); ++i) seed(heap, tensors[i].shared_state(), seeds[i]);
    std::vector<Array> gradients;
    std::shared_ptr<const LateGradient> late;
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), later);
      const std::shared_ptr<Node> node = std::move(heap.back());
      heap.pop_back();
      if (node->finished_) continue;  // queued once per consumer
      for (const Node::Edge& edge : node->edges_)
        if (edge.producer) require_fresh(*edge.producer);
      gradients.clear();
      for (Node::Received& received : node->received_) {
        gradients.push_back(std::exchange(received.gradient, {}));
        late = std::exchange(received.late, {});  // there is one output where there is one
      }
      run_one(*node, gradients, late.get());
      late.reset();
      if (node->reusable_) continue;  // its only input is a leaf
      for (Node::Edge& edge : node->edges_)
        if (edge.producer) push(heap, std::move(edge.producer));
      node->edges_.clear();
    }
  }

 private:
  using Heap = std::vector<std::shared_ptr<Node>>;
  static bool later(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) { return a->number_ < b->number_; }
  static void push(Heap& heap, std::shared_ptr<Node> node) {
    heap.push_back(std::move(node));
    std::push_heap(heap.begin(), heap.end(), later);
  }

  // A seed arrives as from a consumer; the seeds of one tensor add up.
  static void seed(Heap& heap, const std::shared_ptr<TensorState>& state, const Array& gradient) {
    const std::shared_ptr<Node> gate = !state->origin && state->hooks ? Hooks::gate_of(state) : nullptr;
    const std::shared_ptr<Node> producer = state->origin ? state->origin : gate;
    if (!producer) {
      if (state->requires_grad) seed_leaf(*state, gradient);
      return;
    }
    Node::Received& received = producer->received_[static_cast<std::size_t>(gate ? 0 : state->output)];
    if (received.gradient.defined()) {
      const Array sum = Array::like(received.gradient);
      const auto& table = kernels_of<ElementwiseKernels>(sum);
      table.copy(received.gradient, {sum, false});
      table.copy(gradient, {sum, true});
      received = {sum, true, nullptr};
    } else {
      received = {gradient, false, nullptr};
    }
    push(heap, producer);
  }

  // A producer runs after all its consumers of this run, so one that is finished was run by an earlier backward.
  static void require_fresh(const Node& node) {
    if (node.finished_)
      throw InternalError({.where = std::string("backward through ") + name_of(node.operation_.op),
                           .what = "this graph has been run backwards already and its memory was freed",
                           .expected = "one backward() per graph",
                           .remedy = "compute the loss again, or add the losses and run backward once"});
  }

  static void seed_leaf(TensorState& state, const Array& seed) {
    if (!state.gradient.defined()) state.gradient = Array::like(state.value);
    kernels_of<ElementwiseKernels>(seed).copy(seed, {state.gradient, std::exchange(state.has_gradient, true)});
  }

  static void run_one(Node& node, std::span<const Array> gradients, const LateGradient* late) {
    if (late || std::any_of(gradients.begin(), gradients.end(), [](const Array& dy) { return dy.defined(); })) {
      struct Running {  // nested: a checkpoint's backward runs one of its own
        const Operation* before;
        explicit Running(const Operation& now) : before(std::exchange(running, &now)) {}
        ~Running() { running = before; }
      } const scope(node.operation_);
      if (listener) listener->on_backward(node, gradients);
      node.run(gradients, late);
      if (listener) listener->on_backward_done(node, gradients);
    }
    if (node.reusable_) return;
    node.finished_ = true;
    node.drop_saved();
  }
};

namespace {

Array checked_seed(const Tensor& tensor, const Array& seed) {
  if (!tensor.requires_grad())
    throw InternalError({.where = "backward",
                         .what = "nothing that made this tensor requires a gradient",
                         .expected = "an operation on a parameter or a tensor with requires_grad",
                         .remedy = "check for NoGradient, detach() or inputs without requires_grad"});
  const Array& value = tensor.value();
  if (!seed.defined()) {
    if (value.elements() != 1)
      throw ShapeError({.where = "backward",
                        .what = "shape " + value.shape().text() + " without a seed",
                        .expected = "one element",
                        .remedy = "sum(x).backward(), or pass d(loss)/d(x)"});
    const Array ones = Array::like(value);
    kernels_of<ElementwiseKernels>(ones).fill(1.0, ones);
    return ones;
  }
  if (seed.shape() != value.shape())
    throw ShapeError(
        {.where = "backward",
         .what = "a seed of shape " + seed.shape().text() + " for a tensor of shape " + value.shape().text(),
         .expected = value.shape().text(),
         .remedy = "pass d(loss)/d(x) with one number per element of x"});
  if (seed.dtype() != value.dtype() || seed.device() != value.device())
    throw DtypeError({.where = "backward",
                      .what = "a seed of " + std::string(name_of(seed.dtype())) + " on " + seed.device().text() +
                              " for a tensor of " + std::string(name_of(value.dtype())) + " on " +
                              value.device().text(),
                      .expected = std::string(name_of(value.dtype())) + " on " + value.device().text(),
                      .remedy = "convert the seed with to()"});
  return seed;
}

}  // namespace

void backward(std::span<const Tensor> tensors, std::span<const Array> seeds) {
  if (tensors.size() != seeds.size())
    throw ShapeError(
        {.where = "backward",
         .what = std::to_string(tensors.size()) + " tensors and " + std::to_string(seeds.size()) + " seeds",
         .expected = "one seed per tensor",
         .remedy = "pass an undefined Array where d(loss)/d(x) is 1"});
  const NoGradient off;
  std::vector<Array> starts;
  for (std::size_t i = 0; i < tensors.size(); ++i) starts.push_back(checked_seed(tensors[i], seeds[i]));
  Backward::from(tensors, starts);
}

void Tensor::backward(const Array& seed) const { joist::backward(std::span(this, 1), std::span(&seed, 1)); }

}  // namespace joist
