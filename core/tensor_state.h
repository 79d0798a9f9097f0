// What a Tensor points to. Internal to the tape: users and ops go through Tensor and Node.
#pragma once

#include <joist/core/array.h>

#include <memory>

namespace joist {

class Node;

struct TensorState {
  Array value{};
  Array gradient{};                // leaves: the accumulated gradient's memory
  bool has_gradient = false;       // whether that memory holds a gradient
  bool requires_grad = false;      // leaves
  std::shared_ptr<Node> origin{};  // results of recorded operations
  int output = 0;                  // which output of the origin
};

}  // namespace joist
