// What an optimizer is let loose on: parameters, a loss per batch, and a result to judge by.
#pragma once

#include <joist/core/fields.h>
#include <joist/tools/lab/choice.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace joist {
class ModelRegistry;
}

namespace joist::lab {

/// What a problem says of the present parameters; lower is better for `loss`.
struct Measure {
  double loss = 0;
  double accuracy = std::numeric_limits<double>::quiet_NaN();  ///< share, where the problem has one
};

/// Initial parameters and the order of batches depend on the seed and nothing else, so that runs of different
/// optimizers with one seed are pairs.
class Problem {
 public:
  virtual ~Problem() = default;

  const std::vector<Field>& fields() const noexcept { return fields_; }
  /// Training loss of a batch, counted from 0 over the whole run: []. Random parts (dropout, noise) are those of the
  /// thread's random step.
  virtual Tensor loss(std::int64_t batch) = 0;
  /// On data held apart, in evaluation mode; surfaces and others without such data: the loss itself, without noise.
  virtual Measure test() = 0;

  /// Before the next epoch begins; 1 where every batch is the whole data.
  virtual std::int64_t batches() const { return 1; }
  /// Samples per batch.
  virtual std::int64_t batch_size() const { return 1; }
  /// The lowest value that test() can have, where it is known.
  virtual std::optional<double> lowest() const { return {}; }
  /// "test loss", "value": what test().loss is.
  virtual const char* measure() const { return "test loss"; }
  /// What test().accuracy is: more is better.
  virtual std::string score() const { return "accuracy"; }

 protected:
  std::vector<Field> fields_{};
};

/// A setting of a problem, for help.
struct ProblemSetting {
  std::string name{}, value{}, allowed{};
};
struct ProblemInfo {
  std::string name{};
  std::string help{};
  std::vector<ProblemSetting> settings{};
};
/// The models that the problem "model" finds by name, instead of the built-in ones; they stay where they are.
void use_models(const ModelRegistry& models);
/// Every problem that make_problem() knows.
std::vector<ProblemInfo> problem_list();

/// Throws UsageError for an unknown problem or setting (offering the nearest name) and a value outside its range,
/// DataError for files that cannot be used.
std::unique_ptr<Problem> make_problem(const Choice& choice, std::uint64_t seed);

/// Random numbers of the thread for a step of a run.
void seed_step(std::uint64_t seed, std::int64_t step);

/// The samples of each batch: a new random order for every epoch, or with `fixed` the same one. What does not fill a
/// batch is left out of that epoch.
class BatchOrder {
 public:
  BatchOrder(std::int64_t samples, std::int64_t batch, std::uint64_t seed, bool fixed = false);
  std::int64_t batches() const noexcept { return samples_ / batch_; }
  std::int64_t batch() const noexcept { return batch_; }
  /// int64 [batch]; undefined where the batch is everything, in order.
  Array indices(std::int64_t number);

 private:
  std::int64_t samples_, batch_;
  std::uint64_t seed_;
  bool fixed_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_{};
};

}  // namespace joist::lab
