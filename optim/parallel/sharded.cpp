#include <joist/core/kernels.h>
#include <joist/optim/parallel/sharded.h>

#include <algorithm>
#include <utility>

namespace joist::parallel {
namespace {

std::unique_ptr<FlatParameters> part_of(const FlatParameters& whole, const Communicator& world) {
  const std::vector<std::int64_t> bounds = shard_bounds(whole.values().elements(), world.size());
  const auto rank = static_cast<std::size_t>(world.rank());
  return std::make_unique<FlatParameters>(whole, bounds[rank], bounds[rank + 1]);
}

std::unique_ptr<Optimizer> elementwise(std::unique_ptr<Optimizer> optimizer) {
  if (!optimizer->is_elementwise())
    throw UsageError({.where = "sharded optimizer state",
                      .what = "the optimizer " + optimizer->kind() + " looks at whole parameters",
                      .expected = "one that updates every number by its own gradient, such as sgd or adamw",
                      .remedy = "do without sharding"});
  return optimizer;
}

}  // namespace

ShardedOptimizer::ShardedOptimizer(Communicator& world, FlatParameters& parameters, const Make& make)
    : ShardedOptimizer(world, parameters, part_of(parameters, world), make) {}

ShardedOptimizer::ShardedOptimizer(Communicator& world, FlatParameters& parameters,
                                   std::unique_ptr<FlatParameters> part, const Make& make)
    : ShardedOptimizer(world, parameters, std::move(part), elementwise(make(*part))) {}

ShardedOptimizer::ShardedOptimizer(Communicator& world, FlatParameters& parameters,
                                   std::unique_ptr<FlatParameters>&& part, std::unique_ptr<Optimizer> inner)
    : Optimizer(inner->kind(), parameters, inner->clears_gradients()),
      world_(world),
      bounds_(shard_bounds(parameters.values().elements(), world.size())),
      part_(std::move(part)),
      inner_(std::move(inner)) {}

void ShardedOptimizer::advance() {
  if (inner_->steps() != steps() - 1) {  // after load(), which knows of this optimizer's steps only
    OptimizerState state = inner_->state();
    state.steps = steps() - 1;
    inner_->load(state);
  }
  part_->gradients_written();
  inner_->step();
  if (world_.size() > 1) world_.all_gather("weights", parameters().values(), bounds_).wait();
}

std::vector<NamedState> ShardedOptimizer::more_state() const {
  std::vector<NamedState> arrays;
  const std::vector<NamedState> buffers = inner_->flat_buffers();
  const auto rank = static_cast<std::size_t>(world_.rank());
  for (const NamedState& buffer : buffers) {
    const Array whole = parameters().zeros();
    if (bounds_[rank] < bounds_[rank + 1])
      kernels(whole).elementwise.copy(buffer.array, {whole.sliced(0, bounds_[rank], bounds_[rank + 1]), false});
    if (world_.size() > 1)
      const_cast<Communicator&>(world_).all_gather("optimizer: " + buffer.name, whole, bounds_).wait();
    for (NamedState& part : parameters().parts(whole, buffer.name + ".")) arrays.push_back(std::move(part));
  }
  for (const NamedState& state : inner_->state().arrays) {  // numbers of the groups, the same on all ranks
    const bool is_part = std::any_of(buffers.begin(), buffers.end(), [&](const NamedState& buffer) {
      return state.name.starts_with(buffer.name + ".");
    });
    if (!is_part) arrays.push_back(state);
  }
  return arrays;
}

void ShardedOptimizer::load_more(std::span<const NamedState> arrays) {
  OptimizerState state{.kind = inner_->kind(), .steps = inner_->steps()};
  const std::vector<NamedState> buffers = inner_->flat_buffers();
  const auto rank = static_cast<std::size_t>(world_.rank());
  for (const NamedState& buffer : buffers) {
    const Array whole = parameters().zeros();
    parameters().assign_parts(whole, buffer.name + ".", arrays);
    const Array mine = whole.sliced(0, bounds_[rank], bounds_[rank + 1]);
    for (NamedState& part : part_->parts(mine, buffer.name + ".")) state.arrays.push_back(std::move(part));
  }
  for (const NamedState& array : arrays) state.arrays.push_back(array);
  inner_->load(state);
}

}  // namespace joist::parallel
