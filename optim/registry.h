// Optimizers by name, for programs that are told which one to use.
#pragma once

#include <joist/optim/optimizer.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace joist {

/// "adadelta", "adafactor", …: every name that make_optimizer() knows, sorted. Wrappers stand before another name with
/// a colon ("sam:sgd"); they are not in this list.
std::vector<std::string> optimizer_names();

/// "sam", "lookahead", …: what may stand before a name with a colon.
std::vector<std::string> wrapper_names();

/// An option of an optimizer, for help.
struct OptimizerOptionInfo {
  std::string name{};
  std::string value{};    ///< by default
  std::string allowed{};  ///< "0 ≤ lr"
};
/// Of a wrapped one the wrapper's ("sam:rho") and the inner optimizer's. Throws UsageError for an unknown name,
/// offering the nearest.
std::vector<OptimizerOptionInfo> optimizer_options(const std::string& name);
/// Optimizer::needs_closure() of one that is not made yet.
bool optimizer_needs_closure(const std::string& name);

///   make_optimizer("adamw", parameters, {{"lr", "3e-4"}, {"beta2", "0.95"}, {"bias.weight_decay", "0"}})
/// An option "group.option" holds for one parameter group. make_optimizer("sam:sgd", parameters, {{"sam:rho", "0.1"},
/// {"lr", "0.1"}}) wraps. Throws UsageError for an unknown optimizer, option or group (offering the nearest name) and
/// for a value outside the allowed range (naming it).
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, FlatParameters& parameters,
                                          std::span<const OptimizerOption> options);
inline std::unique_ptr<Optimizer> make_optimizer(const std::string& name, FlatParameters& parameters,
                                                 const std::vector<OptimizerOption>& options = {}) {
  return make_optimizer(name, parameters, std::span(options));
}

/// The optimizer that a state was saved from: same kind, options, groups and memory.
std::unique_ptr<Optimizer> restore_optimizer(const OptimizerState& state, FlatParameters& parameters);

}  // namespace joist
