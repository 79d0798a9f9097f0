// The kinds of problems, each in its file.
#pragma once

#include <joist/tools/lab/problem.h>
#include <joist/tools/training/model.h>

#include <functional>

namespace joist::lab {

struct ProblemKind {
  ProblemInfo info{};
  std::function<std::unique_ptr<Problem>(const Choice&, std::uint64_t seed)> make{};
};

std::vector<ProblemKind> surface_problems();
std::vector<ProblemKind> quadratic_problems();
std::vector<ProblemKind> network_problems();
std::vector<ProblemKind> text_problems();
std::vector<ProblemKind> vae_problems();
std::vector<ProblemKind> model_problems();

/// Guessing the next character of a text: `make` gives the model for as many different characters. Throws DataError.
std::unique_ptr<Problem> text_problem(const std::string& text, std::int64_t length, std::int64_t batch,
                                      std::uint64_t seed,
                                      const std::function<std::shared_ptr<Model>(std::int64_t vocabulary)>& make);

/// The settings of an Options struct with `OptionTable table(const Choice&)`.
template <class Options>
std::vector<ProblemSetting> settings_of(Options defaults) {
  std::vector<ProblemSetting> result;
  for (const OptionEntry& entry : defaults.table({}))
    result.push_back({entry.name, entry.value(), entry.choices.size() == 1 ? "text" : entry.allowed()});
  return result;
}

template <class Options>
Options options_from(Options options, const Choice& choice) {
  assign_options(choice.name, options.table(choice), choice.settings);
  return options;
}

}  // namespace joist::lab
