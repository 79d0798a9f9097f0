#include <joist/core/kernels.h>
#include <joist/optim/optimizer.h>

namespace joist {

Optimizer::Optimizer(std::string kind, FlatParameters& parameters, GroupSettings defaults, bool clear_gradients)
    : kind_(std::move(kind)), parameters_(parameters), clear_gradients_(clear_gradients) {
  for (const FlatParameters::Group& group : parameters.groups()) {
    groups_.push_back(defaults);
    groups_.back().name = group.name;
    if (!group.decay) groups_.back().weight_decay = 0;
  }
}

Array Optimizer::add_buffer(const std::string& name) {
  buffers_.push_back({name, parameters_.zeros()});
  return buffers_.back().array;
}

void Optimizer::step() {
  parameters_.complete_gradients();
  ++steps_;
  for (std::size_t i = 0; i < groups_.size(); ++i) update(parameters_.groups()[i], groups_[i], steps_);
  parameters_.values_written();
  if (clear_gradients_) parameters_.clear_gradients();
}

OptimizerState Optimizer::state() const {
  OptimizerState state{.kind = kind_, .steps = steps_};
  for (const StateBuffer& buffer : buffers_)
    for (NamedState& part : parameters_.parts(buffer.array, buffer.name + ".")) state.arrays.push_back(std::move(part));
  return state;
}

void Optimizer::load(const OptimizerState& state) {
  if (state.kind != kind_)
    throw DataError({.where = "optimizer", .what = "the saved state is of \"" + state.kind + "\"", .expected = kind_});
  std::vector<Array> fresh;  // all or nothing: a missing array must not leave half a state
  for (const StateBuffer& buffer : buffers_) {
    fresh.push_back(parameters_.zeros());
    parameters_.assign_parts(fresh.back(), buffer.name + ".", state.arrays);
  }
  const auto& copy = kernels(parameters_.values()).elementwise.copy;
  for (std::size_t i = 0; i < buffers_.size(); ++i) copy(fresh[i], {buffers_[i].array, false});
  steps_ = state.steps;
}

}  // namespace joist
