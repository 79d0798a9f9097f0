#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/optim/adafactor.h>
#include <joist/optim/adagrad.h>
#include <joist/optim/adam.h>
#include <joist/optim/layerwise.h>
#include <joist/optim/lbfgs.h>
#include <joist/optim/muon.h>
#include <joist/optim/newton.h>
#include <joist/optim/prodigy.h>
#include <joist/optim/registry.h>
#include <joist/optim/schedule_free.h>
#include <joist/optim/sgd.h>
#include <joist/optim/sign.h>
#include <joist/optim/soap.h>
#include <joist/optim/sophia.h>
#include <joist/optim/wrappers.h>

#include <algorithm>
#include <functional>
#include <map>

namespace joist {
namespace {

struct Entry {
  std::function<std::vector<OptimizerOptionInfo>()> options;
  std::function<std::unique_ptr<Optimizer>(FlatParameters&, std::span<const OptimizerOption>)> make;
  bool needs_closure;
};

template <class Options>
std::vector<OptimizerOptionInfo> describe() {
  Options options;
  std::vector<OptimizerOptionInfo> result;
  for (const OptionEntry& entry : options.table()) result.push_back({entry.name, entry.value(), entry.allowed()});
  return result;
}

// "group.option" apart from "option".
struct Sorted {
  std::vector<OptimizerOption> all{};
  std::map<std::string, std::vector<OptimizerOption>> of_group{};
};
Sorted sorted(std::span<const OptimizerOption> options) {
  Sorted result;
  for (const OptimizerOption& option : options) {
    const std::size_t dot = option.name.rfind('.');
    if (dot == std::string::npos)
      result.all.push_back(option);
    else
      result.of_group[option.name.substr(0, dot)].push_back({option.name.substr(dot + 1), option.value});
  }
  return result;
}

template <class T, class Options>
std::unique_ptr<Optimizer> make(FlatParameters& parameters, std::span<const OptimizerOption> given) {
  const Sorted parts = sorted(given);
  Options options;
  assign_options(Options::kind, options.table(), parts.all);
  if constexpr (std::is_constructible_v<T, FlatParameters&, const Options&, GroupOptions<Options>>) {
    GroupOptions<Options> own;
    for (const auto& [group, list] : parts.of_group) {
      Options copy = options;
      assign_options(Options::kind, copy.table(), list);
      own.emplace(group, copy);
    }
    return std::make_unique<T>(parameters, options, std::move(own));
  } else {
    if (!parts.of_group.empty())
      throw UsageError({.where = Options::kind,
                        .what = "an option of the group \"" + printable(parts.of_group.begin()->first) + "\"",
                        .expected = "options of all parameters: this optimizer sees them as one vector"});
    return std::make_unique<T>(parameters, options);
  }
}

template <class T, class Options>
std::pair<const std::string, Entry> entry() {
  return {Options::kind,
          {describe<Options>, make<T, Options>, std::is_base_of_v<AlongLine, T> || std::is_same_v<T, Sophia>}};
}

const std::map<std::string, Entry>& entries() {
  static const std::map<std::string, Entry> all{
      entry<Sgd, SgdOptions>(),
      entry<Asgd, AsgdOptions>(),
      entry<Adam, AdamOptions>(),
      entry<AdamW, AdamWOptions>(),
      entry<Adamax, AdamaxOptions>(),
      entry<Nadam, NadamOptions>(),
      entry<Radam, RadamOptions>(),
      entry<Adagrad, AdagradOptions>(),
      entry<Adadelta, AdadeltaOptions>(),
      entry<Rmsprop, RmspropOptions>(),
      entry<Rprop, RpropOptions>(),
      entry<Lion, LionOptions>(),
      entry<Adafactor, AdafactorOptions>(),
      entry<Muon, MuonOptions>(),
      entry<Lbfgs, LbfgsOptions>(),
      entry<Lamb, LambOptions>(),
      entry<Lars, LarsOptions>(),
      entry<Soap, SoapOptions>(),
      entry<ScheduleFreeAdamW, ScheduleFreeAdamWOptions>(),
      entry<Prodigy, ProdigyOptions>(),
      entry<Sophia, SophiaOptions>(),
      entry<Newton, NewtonOptions>(),
      entry<ConjugateGradient, ConjugateGradientOptions>(),
      entry<GradientDescent, GradientDescentOptions>(),
  };
  return all;
}

// A wrapper: the options that begin with its name and a colon are its own.
struct WrapperEntry {
  std::vector<OptimizerOptionInfo> (*options)();
  std::unique_ptr<Optimizer> (*make)(std::unique_ptr<Optimizer>, std::span<const OptimizerOption>);
};
template <class T, class Options>
std::unique_ptr<Optimizer> wrap(std::unique_ptr<Optimizer> inner, std::span<const OptimizerOption> given) {
  Options options;
  assign_options(Options::name, options.table(), given);
  return std::make_unique<T>(std::move(inner), options);
}
template <class T, class Options>
std::pair<const std::string, WrapperEntry> wrapper() {
  return {Options::name, {describe<Options>, wrap<T, Options>}};
}
const std::map<std::string, WrapperEntry>& wrappers() {
  static const std::map<std::string, WrapperEntry> all{
      wrapper<Sam, SamOptions>(),
      wrapper<Lookahead, LookaheadOptions>(),
      wrapper<Cautious, CautiousOptions>(),
      wrapper<Centralized, CentralizedOptions>(),
  };
  return all;
}

template <class Value>
const Value& find(const std::map<std::string, Value>& known, const std::string& name, const char* what) {
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  std::vector<std::string> names;
  std::string listed;
  for (const auto& [one, value] : known) {
    names.push_back(one);
    listed += (listed.empty() ? "" : ", ") + one;
  }
  const std::string near = nearest_name(name, names);
  const std::string remedy = wrappers().contains(name) ? "it stands around another optimizer: \"" + name + ":sgd\""
                             : near.empty()            ? ""
                                                       : "did you mean \"" + near + "\"?";
  throw UsageError({.where = "optimizer",
                    .what = std::string("no ") + what + " \"" + printable(name) + "\"",
                    .expected = listed,
                    .remedy = remedy});
}

}  // namespace

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries()) names.push_back(name);
  return names;
}

std::vector<std::string> wrapper_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : wrappers()) names.push_back(name);
  return names;
}

std::vector<OptimizerOptionInfo> optimizer_options(const std::string& name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos) return find(entries(), name, "optimizer").options();
  const std::string outer = name.substr(0, colon);
  std::vector<OptimizerOptionInfo> options = find(wrappers(), outer, "wrapper of optimizers").options();
  for (OptimizerOptionInfo& one : options) one.name = outer + ":" + one.name;
  for (OptimizerOptionInfo& one : optimizer_options(name.substr(colon + 1))) options.push_back(std::move(one));
  return options;
}

bool optimizer_needs_closure(const std::string& name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos) return find(entries(), name, "optimizer").needs_closure;
  return name.substr(0, colon) == SamOptions::name || optimizer_needs_closure(name.substr(colon + 1));
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, FlatParameters& parameters,
                                          std::span<const OptimizerOption> options) {
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos) return find(entries(), name, "optimizer").make(parameters, options);
  const std::string wrapper = name.substr(0, colon);
  const auto make = find(wrappers(), wrapper, "wrapper of optimizers").make;
  std::vector<OptimizerOption> own, rest;
  for (const OptimizerOption& option : options) {
    if (option.name.starts_with(wrapper + ":"))
      own.push_back({option.name.substr(wrapper.size() + 1), option.value});
    else
      rest.push_back(option);
  }
  return make(make_optimizer(name.substr(colon + 1), parameters, rest), own);
}

std::unique_ptr<Optimizer> restore_optimizer(const OptimizerState& state, FlatParameters& parameters) {
  std::unique_ptr<Optimizer> optimizer = make_optimizer(state.kind, parameters, state.options);
  optimizer->load(state);
  return optimizer;
}

}  // namespace joist
