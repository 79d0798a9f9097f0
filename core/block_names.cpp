#include <joist/core/block_names.h>
#include <joist/core/segment_allocator.h>

#include <algorithm>
#include <mutex>

namespace joist {
namespace {

struct Named {
  std::string text{};
  std::size_t bytes = 0;
};
struct Table {
  std::mutex mutex{};
  std::unordered_map<const void*, Named> blocks{};
};
Table& table() {
  static auto* one = new Table;
  return *one;
}

void note(const std::string& name, const Array& array) {
  if (!array.defined() || array.elements() == 0) return;
  const std::lock_guard lock(table().mutex);
  const std::string text = name + " " + array.shape().text() + " " + std::string(name_of(array.dtype()));
  table().blocks[array.raw()] = {text, array.bytes()};
}

// Blocks are a little larger than what lies in them.
std::string describe(const void* block, std::size_t bytes) {
  const std::lock_guard lock(table().mutex);
  const auto found = table().blocks.find(block);
  if (found == table().blocks.end() || found->second.bytes > bytes || bytes - found->second.bytes > bytes / 8 + 256)
    return "";
  return found->second.text;
}

// Names of blocks that nobody else listens to.
thread_local const Listener* only_names = nullptr;

std::string at(const std::string& place, const Operation& operation) {
  return (place.empty() ? "" : place + ": ") + joist::describe(operation);
}

}  // namespace

BlockNames::BlockNames(const std::vector<Field>& fields)
    : names_(fields), before_(joist::listening()), listening_(*this) {
  SegmentAllocator::describe_blocks_with(describe);
  if (!before_) only_names = this;
}

BlockNames::~BlockNames() {
  if (only_names == this) only_names = nullptr;
  SegmentAllocator::describe_blocks_with(nullptr);
  const std::lock_guard lock(table().mutex);
  table().blocks.clear();
}

void BlockNames::add(const std::string& name, const Array& array) { note(name, array); }

void BlockNames::on_record(const Operation& operation, std::span<const Tensor> inputs,
                           std::span<const Tensor> outputs) {
  if (before_) before_->on_record(operation, inputs, outputs);
  const std::string name = at(names_.place(inputs, outputs), operation);
  for (const Tensor& output : outputs) {
    const bool view = std::any_of(inputs.begin(), inputs.end(), [&](const Tensor& input) {
      return input.defined() && input.value().shares_memory_with(output.value());
    });
    if (!view) note(name, output.value());
  }
}

void BlockNames::on_backward(const Node& node, std::span<const Array> output_gradients) {
  if (before_) before_->on_backward(node, output_gradients);
  const std::string name = "gradient behind " + at(names_.take_place(node), node.operation());
  for (const Array& gradient : output_gradients) note(name, gradient);
}

void BlockNames::on_backward_done(const Node& node, std::span<const Array> output_gradients) {
  if (before_) before_->on_backward_done(node, output_gradients);
}

bool hears_single_operations() noexcept { return listening() && listening() != only_names; }

}  // namespace joist
