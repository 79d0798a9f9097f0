// What a Tensor points to. Internal to the tape: users and ops go through Tensor and Node.
#pragma once

#include <joist/core/array.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace joist {

class Node;

/// Functions that a tensor's gradient passes through, with the numbers that remove them.
struct HookList {
  std::vector<std::pair<int, std::function<Array(const Array&)>>> hooks{};
  int next = 0;
};

struct TensorState {
  Array value{};
  Array gradient{};                // leaves: the accumulated gradient's memory
  bool has_gradient = false;       // whether that memory holds a gradient
  bool requires_grad = false;      // leaves
  std::shared_ptr<Node> origin{};  // results of recorded operations
  int output = 0;                  // which output of the origin
  std::shared_ptr<HookList> hooks{};
  std::weak_ptr<Node> gate{};  // leaves with hooks: the node that runs them, shared by all uses recorded so far
};

/// The nodes that run hooks (core/hooks.cpp).
class Hooks {
 public:
  /// The node between a leaf with hooks and what is recorded on it.
  static std::shared_ptr<Node> gate_of(const std::shared_ptr<TensorState>& leaf);
  /// Puts a node between a recorded tensor and what will be recorded on it.
  static void interpose(const std::shared_ptr<TensorState>& state);
};

}  // namespace joist
