// Optimizers that treat every number on its own: one fused pass over each group.
#pragma once

#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/optim/groupwise.h>

#include <array>

namespace joist {

/// A buffer that a rule remembers, and what is in it at first.
struct StepBuffer {
  const char* name;
  double initial = 0;
};
/// A number per group that is remembered between steps.
using StepNumber = StepBuffer;

/// Beside what Groupwise asks for, Options has
///   std::vector<StepBuffer> buffers() const;    in the order of the rule
///   std::vector<StepNumber> numbers() const;    (where it has some)
///   OptimizerStep step(std::int64_t t, double* numbers) const;   the coefficients of step t, counted from 1
template <class Options>
class Elementwise : public Groupwise<Options> {
 public:
  explicit Elementwise(FlatParameters& parameters, const Options& options = {}, GroupOptions<Options> own = {})
      : Groupwise<Options>(parameters, options, std::move(own)) {
    if constexpr (requires { options.numbers(); })
      for (const StepNumber& wanted : options.numbers()) numbers_.push_back(this->add_numbers(wanted.name));
    for (std::size_t group = 0; group < this->own_groups().size(); ++group) {
      const Options one = this->options_of(group);
      for (const StepBuffer& wanted : one.buffers()) {
        if (!buffers_.contains(wanted.name)) buffers_[wanted.name] = this->add_buffer(wanted.name);
        this->fill(buffers_[wanted.name], group, wanted.initial);
      }
      if constexpr (requires { one.numbers(); })
        for (std::size_t i = 0; i < numbers_.size(); ++i) numbers_[i][group] = one.numbers()[i].initial;
    }
  }

  bool is_elementwise() const noexcept override { return true; }
  bool joins_late() const noexcept override { return true; }
  bool is_recordable() const noexcept override { return true; }

 protected:
  void update(std::size_t index, const Options& options) override {
    const FlatParameters::Group& group = this->parameters().groups()[index];
    std::array<double, 4> numbers{};
    for (std::size_t i = 0; i < numbers_.size(); ++i) numbers[i] = numbers_[i][index];
    // Counted from where the group began. With the steps of all, the moments of a group that joins late, which are zero
    // then, would count as warm ones, and Adam's first step would be (1 - beta1) / sqrt(1 - beta2) = 3 times too long.
    const OptimizerStep step = options.step(this->steps() - this->own_groups()[index].since, numbers.data());
    for (std::size_t i = 0; i < numbers_.size(); ++i) numbers_[i][index] = numbers[i];
    StepMemory memory;
    std::size_t next = 0;
    for (const StepBuffer& wanted : options.buffers()) {
      const auto found = buffers_.find(wanted.name);
      if (found == buffers_.end())
        throw UsageError({.where = Options::kind,
                          .what = "no memory for \"" + std::string(wanted.name) + "\"",
                          .remedy = "make the optimizer with the momentum that a schedule gives it later"});
      memory[next++] = of_group(found->second, group);
    }
    kernels(group.values).optimizer.step(step, group.values, group.gradients, memory);
  }

  std::map<std::string, Array> buffers_{};
  std::vector<double*> numbers_{};
};

}  // namespace joist
