// ZeRO-1 (Rajbhandari et al. 2020): each rank keeps the optimizer's memory of its part of the parameters only.
#pragma once

#include <joist/core/parallel/communicator.h>
#include <joist/optim/optimizer.h>
#include <joist/optim/parallel/buckets.h>

#include <functional>
#include <memory>

namespace joist::parallel {

/// Each rank updates its shard_bounds() of the flat buffer and sends the new weights to the others. Its gradients have
/// to be there: those of DataParallel with `shard`, or all of them. State, options and settings are those of the
/// optimizer inside, under the same names as without ranks: what is saved by N ranks loads on any number, also without
/// sharding.
///
/// state(), load() and step() are collective: every rank calls them.
class ShardedOptimizer final : public Optimizer {
 public:
  using Make = std::function<std::unique_ptr<Optimizer>(FlatParameters& part)>;
  /// Throws UsageError where the optimizer is not elementwise: it needs whole parameters at once.
  ShardedOptimizer(Communicator& world, FlatParameters& parameters, const Make& make);

  std::vector<GroupSettings>& groups() noexcept override { return inner_->groups(); }
  std::vector<OptimizerOption> options() const override { return inner_->options(); }
  bool is_elementwise() const noexcept override { return true; }
  bool joins_late() const noexcept override { return inner_->joins_late(); }
  /// That of this rank's part.
  const Optimizer& inner() const noexcept { return *inner_; }

 private:
  ShardedOptimizer(Communicator& world, FlatParameters& parameters, std::unique_ptr<FlatParameters> part,
                   const Make& make);
  ShardedOptimizer(Communicator& world, FlatParameters& parameters, std::unique_ptr<FlatParameters>&& part,
                   std::unique_ptr<Optimizer> inner);
  void advance() override;
  std::vector<NamedState> more_state() const override;
  void load_more(std::span<const NamedState> arrays) override;

  Communicator& world_;
  std::vector<std::int64_t> bounds_;
  std::unique_ptr<FlatParameters> part_;  // before the optimizer, which refers to it
  std::unique_ptr<Optimizer> inner_;
};

}  // namespace joist::parallel
