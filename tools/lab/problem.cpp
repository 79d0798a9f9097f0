#include <joist/core/error.h>
#include <joist/core/mode.h>
#include <joist/core/random.h>
#include <joist/core/text.h>
#include <joist/tools/lab/problems.h>

#include <numeric>

namespace joist::lab {
namespace {

const std::vector<ProblemKind>& kinds() {
  static const std::vector<ProblemKind> all = [] {
    std::vector<ProblemKind> result;
    for (const auto list :
         {surface_problems, quadratic_problems, network_problems, vae_problems, text_problems, model_problems})
      for (ProblemKind& kind : list()) result.push_back(std::move(kind));
    return result;
  }();
  return all;
}

}  // namespace

std::vector<ProblemInfo> problem_list() {
  std::vector<ProblemInfo> result;
  for (const ProblemKind& kind : kinds()) result.push_back(kind.info);
  return result;
}

std::unique_ptr<Problem> make_problem(const Choice& choice, std::uint64_t seed) {
  std::vector<std::string> names;
  std::string listed;
  for (const ProblemKind& kind : kinds()) {
    if (kind.info.name == choice.name) {
      manual_seed(seed);
      return kind.make(choice, seed);
    }
    names.push_back(kind.info.name);
    listed += (listed.empty() ? "" : ", ") + kind.info.name;
  }
  const std::string near = nearest_name(choice.name, names);
  throw UsageError({.where = "problem",
                    .what = "no problem \"" + printable(choice.name) + "\"",
                    .expected = listed,
                    .remedy = near.empty() ? "joist lab list" : "did you mean \"" + near + "\"?"});
}

void seed_step(std::uint64_t seed, std::int64_t step) {
  manual_seed(seed);
  set_random_step(static_cast<std::uint32_t>(step + 1));
}

BatchOrder::BatchOrder(std::int64_t samples, std::int64_t batch, std::uint64_t seed, bool fixed)
    : samples_(samples), batch_(batch == 0 ? samples : batch), seed_(seed), fixed_(fixed) {
  if (batch_ > samples_)
    throw UsageError({.where = "batch",
                      .what = std::to_string(batch_) + " samples of " + std::to_string(samples_),
                      .expected = "at most as many as there are; 0: all"});
}

Array BatchOrder::indices(std::int64_t number) {
  if (batch_ == samples_) return {};
  const std::int64_t epoch = fixed_ ? 0 : number / batches();
  if (epoch != epoch_) {
    epoch_ = epoch;
    order_.resize(static_cast<std::size_t>(samples_));
    std::iota(order_.begin(), order_.end(), 0);
    Random random({.seed = seed_, .stream = Stream::shuffle, .step = static_cast<std::uint32_t>(epoch)});
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
  }
  const std::int64_t first = number % batches() * batch_;
  return Array::from(
      std::span<const std::int64_t>(order_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(batch_)),
      {batch_});
}

}  // namespace joist::lab
