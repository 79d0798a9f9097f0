// What lies in blocks of memory, for the message when there is none left.
#pragma once

#include <joist/core/layer_names.h>

#include <string>
#include <vector>

namespace joist {

/// While it lives, notes which operation of its thread wrote each block; other listeners go on hearing. One at a time
/// in a process. Memory that nobody named since it was last given away keeps the name of before where it has the same
/// size, so that names tell where to look and prove nothing.
class BlockNames final : private Listener {
 public:
  explicit BlockNames(const std::vector<Field>& fields);
  ~BlockNames() override;
  BlockNames(const BlockNames&) = delete;
  BlockNames& operator=(const BlockNames&) = delete;

  /// Of memory that is there already: "all gradients".
  void add(const std::string& name, const Array& array);

 private:
  void on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override;
  void on_backward(const Node& node, std::span<const Array> output_gradients) override;
  void on_backward_done(const Node& node, std::span<const Array> output_gradients) override;

  LayerNames names_;
  Listener* before_;
  Listening listening_;
};

/// Whether a listener of this thread wants each operation by itself: any but names of blocks, which are as good for
/// operations that are computed in one.
bool hears_single_operations() noexcept;

}  // namespace joist
