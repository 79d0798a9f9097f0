// `joist lab ask`: questions that everybody has at first, each answered by an experiment of a minute or two.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace joist::lab {

struct Question {
  std::string name{};
  std::string text{};
};
std::vector<Question> questions();

struct AskOptions {
  std::string out{};
  std::int64_t processes = 0;  ///< 0: one per core
  std::int64_t seeds = 0;      ///< 0: as the experiment wants
  std::int64_t first_seed = 1;
  std::function<void(const std::string&)> say = [](const std::string&) {};
};
/// Runs the experiment, says its reading and writes the report to options.out. Returns the signal that ended it, or 0.
/// Throws UsageError for an unknown question, offering the nearest.
int ask(const std::string& name, const AskOptions& options);

}  // namespace joist::lab
