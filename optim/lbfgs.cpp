#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/optim/lbfgs.h>
#include <joist/optim/vectors.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

constexpr double least_curvature = 1e-10;  // of a pair that is worth remembering
constexpr int retreats = 20;               // shorter steps tried before a direction is given up

const LbfgsOptions& checked(const LbfgsOptions& options) {
  LbfgsOptions copy = options;
  check_options(LbfgsOptions::kind, copy.table());
  return options;
}

Array read_only(std::span<const NamedState> arrays, const std::string& name) {
  const auto found = std::find_if(arrays.begin(), arrays.end(), [&](const NamedState& s) { return s.name == name; });
  if (found == arrays.end()) throw DataError({.where = name, .what = "missing from the optimizer's state"});
  return found->array;
}

}  // namespace

OptionTable LbfgsOptions::table() {
  return {{"lr", lr, not_negative},
          {"max_iter", max_iter, {.low = 1}},
          {"max_eval", max_eval, not_negative},
          {"tolerance_grad", tolerance_grad, not_negative},
          {"tolerance_change", tolerance_change, not_negative},
          {"history_size", history_size, {.low = 1}},
          {"line_search_fn", line_search_fn, {"none", "strong_wolfe"}},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

Lbfgs::Lbfgs(FlatParameters& parameters, const LbfgsOptions& options)
    : AlongLine(LbfgsOptions::kind, parameters, checked(options).lr, options.maximize, options.clear_gradients),
      options_(options),
      previous_gradient_(parameters.zeros()) {
  if (options_.max_eval == 0) options_.max_eval = options_.max_iter * 5 / 4;
}

std::vector<OptimizerOption> Lbfgs::options() const {
  LbfgsOptions copy = options_;
  return options_in(copy.table());
}

// Without line search: back along the last step until the function is finite again.
double Lbfgs::retreat(const Closure& closure, double value) {
  for (int i = 0; i < retreats && !usable(value); ++i) {
    const double shorter = i + 1 < retreats ? length_ / 10 : 0;
    add(shorter - length_, direction(), parameters().values());
    length_ = shorter;
    value = gradient_at(closure);
  }
  return value;
}

void Lbfgs::remember() {
  Pair pair{parameters().zeros(), parameters().zeros()};
  assign(gradient(), pair.change);
  add(-1, previous_gradient_, pair.change);
  scale(length_, direction(), pair.step);
  const double curvature = dot(pair.change, pair.step);
  if (!(curvature > least_curvature)) return;
  if (static_cast<std::int64_t>(history_.size()) == options_.history_size) history_.pop_front();
  pair.weight = 1 / curvature;
  scale_ = curvature / dot(pair.change, pair.change);
  history_.push_back(std::move(pair));
}

// The two-loop recursion: direction = -(approximate inverse Hessian) · gradient.
void Lbfgs::choose_direction() {
  std::vector<double> along(history_.size());
  scale(-1, gradient(), direction());
  for (std::size_t i = history_.size(); i-- > 0;) {
    along[i] = dot(history_[i].step, direction()) * history_[i].weight;
    add(-along[i], history_[i].change, direction());
  }
  scale(scale_, direction(), direction());
  for (std::size_t i = 0; i < history_.size(); ++i) {
    const double against = dot(history_[i].change, direction()) * history_[i].weight;
    add(along[i] - against, history_[i].step, direction());
  }
}

double Lbfgs::minimize(const Closure& closure) {
  const bool searching = options_.line_search_fn == "strong_wolfe";
  double value = gradient_at(closure);
  if (iterations_ > 0 && !searching) value = retreat(closure, value);
  const double first = loss_of(value);
  if (!usable(value)) return first;
  const auto converged = [&] { return largest_magnitude(gradient()) <= options_.tolerance_grad; };
  if (converged()) return first;

  const std::int64_t evaluations_before = evaluations() - 1;
  for (std::int64_t iteration = 1; iteration <= options_.max_iter; ++iteration) {
    if (++iterations_ == 1) {
      scale(-1, gradient(), direction());
    } else {
      remember();
      choose_direction();
    }
    assign(gradient(), previous_gradient_);
    previous_value_ = value;
    length_ = iterations_ == 1 ? std::min(1.0, 1 / magnitude_sum(gradient())) * rate() : rate();
    const double slope = dot(gradient(), direction());
    if (!(slope <= -options_.tolerance_change)) break;

    if (searching) {
      const LineResult found = search(closure, value, slope, length_,
                                      {.tolerance_change = options_.tolerance_change,
                                       .evaluations = options_.max_eval - (evaluations() - evaluations_before)});
      length_ = found.point.at;
      value = found.point.value;
    } else {
      add(length_, direction(), parameters().values());
      if (iteration == options_.max_iter) break;  // the next step() begins with an evaluation
      value = retreat(closure, gradient_at(closure));
    }
    if (evaluations() - evaluations_before >= options_.max_eval || converged() ||
        std::abs(length_) * largest_magnitude(direction()) <= options_.tolerance_change ||
        std::abs(value - previous_value_) < options_.tolerance_change)
      break;
  }
  return first;
}

std::vector<NamedState> Lbfgs::more_state() const {
  const std::vector<double> numbers{length_,
                                    scale_,
                                    previous_value_,
                                    static_cast<double>(iterations_),
                                    static_cast<double>(evaluations()),
                                    static_cast<double>(history_.size())};
  std::vector<NamedState> state{{"numbers", Array::from(numbers, {6})}};
  const auto append = [&](const Array& buffer, const std::string& name) {
    for (NamedState& part : parameters().parts(buffer, name + ".")) state.push_back(std::move(part));
  };
  append(direction(), "direction");
  append(previous_gradient_, "previous_gradient");
  for (std::size_t i = 0; i < history_.size(); ++i) {
    append(history_[i].step, "history." + std::to_string(i) + ".step");
    append(history_[i].change, "history." + std::to_string(i) + ".change");
  }
  return state;
}

void Lbfgs::load_more(std::span<const NamedState> arrays) {
  const std::vector<double> numbers = read_only(arrays, "numbers").to_vector<double>();
  if (numbers.size() != 6 || !(numbers[5] >= 0 && numbers[5] <= 1e6))
    throw DataError({.where = "numbers", .what = "not those of an L-BFGS state"});
  const auto read = [&](const std::string& name) {
    Array buffer = parameters().zeros();
    parameters().assign_parts(buffer, name + ".", arrays);
    return buffer;
  };
  const Array found_direction = read("direction"), previous = read("previous_gradient");
  std::deque<Pair> history;
  for (std::size_t i = 0; i < static_cast<std::size_t>(numbers[5]); ++i) {
    const std::string name = "history." + std::to_string(i);
    Pair pair{read(name + ".step"), read(name + ".change")};
    pair.weight = 1 / dot(pair.change, pair.step);
    history.push_back(std::move(pair));
  }
  assign(found_direction, direction());
  previous_gradient_ = previous;
  history_ = std::move(history);
  length_ = numbers[0];
  scale_ = numbers[1];
  previous_value_ = numbers[2];
  iterations_ = static_cast<std::int64_t>(numbers[3]);
  set_evaluations(static_cast<std::int64_t>(numbers[4]));
}

}  // namespace joist
