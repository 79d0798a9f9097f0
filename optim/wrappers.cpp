#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/optim/regularize.h>
#include <joist/optim/vectors.h>
#include <joist/optim/wrappers.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

template <class Options>
const Options& checked(const Options& options) {
  Options copy = options;
  check_options(Options::name, copy.table());
  return options;
}

void refuse_closure(const char* name, const Optimizer& inner) {
  if (inner.needs_closure())
    throw UsageError({.where = name,
                      .what = "around \"" + inner.kind() + "\", which asks for several evaluations itself",
                      .expected = "an optimizer that steps by one gradient, such as sgd or adamw"});
}

}  // namespace

Wrapper::Wrapper(const std::string& name, std::unique_ptr<Optimizer> inner)
    : Optimizer(name + ":" + inner->kind(), inner->parameters(), inner->clears_gradients()),
      name_(name),
      inner_(std::move(inner)) {}

std::vector<OptimizerOption> Wrapper::options() const {
  std::vector<OptimizerOption> result;
  for (const OptimizerOption& option : options_in(own_options()))
    result.push_back({name_ + ":" + option.name, option.value});
  for (const OptimizerOption& option : inner_->options()) result.push_back(option);
  return result;
}

std::vector<NamedState> Wrapper::more_state() const {
  const OptimizerState state = inner_->state();
  std::vector<NamedState> arrays{
      {"inner_steps", Array::from(std::vector<double>{static_cast<double>(state.steps)}, {1})}};
  for (const NamedState& array : state.arrays) arrays.push_back({"inner." + array.name, array.array});
  return arrays;
}

void Wrapper::load_more(std::span<const NamedState> arrays) {
  OptimizerState state{.kind = inner_->kind(), .steps = -1};
  for (const NamedState& array : arrays) {
    if (array.name == "inner_steps") state.steps = static_cast<std::int64_t>(array.array.item());
    if (array.name.starts_with("inner.")) state.arrays.push_back({array.name.substr(6), array.array});
  }
  if (state.steps < 0) throw DataError({.where = "inner_steps", .what = "missing from the optimizer's state"});
  inner_->load(state);
}

OptionTable SamOptions::table() { return {{"rho", rho, not_negative}, {"adaptive", adaptive}}; }

Sam::Sam(std::unique_ptr<Optimizer> inner, const SamOptions& options)
    : Wrapper(SamOptions::name, std::move(inner)), options_(checked(options)) {
  refuse_closure(SamOptions::name, this->inner());
}

OptionTable Sam::own_options() const { return const_cast<SamOptions&>(options_).table(); }

double Sam::minimize(const Closure& closure) {
  const double loss = evaluate(closure);
  const Array& values = parameters().values();
  const Array start = copy_of(values), up = copy_of(parameters().gradients());
  const auto times_weights = [&] { kernels(up).elementwise.binary(Multiply{}, up, start, {up, false}); };
  if (options_.adaptive) times_weights();
  const double length = norm(up);
  if (options_.adaptive) times_weights();
  if (std::isfinite(length)) add(options_.rho / (length + 1e-12), up, values);
  evaluate(closure);
  assign(start, values);
  inner().step();
  return loss;
}

OptionTable LookaheadOptions::table() { return {{"k", k, {.low = 1}}, {"alpha", alpha, zero_to_one}}; }

Lookahead::Lookahead(std::unique_ptr<Optimizer> inner, const LookaheadOptions& options)
    : Wrapper(LookaheadOptions::name, std::move(inner)), options_(checked(options)), slow_(add_buffer("slow")) {}

OptionTable Lookahead::own_options() const { return const_cast<LookaheadOptions&>(options_).table(); }

void Lookahead::begin() {
  if (steps() == 1) assign(parameters().values(), slow_);
}

void Lookahead::synchronize() {
  if (steps() % options_.k != 0) return;
  kernels(slow_).optimizer.interpolate(parameters().values(), options_.alpha, slow_);
  assign(slow_, parameters().values());
}

void Lookahead::advance() {
  begin();
  inner().step();
  synchronize();
}

double Lookahead::minimize(const Closure& closure) {
  begin();
  const double loss = inner().step(closure);
  synchronize();
  return loss;
}

OptionTable CautiousOptions::table() { return {{"least", least, {.low = 0, .high = 1, .with_low = false}}}; }

Cautious::Cautious(std::unique_ptr<Optimizer> inner, const CautiousOptions& options)
    : Wrapper(CautiousOptions::name, std::move(inner)), options_(checked(options)) {
  refuse_closure(CautiousOptions::name, this->inner());
}

OptionTable Cautious::own_options() const { return const_cast<CautiousOptions&>(options_).table(); }

void Cautious::advance() {
  const NoGradient quiet;
  const Array start = copy_of(parameters().values()), gradient = copy_of(parameters().gradients());
  inner().step();
  for (const FlatParameters::Slice& slice : parameters().slices()) {
    const Array values = vector_of(parameters().values(), slice);
    const Tensor before(vector_of(start, slice)), way = Tensor(values) - before;
    const Tensor agrees = heaviside(-(way * Tensor(vector_of(gradient, slice))), Tensor::full({1}, 0, values.dtype()));
    const double share = slice.elements == 0 ? 1 : mean(agrees).item();
    assign((before + way * agrees * (1 / std::max(share, options_.least))).value(), values);
  }
}

Centralized::Centralized(std::unique_ptr<Optimizer> inner, const CentralizedOptions&)
    : Wrapper(CentralizedOptions::name, std::move(inner)) {
  refuse_closure(CentralizedOptions::name, this->inner());
}

void Centralized::advance() {
  centralize_gradients(parameters());
  inner().step();
}

}  // namespace joist
