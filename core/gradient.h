// The tape: how an operation records its backward, who listens, and how backward runs.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/core/operation.h>
#include <joist/core/tensor.h>

#include <initializer_list>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace joist {

/// While it lives, operations of this thread record nothing.
class NoGradient {
 public:
  NoGradient();
  ~NoGradient();
  NoGradient(const NoGradient&) = delete;
  NoGradient& operator=(const NoGradient&) = delete;
  static bool active() noexcept;

 private:
  bool before_;
};

/// While it lives, operations of this thread record again, within NoGradient too.
class EnableGradient {
 public:
  EnableGradient();
  ~EnableGradient();
  EnableGradient(const EnableGradient&) = delete;
  EnableGradient& operator=(const EnableGradient&) = delete;

 private:
  bool before_;
};

/// An array kept for backward, with its version: a value changed in between is an error, not a wrong number.
class Saved {
 public:
  Saved() = default;
  explicit Saved(const Array& array) : array_(array), version_(array.version()) {}
  explicit Saved(const Tensor& tensor) : Saved(tensor.value()) {}
  /// Throws InternalError when the array was written since.
  const Array& get() const;
  operator const Array&() const { return get(); }
  /// Kept only when `tensor`'s gradient will be wanted; else undefined.
  Saved when(const Tensor& tensor) && {
    return tensor.defined() && tensor.requires_grad() ? std::move(*this) : Saved();
  }

 private:
  Array array_{};
  std::uint64_t version_ = 0;
};
inline Saved saved(const Tensor& tensor) { return Saved(tensor); }
inline Saved saved(const Array& array) { return Saved(array); }

/// A gradient that is not computed yet: an operation that reads it block by block saves its being written and read.
class LateGradient {
 public:
  virtual ~LateGradient();
  /// All of it, in an array of its own.
  virtual Array compute() const = 0;

 protected:
  LateGradient() = default;
  LateGradient(const LateGradient&) = default;
  LateGradient& operator=(const LateGradient&) = default;
};

/// One recorded operation. Backward functions see this interface.
class Node {
 public:
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Whether the gradient of input i is wanted.
  bool wants(int input) const noexcept { return edges_[static_cast<std::size_t>(input)].exists(); }
  /// Where to write the gradient of input i. An undefined array when it is not wanted. Call once per input and run.
  Out slot(int input);
  /// Hands over a finished gradient of input i (may be a view of dy, which stays unchanged): no copy where none is
  /// needed.
  void give(int input, const Array& gradient);
  /// Whether the operation that made input i reads a late gradient, and nothing arrived there before.
  bool takes_late(int input) const noexcept;
  /// Hands one over, after takes_late(). Should more arrive, it is computed then.
  void give_late(int input, std::shared_ptr<const LateGradient> gradient);
  const Operation& operation() const noexcept { return operation_; }
  int inputs() const noexcept { return static_cast<int>(edges_.size()); }
  /// What has arrived so far at the gradient of input i, from all its uses. Undefined when it is not wanted or nothing
  /// arrived. For listeners.
  Array arrived(int input) const;

 protected:
  Node(Operation operation, std::span<const Tensor> inputs);

 private:
  friend class Recorder;
  friend class Backward;
  friend class Hooks;

  /// Shape, dtype, device and order of an input, without holding its memory.
  struct Edge {
    std::shared_ptr<Node> producer{};     // of a recorded input
    std::shared_ptr<TensorState> leaf{};  // of a leaf that wants its gradient
    int output = 0;
    Shape shape{};
    Order order = Order::row_major;
    Dtype dtype = Dtype::float32;
    Device device{};
    bool exists() const noexcept { return producer || leaf; }
  };
  struct Received {
    Array gradient{};
    bool owned = false;                          // else a view of somebody else's gradient: never written to
    std::shared_ptr<const LateGradient> late{};  // instead of `gradient`
  };

  friend class HookNode;

  /// Of another tensor's state: what Hooks needs, which have no Tensor at hand.
  Node(Operation operation, const std::shared_ptr<TensorState>& input);
  void connect(std::size_t input, const std::shared_ptr<TensorState>& state);
  /// `late`: the gradient of the only output, which is undefined then; nullptr: there is none.
  virtual void run(std::span<const Array> output_gradients, const LateGradient* late) = 0;
  virtual bool reads_late() const noexcept { return false; }
  virtual void drop_saved() noexcept = 0;

  Operation operation_;
  std::uint64_t number_ = 0;
  std::vector<Edge> edges_;
  std::vector<Received> received_;  // per output
  bool finished_ = false;
  bool reusable_ = false;  // the hooks of a leaf: runs once in each backward that reaches it
};

/// Runs backward from several tensors at once; seeds[i] is d(loss)/d(tensors[i]), undefined: ones for one element.
void backward(std::span<const Tensor> tensors, std::span<const Array> seeds);

/// Makes Tensors with an origin.
class Recorder {
 public:
  template <class Backward>
  static Tensor one(Operation operation, std::span<const Tensor> inputs, Array output, Backward&& backward) {
    Tensor result(std::move(output));
    if (wanted(inputs)) {
      using Node1 = NodeOf<std::decay_t<Backward>, false>;
      attach(std::make_shared<Node1>(operation, inputs, std::forward<Backward>(backward)), std::span(&result, 1));
    }
    tell(operation, inputs, std::span(&result, 1));
    return result;
  }
  template <class Backward>
  static std::vector<Tensor> many(Operation operation, std::span<const Tensor> inputs, std::vector<Array> outputs,
                                  Backward&& backward) {
    std::vector<Tensor> results;
    for (Array& output : outputs) results.emplace_back(std::move(output));
    if (wanted(inputs)) {
      using NodeN = NodeOf<std::decay_t<Backward>, true>;
      attach(std::make_shared<NodeN>(operation, inputs, std::forward<Backward>(backward)), results);
    }
    tell(operation, inputs, results);
    return results;
  }

 private:
  template <class Function, bool several>
  class NodeOf final : public Node {
   public:
    NodeOf(const Operation& operation, std::span<const Tensor> inputs, Function function)
        : Node(operation, inputs), function_(std::move(function)) {}

   private:
    static constexpr bool late_too = std::is_invocable_v<Function&, const Array&, const LateGradient*, Node&>;
    void run(std::span<const Array> dys, const LateGradient* late) override {
      if constexpr (several) {
        (*function_)(dys, *this);
      } else if constexpr (late_too) {
        (*function_)(dys[0], late, *this);
      } else {
        (*function_)(dys[0], *this);
      }
    }
    bool reads_late() const noexcept override { return late_too; }
    void drop_saved() noexcept override { function_.reset(); }
    std::optional<Function> function_;
  };

  static bool wanted(std::span<const Tensor> inputs) noexcept;
  static void attach(std::shared_ptr<Node> node, std::span<Tensor> outputs);
  static void tell(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs);
};

/// Records an operation with one output. backward(const Array& dy, Node& node) writes node.slot(i) for each wanted
/// input i. One that takes (const Array& dy, const LateGradient* late, Node& node) gets `late` instead of dy where that
/// is not nullptr.
template <class Backward>
Tensor record(Operation operation, std::initializer_list<Tensor> inputs, Array output, Backward&& backward) {
  return Recorder::one(std::move(operation), std::span(inputs.begin(), inputs.size()), std::move(output),
                       std::forward<Backward>(backward));
}
template <class Backward>
Tensor record(Operation operation, std::span<const Tensor> inputs, Array output, Backward&& backward) {
  return Recorder::one(std::move(operation), inputs, std::move(output), std::forward<Backward>(backward));
}
/// With several outputs: backward(std::span<const Array> dys, Node&); an undefined dy means that nothing used that
/// output.
template <class Backward>
std::vector<Tensor> record(Operation operation, std::span<const Tensor> inputs, std::vector<Array> outputs,
                           Backward&& backward) {
  return Recorder::many(std::move(operation), inputs, std::move(outputs), std::forward<Backward>(backward));
}

/// Hears every operation of its thread: ONNX export, FLOP and memory counts, profiler, anomaly mode, calibration.
class Listener {
 public:
  virtual ~Listener() = default;
  /// After the forward of an operation, recorded or not.
  virtual void on_record(const Operation& operation, std::span<const Tensor> inputs,
                         std::span<const Tensor> outputs) = 0;
  /// Before and after the backward of one; an undefined gradient means that nothing used that output.
  virtual void on_backward(const Node& node, std::span<const Array> output_gradients);
  virtual void on_backward_done(const Node& node, std::span<const Array> output_gradients);
};

/// The listener of this thread, or nullptr.
Listener* listening() noexcept;

/// Installs a listener for this thread while it lives; the previous one is silent meanwhile.
class Listening {
 public:
  explicit Listening(Listener& listener);
  ~Listening();
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  Listener* before_;
};

}  // namespace joist
