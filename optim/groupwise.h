// Optimizers that treat one parameter group after the other, each with options of its own.
#pragma once

#include <joist/core/error.h>
#include <joist/optim/optimizer.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace joist {

/// Options for single groups, by the group's name; groups left out have those of all. A group without decay has none
/// unless its own weight_decay differs from that of all.
template <class Options>
using GroupOptions = std::map<std::string, Options>;

/// One optimizer per Options struct, which has
///   static constexpr const char* kind;  its name
///   double lr; (momentum or beta1, weight_decay where it has them); bool clear_gradients;
///   OptionTable table();                its members by name, with ranges
///   void check() const;                 (where options may contradict each other) throws UsageError
template <class Options>
class Groupwise : public Optimizer {
 public:
  std::vector<OptimizerOption> options() const override {
    Options all = all_;
    std::vector<OptimizerOption> result = options_in(all.table());
    for (const auto& [group, own] : own_) {
      Options copy = own;
      for (const OptimizerOption& option : options_in(copy.table()))
        if (std::find(result.begin(), result.end(), option) == result.end())
          result.push_back({group + "." + option.name, option.value});
    }
    return result;
  }

 protected:
  /// Throws UsageError for options out of range, and for a group that does not exist.
  Groupwise(FlatParameters& parameters, const Options& options, GroupOptions<Options> own)
      : Optimizer(Options::kind, parameters, options.clear_gradients), all_(options), own_(std::move(own)) {
    checked(all_);
    std::size_t found = 0;
    for (std::size_t i = 0; i < own_groups().size(); ++i) {
      GroupSettings& settings = own_groups()[i];
      const auto place = own_.find(settings.name);
      if (place != own_.end()) checked(place->second);
      const Options& o = place == own_.end() ? all_ : place->second;
      found += place == own_.end() ? 0 : 1;
      settings.lr = o.lr;
      if constexpr (requires { o.momentum; }) settings.momentum = o.momentum;
      if constexpr (requires { o.beta1; }) settings.momentum = o.beta1;
      if constexpr (requires { o.weight_decay; })
        settings.weight_decay =
            parameters.groups()[i].decay || o.weight_decay != all_.weight_decay ? o.weight_decay : 0;
    }
    if (found != own_.size()) refuse_group();
  }

  /// The options of a group with what its settings are now.
  Options options_of(std::size_t group) {
    const GroupSettings& settings = own_groups()[group];
    const auto place = own_.find(settings.name);
    Options o = place == own_.end() ? all_ : place->second;
    o.lr = settings.lr;
    if constexpr (requires { o.momentum; }) o.momentum = settings.momentum;
    if constexpr (requires { o.beta1; }) o.beta1 = settings.momentum;
    if constexpr (requires { o.weight_decay; }) o.weight_decay = settings.weight_decay;
    return o;
  }

  void advance() override {
    for (std::size_t group = 0; group < own_groups().size(); ++group)
      if (own_groups()[group].since < this->steps()) update(group, options_of(group));
  }
  /// One step of a group.
  virtual void update(std::size_t group, const Options& options) = 0;

 private:
  static void checked(const Options& options) {
    Options copy = options;
    check_options(Options::kind, copy.table());
    if constexpr (requires { options.check(); }) options.check();
  }
  [[noreturn]] void refuse_group() {
    std::string known, unknown;
    for (const GroupSettings& settings : own_groups()) known += (known.empty() ? "" : ", ") + settings.name;
    for (const auto& [group, own] : own_)
      if (std::none_of(own_groups().begin(), own_groups().end(), [&](const auto& s) { return s.name == group; }))
        unknown = group;
    throw UsageError({.where = Options::kind, .what = "no parameter group \"" + unknown + "\"", .expected = known});
  }

  Options all_;
  GroupOptions<Options> own_;
};

}  // namespace joist
