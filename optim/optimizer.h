// What all optimizers share: settings per group that a schedule may change before each step, and a state that is saved.
#pragma once

#include <joist/optim/flat.h>
#include <joist/optim/options.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// The settings of one parameter group.
struct GroupSettings {
  std::string name{};
  double lr = 0;
  double momentum = 0;  ///< SGD's momentum, Adam's beta1
  double weight_decay = 0;
  /// The optimizer's steps that this group did not take part in: it learns from the next one on, as a new optimizer
  /// would at its first. `never`: not yet. Only where joins_late().
  std::int64_t since = 0;
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  bool operator==(const GroupSettings&) const = default;
};

/// Everything that must come back for training to go on bit by bit.
struct OptimizerState {
  std::string kind{};      ///< "sgd", "adam", "adamw", …
  std::int64_t steps = 0;  ///< steps taken
  std::vector<NamedState> arrays{};
  std::vector<GroupSettings> groups{};
  std::vector<OptimizerOption> options{};  ///< those it was made with
};

/// Computes the loss at the present parameters and its gradients: forward and backward. The gradients are clear when it
/// is called.
using Closure = std::function<double()>;

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates every parameter by its gradient (zero where backward wrote none). Afterwards the gradients are cleared
  /// unless the options say that they are kept. Throws UsageError where the optimizer needs_closure().
  void step();
  /// The same for loss and gradient that the closure computes, as often as the optimizer asks. Returns the loss before
  /// the step. Gradients that were there are forgotten.
  double step(const Closure& closure);
  /// Whether it asks for the loss several times per step (L-BFGS, SAM, …), so that only step(closure) works.
  virtual bool needs_closure() const noexcept { return false; }

  /// For optimizers whose training and evaluation use different weights (schedule-free): changes the model's weights to
  /// those to evaluate or save, and back to those to train. Others do nothing.
  virtual void eval() {}
  virtual void train() {}
  /// Whether the weights in the model are those to evaluate.
  virtual bool evaluating() const noexcept { return true; }

  /// In the order of FlatParameters::groups(). Changes hold from the next step on.
  virtual std::vector<GroupSettings>& groups() noexcept { return groups_; }
  std::int64_t steps() const noexcept { return steps_; }
  FlatParameters& parameters() noexcept { return parameters_; }
  const FlatParameters& parameters() const noexcept { return parameters_; }
  /// "sgd", "adamw", …: what make_optimizer() knows it by.
  const std::string& kind() const noexcept { return kind_; }
  bool clears_gradients() const noexcept { return clear_gradients_; }
  /// Whether each number is updated by its own gradient and memory alone: then parts of the buffer may be updated by
  /// different ranks.
  virtual bool is_elementwise() const noexcept { return false; }
  /// Whether groups may begin later than others (GroupSettings::since): until then they keep every bit.
  virtual bool joins_late() const noexcept { return false; }
  /// Whether a step is calls of OptimizerKernels::step() alone, with coefficients that follow from what is kept on the
  /// host: then it can be part of a recorded step, for which the host computes coefficients only (core/capture.h).
  virtual bool is_recordable() const noexcept { return false; }
  /// What a step changes on the host. To take back one that a device did not take after all.
  struct HostState {
    std::int64_t steps = 0;
    std::vector<GroupSettings> groups{};
    std::vector<double> numbers{};  ///< of all add_numbers()
  };
  HostState host_state() const;
  void restore(const HostState& state);
  /// The memory as long as the parameters, by name: views of the living state.
  std::vector<NamedState> flat_buffers() const;
  /// The options it was made with, as make_optimizer() takes them; those of one group are named "group.option".
  virtual std::vector<OptimizerOption> options() const = 0;

  /// Arrays are views of the living state, named "<buffer>.<parameter>": copy or write them before the next step.
  OptimizerState state() const;
  /// Throws DataError when the state belongs to another kind of optimizer or model; nothing is changed then. The
  /// settings of the groups come back where the state has them; options stay those that this optimizer was made with.
  void load(const OptimizerState& state);

 protected:
  Optimizer(std::string kind, FlatParameters& parameters, bool clear_gradients);

  /// A zeroed buffer as long as the parameters that is saved and loaded under this name.
  Array add_buffer(const std::string& name);
  /// A float64 number per group (on the host, zero) that is saved and loaded under this name.
  double* add_numbers(const std::string& name);
  /// Sets the slices of a group in such a buffer; the padding stays zero.
  void fill(const Array& buffer, std::size_t group, double value);
  /// An array that belongs to one parameter and is saved and loaded as "<name>.<parameter>"; zero.
  Array add_array(const std::string& name, const FlatParameters::Slice& slice, const Shape& shape);

  /// One step by the gradients there are, which are complete. Counts no step and clears nothing.
  virtual void advance() = 0;
  /// step(closure) without what comes after; by default one evaluation, then advance().
  virtual double minimize(const Closure& closure);
  /// The closure's loss; its gradients are complete afterwards. For use between changes of the parameters.
  double evaluate(const Closure& closure);

  /// State whose size changes as training goes on.
  virtual std::vector<NamedState> more_state() const { return {}; }
  /// Throws DataError before anything is changed.
  virtual void load_more(std::span<const NamedState>) {}

  std::vector<GroupSettings>& own_groups() noexcept { return groups_; }

 private:
  struct Slot {
    std::string name{};
    Array array{};
    bool flat = false;
  };
  void finish();

  std::string kind_;
  FlatParameters& parameters_;
  std::vector<GroupSettings> groups_{};
  std::vector<Slot> slots_{};
  std::vector<double*> group_numbers_{};  // in slots, one per group each
  std::int64_t steps_ = 0;
  bool clear_gradients_;
};

/// The model holds the weights to evaluate while it lives, those to train before and after.
class Evaluated {
 public:
  explicit Evaluated(Optimizer& optimizer) : optimizer_(optimizer), was_training_(!optimizer.evaluating()) {
    optimizer_.eval();
  }
  ~Evaluated() {
    if (was_training_) optimizer_.train();
  }
  Evaluated(const Evaluated&) = delete;
  Evaluated& operator=(const Evaluated&) = delete;

 private:
  Optimizer& optimizer_;
  bool was_training_;
};

/// The part of a buffer as long as the parameters that belongs to a group.
inline Array of_group(const Array& buffer, const FlatParameters::Group& group) {
  return buffer.sliced(0, group.first, group.first + group.values.elements());
}

/// The slices of a group.
std::span<const FlatParameters::Slice> slices_of(const FlatParameters& parameters, std::size_t group);

}  // namespace joist
