// What the tests of this room share: parameters on either host backend and gradients set by hand.
#pragma once

#include <joist/core/plain/plain.h>
#include <joist/optim/flat.h>
#include <joist/tests/support/reference_backend.h>

#include <string>
#include <vector>

namespace joist::testing {

/// Where and in which type the parameters are.
struct Backend {
  Device device = cpu;
  Dtype dtype = Dtype::float32;
};
inline const Backend single{}, doubled{cpu, Dtype::float64}, reference{plain::device, Dtype::float64};
inline std::string name_of(const Backend& backend) {
  return backend.device.text() + "_" + std::string(joist::name_of(backend.dtype));
}

inline Array values_on(const Backend& backend, const std::vector<double>& values, const Shape& shape) {
  if (backend.device == plain::device) use_reference();
  if (backend.dtype == Dtype::float64) return Array::from(values, shape, backend.device);
  return Array::from(std::vector<float>(values.begin(), values.end()), shape, backend.device);
}

inline Field parameter(const std::string& name, const std::vector<double>& values, const Shape& shape,
                       const Backend& backend = single) {
  return {name, Parameter(values_on(backend, values, shape)), true};
}

inline Field buffer(const std::string& name, const std::vector<double>& values, const Shape& shape) {
  return {name, Buffer(values_on(single, values, shape)), false};
}

/// Adds to the gradient, as a backward would.
inline void give_gradient(const Tensor& tensor, const std::vector<double>& values) {
  tensor.backward(values_on({tensor.device(), tensor.dtype()}, values, tensor.shape()));
}

inline std::vector<double> numbers(const Array& array) {
  if (array.dtype() == Dtype::float64) return array.to_vector<double>();
  const std::vector<float> values = array.to_vector<float>();
  return {values.begin(), values.end()};
}

/// (1 - x)² + 100 (y - x²)² at the one parameter [2]; adds its gradient there.
inline double rosenbrock(const Tensor& xy) {
  const std::vector<double> at = numbers(xy.value());
  const double x = at[0], y = at[1], valley = y - x * x;
  give_gradient(xy, {-2 * (1 - x) - 400 * x * valley, 200 * valley});
  return (1 - x) * (1 - x) + 100 * valley * valley;
}

}  // namespace joist::testing
