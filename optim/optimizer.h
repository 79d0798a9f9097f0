// What all optimizers share: settings per group that a schedule may change before each step, and a state that is saved.
#pragma once

#include <joist/optim/flat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// The settings of one parameter group.
struct GroupSettings {
  std::string name{};
  double lr = 0;
  double momentum = 0;  ///< SGD's momentum, Adam's beta1
  double weight_decay = 0;
};

/// Everything that must come back for training to go on bit by bit.
struct OptimizerState {
  std::string kind{};      ///< "sgd", "adam", "adamw"
  std::int64_t steps = 0;  ///< steps taken
  std::vector<NamedState> arrays{};
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates every parameter by its gradient (zero where backward wrote none), one fused pass per group. Afterwards the
  /// gradients are cleared unless the options say that they are kept.
  void step();
  /// In the order of FlatParameters::groups(). Changes hold from the next step on; they are not part of the state.
  std::vector<GroupSettings>& groups() noexcept { return groups_; }
  std::int64_t steps() const noexcept { return steps_; }
  FlatParameters& parameters() noexcept { return parameters_; }

  /// Arrays are views of the living state, named "<buffer>.<parameter>": copy or write them before the next step.
  OptimizerState state() const;
  /// Throws DataError when the state belongs to another kind of optimizer or model; nothing is changed then.
  void load(const OptimizerState& state);

 protected:
  Optimizer(std::string kind, FlatParameters& parameters, GroupSettings defaults, bool clear_gradients);

  struct StateBuffer {
    std::string name{};
    Array array{};  ///< as long as the flat buffer
  };
  /// A zeroed buffer as long as the parameters that is saved and loaded under this name.
  Array add_buffer(const std::string& name);
  /// One step of a group; `first` is the element of the flat buffer at which it begins.
  virtual void update(const FlatParameters::Group& group, const GroupSettings& settings, std::int64_t step) = 0;
  /// The part of a state buffer that belongs to a group.
  static Array of_group(const Array& buffer, const FlatParameters::Group& group) {
    return buffer.sliced(0, group.first, group.first + group.values.elements());
  }

 private:
  std::string kind_;
  FlatParameters& parameters_;
  std::vector<GroupSettings> groups_{};
  std::vector<StateBuffer> buffers_{};
  std::int64_t steps_ = 0;
  bool clear_gradients_;
};

}  // namespace joist
