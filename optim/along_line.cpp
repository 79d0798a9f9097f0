#include <joist/optim/along_line.h>
#include <joist/optim/vectors.h>

#include <cmath>

namespace joist {

AlongLine::AlongLine(std::string kind, FlatParameters& parameters, double lr, bool maximize, bool clear_gradients)
    : Optimizer(std::move(kind), parameters, clear_gradients),
      direction_(parameters.zeros()),
      gradient_(parameters.zeros()),
      maximize_(maximize) {
  for (GroupSettings& group : own_groups()) group.lr = lr;
}

double AlongLine::gradient_at(const Closure& closure) {
  const double sign = maximize_ ? -1 : 1;
  ++evaluations_;
  const double value = sign * evaluate(closure);
  scale(sign, parameters().gradients(), gradient_);
  return value;
}

bool AlongLine::usable(double value) const { return std::isfinite(value) && all_finite(gradient_); }

LineResult AlongLine::search(const Closure& closure, double value, double slope, double first,
                             const WolfeOptions& options) {
  const Array start = copy_of(parameters().values());
  const LinePoint here{.at = 0, .value = value, .slope = slope, .gradient = copy_of(gradient_)};
  const auto function = [&](double at) {
    assign(start, parameters().values());
    add(at, direction_, parameters().values());
    LinePoint point{.at = at, .value = gradient_at(closure), .slope = dot(gradient_, direction_)};
    point.gradient = copy_of(gradient_);
    return point;
  };
  WolfeOptions with_length = options;
  with_length.length = largest_magnitude(direction_);
  LineResult found = strong_wolfe(function, here, first, with_length);
  assign(start, parameters().values());
  if (found.point.at != 0) add(found.point.at, direction_, parameters().values());
  assign(found.point.gradient, gradient_);
  return found;
}

}  // namespace joist
