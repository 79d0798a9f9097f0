// One run of one optimizer on one problem: what decides it, and what came of it.
#pragma once

#include <joist/tools/lab/choice.h>

#include <cstdint>
#include <string>

namespace joist::lab {

/// Everything that a run's result depends on.
struct Job {
  Choice problem{}, optimizer{};
  std::uint64_t seed = 0;
  std::int64_t budget = 0;       ///< gradients that the optimizer may ask for
  std::int64_t points = 20;      ///< of the curves
  std::int64_t instruments = 0;  ///< points at which curvature, noise and layers are measured; 0: never
  bool path = false;             ///< keep the parameters of every step: problems of two parameters
  bool landscape = false;        ///< compute the loss around the end

  /// One line of JSON. The same text, the same result.
  std::string text() const;
  /// Of text(): a name for its files.
  std::string key() const;
  static Job parse(const std::string& text);
};

/// Two JSON texts: what is the same on every machine of one instruction set, and how long it took.
struct Outcome {
  std::string result{}, timing{};
};

/// Uses as many threads as set_threads() says. A run that diverges is a result like any other. With `snapshot`, a long
/// run keeps its state in that file now and then, and goes on from what stands there.
Outcome run_job(const Job& job, const std::string& snapshot = {});

/// Throws what is wrong with an optimizer's name or settings, before any run.
void check_optimizer(const Choice& optimizer);

}  // namespace joist::lab
