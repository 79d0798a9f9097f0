#include <joist/layers/recurrent.h>

namespace joist {
namespace {

double bound_of(std::int64_t hidden) { return 1 / std::sqrt(static_cast<double>(hidden)); }

}  // namespace

RecurrentParameters::RecurrentParameters(const char* layer, const Sizes& sizes)
    : bias_(sizes.bias), projected_(sizes.projection > 0) {
  require_positive(layer, "in", sizes.in);
  require_positive(layer, "hidden", sizes.hidden);
  require_positive(layer, "layers", sizes.layers);
  if (sizes.projection < 0 || sizes.projection >= sizes.hidden)
    throw UsageError({.where = layer,
                      .what = "projection " + std::to_string(sizes.projection),
                      .expected = "0 (none) to " + std::to_string(sizes.hidden - 1) + ", below hidden",
                      .remedy = "a smaller hidden without a projection"});
  require_probability(layer, "dropout", sizes.dropout);
  const std::int64_t rows = sizes.gates * sizes.hidden, directions = sizes.bidirectional ? 2 : 1;
  const std::int64_t out = projected_ ? sizes.projection : sizes.hidden;
  const double bound = bound_of(sizes.hidden);
  for (std::int64_t i = 0; i < sizes.layers * directions; ++i) {
    const std::string suffix = "_l" + std::to_string(i / directions) + (i % directions == 1 ? "_reverse" : "");
    const auto add = [&](const char* name, const Shape& shape) {
      named.emplace_back(name + suffix, init::uniform(shape, bound));
    };
    add("weight_ih", {rows, i < directions ? sizes.in : directions * out});
    add("weight_hh", {rows, out});
    if (bias_) add("bias_ih", {rows});
    if (bias_) add("bias_hh", {rows});
    if (projected_) add("weight_hr", {out, sizes.hidden});
  }
}

std::vector<RecurrentWeights> RecurrentParameters::weights() const {
  std::vector<RecurrentWeights> sets(named.size() / (2 + (bias_ ? 2U : 0U) + (projected_ ? 1U : 0U)));
  auto next = named.begin();
  for (RecurrentWeights& set : sets) {
    set.w_ih = (next++)->second;
    set.w_hh = (next++)->second;
    if (bias_) set.b_ih = (next++)->second;
    if (bias_) set.b_hh = (next++)->second;
    if (projected_) set.w_hr = (next++)->second;
  }
  return sets;
}

CellParameters::CellParameters(const char* layer, std::int64_t gates, const CellOptions& options)
    : weight_ih(init::uniform(
          {gates * require_positive(layer, "hidden", options.hidden), require_positive(layer, "in", options.in)},
          bound_of(options.hidden))),
      weight_hh(init::uniform({gates * options.hidden, options.hidden}, bound_of(options.hidden))) {
  if (!options.bias) return;
  bias_ih = init::uniform({gates * options.hidden}, bound_of(options.hidden));
  bias_hh = init::uniform({gates * options.hidden}, bound_of(options.hidden));
}

}  // namespace joist
