#include <joist/core/kernels.h>
#include <joist/core/transfer.h>
#include <joist/optim/optimizer.h>

#include <algorithm>

namespace joist {

Optimizer::Optimizer(std::string kind, FlatParameters& parameters, bool clear_gradients)
    : kind_(std::move(kind)), parameters_(parameters), clear_gradients_(clear_gradients) {
  for (const FlatParameters::Group& group : parameters.groups()) groups_.push_back({.name = group.name});
}

Array Optimizer::add_buffer(const std::string& name) {
  slots_.push_back({name, parameters_.zeros(), true});
  return slots_.back().array;
}

double* Optimizer::add_numbers(const std::string& name) {
  const std::vector<double> numbers(groups_.size());
  slots_.push_back({name, Array::from(numbers, {static_cast<std::int64_t>(numbers.size())})});
  group_numbers_.push_back(slots_.back().array.data<double>());
  return group_numbers_.back();
}

Optimizer::HostState Optimizer::host_state() const {
  HostState state{.steps = steps_, .groups = groups_};
  for (const double* numbers : group_numbers_)
    state.numbers.insert(state.numbers.end(), numbers, numbers + groups_.size());
  return state;
}

void Optimizer::restore(const HostState& state) {
  steps_ = state.steps;
  groups_ = state.groups;
  auto next = state.numbers.begin();
  for (double* numbers : group_numbers_) {
    std::copy_n(next, groups_.size(), numbers);
    next += std::ssize(groups_);
  }
}

void Optimizer::fill(const Array& buffer, std::size_t group, double value) {
  for (const FlatParameters::Slice& slice : slices_of(parameters_, group))
    kernels(buffer).elementwise.fill(value, parameters_.part(buffer, slice));
}

Array Optimizer::add_array(const std::string& name, const FlatParameters::Slice& slice, const Shape& shape) {
  const Array& values = parameters_.values();
  slots_.push_back({name + "." + slice.name, Array::empty(shape, values.dtype(), values.device())});
  kernels(values).elementwise.fill(0, slots_.back().array);
  return slots_.back().array;
}

double Optimizer::evaluate(const Closure& closure) {
  parameters_.values_written();
  parameters_.clear_gradients();
  const double loss = closure();
  parameters_.complete_gradients();
  return loss;
}

double Optimizer::minimize(const Closure& closure) {
  const double loss = evaluate(closure);
  advance();
  return loss;
}

void Optimizer::finish() {
  parameters_.values_written();
  if (clear_gradients_) parameters_.clear_gradients();
}

void Optimizer::step() {
  if (needs_closure())
    throw UsageError({.where = kind_,
                      .what = "step() without a function that computes loss and gradients",
                      .remedy = "step([&] { loss = …; loss.backward(); return loss.item(); })"});
  parameters_.complete_gradients();
  ++steps_;
  advance();
  finish();
}

double Optimizer::step(const Closure& closure) {
  ++steps_;
  const double loss = minimize(closure);
  finish();
  return loss;
}

std::vector<NamedState> Optimizer::flat_buffers() const {
  std::vector<NamedState> buffers;
  for (const Slot& slot : slots_)
    if (slot.flat) buffers.push_back({slot.name, slot.array});
  return buffers;
}

OptimizerState Optimizer::state() const {
  OptimizerState state{.kind = kind_,
                       .steps = steps_,
                       .groups = const_cast<Optimizer*>(this)->groups(),  // NOLINT: read only
                       .options = options()};
  for (const Slot& slot : slots_) {
    if (!slot.flat) {
      state.arrays.push_back({slot.name, slot.array});
      continue;
    }
    for (NamedState& part : parameters_.parts(slot.array, slot.name + ".")) state.arrays.push_back(std::move(part));
  }
  for (NamedState& more : more_state()) state.arrays.push_back(std::move(more));
  return state;
}

void Optimizer::load(const OptimizerState& state) {
  if (state.kind != kind_)
    throw DataError({.where = "optimizer", .what = "the saved state is of \"" + state.kind + "\"", .expected = kind_});
  std::vector<GroupSettings>& settings = groups();
  if (!state.groups.empty() &&
      !std::equal(state.groups.begin(), state.groups.end(), settings.begin(), settings.end(),
                  [](const GroupSettings& a, const GroupSettings& b) { return a.name == b.name; }))
    throw DataError({.where = "optimizer",
                     .what = "the saved state has " + std::to_string(state.groups.size()) + " parameter groups",
                     .expected = std::to_string(settings.size()) + " groups of the same names"});
  std::vector<Array> fresh;  // all or nothing: a missing array must not leave half a state
  for (const Slot& slot : slots_) {
    if (slot.flat) {
      fresh.push_back(parameters_.zeros());
      parameters_.assign_parts(fresh.back(), slot.name + ".", state.arrays);
      continue;
    }
    const auto found = std::find_if(state.arrays.begin(), state.arrays.end(),
                                    [&](const NamedState& saved) { return saved.name == slot.name; });
    if (found == state.arrays.end() || found->array.shape() != slot.array.shape())
      throw DataError({.where = slot.name,
                       .what = found == state.arrays.end() ? "missing from the optimizer's state"
                                                           : "shape " + found->array.shape().text(),
                       .expected = slot.array.shape().text()});
    fresh.push_back(found->array);
  }
  load_more(state.arrays);
  for (std::size_t i = 0; i < slots_.size(); ++i)
    kernels(slots_[i].array).elementwise.copy(on_device(fresh[i], slots_[i].array.device()), {slots_[i].array, false});
  if (!state.groups.empty()) settings = state.groups;
  steps_ = state.steps;
}

std::span<const FlatParameters::Slice> slices_of(const FlatParameters& parameters, std::size_t group) {
  const std::vector<FlatParameters::Slice>& slices = parameters.slices();
  const auto at_or_after = [&](std::size_t index) {
    if (index >= parameters.groups().size()) return slices.end();
    const std::int64_t first = parameters.groups()[index].first;
    return std::find_if(slices.begin(), slices.end(), [&](const auto& slice) { return slice.first >= first; });
  };
  return {at_or_after(group), at_or_after(group + 1)};
}

}  // namespace joist
