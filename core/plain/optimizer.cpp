#include <joist/core/plain/plain.h>

#include <cmath>

namespace joist::plain {
namespace {

void sgd(const SgdStep& step, const Array& parameter, const Array& gradient, const Array& velocity) {
  for_each_index(parameter.shape(), [&](const Shape& i) {
    double direction = at(gradient, i) + step.weight_decay * at(parameter, i);
    if (step.momentum != 0) {
      double& v = at(velocity, i);
      v = step.first ? direction : step.momentum * v + (1 - step.dampening) * direction;
      direction = step.nesterov ? direction + step.momentum * v : v;
    }
    at(parameter, i) -= step.rate * direction;
  });
}

void adam(const AdamStep& step, const Array& parameter, const Array& gradient, const Array& first_moment,
          const Array& second_moment) {
  const double count = static_cast<double>(step.step);
  for_each_index(parameter.shape(), [&](const Shape& i) {
    double& p = at(parameter, i);
    double g = at(gradient, i);
    if (step.decoupled)
      p -= step.rate * step.weight_decay * p;
    else
      g += step.weight_decay * p;
    double& m = at(first_moment, i);
    double& v = at(second_moment, i);
    m = step.beta1 * m + (1 - step.beta1) * g;
    v = step.beta2 * v + (1 - step.beta2) * g * g;
    const double unbiased_m = m / (1 - std::pow(step.beta1, count));
    const double unbiased_v = v / (1 - std::pow(step.beta2, count));
    p -= step.rate * unbiased_m / (std::sqrt(unbiased_v) + step.epsilon);
  });
}

void interpolate(const Array& x, double weight, const Array& y) {
  for_each_index(y.shape(), [&](const Shape& i) { at(y, i) += weight * (at(x, i) - at(y, i)); });
}

void square_sum(const Array& x, const Array& total) {
  double sum = 0;
  for_each_index(x.shape(), [&](const Shape& i) { sum += at(x, i) * at(x, i); });
  *total.data<double>() = sum;
}

}  // namespace

void fill(OptimizerKernels& kernels) {
  kernels.sgd = sgd;
  kernels.adam = adam;
  kernels.interpolate = interpolate;
  kernels.square_sum = square_sum;
}

}  // namespace joist::plain
