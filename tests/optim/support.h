// What the tests of this room share: parameters on either host backend and gradients set by hand.
#pragma once

#include <joist/optim/flat.h>
#include <joist/core/plain/plain.h>
#include <joist/tests/support/reference_backend.h>

#include <string>
#include <vector>

namespace joist::testing {

/// float64 on reference, float32 on cpu.
inline Array values_on(Device device, const std::vector<double>& values, const Shape& shape) {
  if (device == plain::device) {
    use_reference();
    return Array::from(values, shape, device);
  }
  return Array::from(std::vector<float>(values.begin(), values.end()), shape, device);
}

inline Field parameter(const std::string& name, const std::vector<double>& values, const Shape& shape,
                       Device device = cpu) {
  return {name, Parameter(values_on(device, values, shape)), true};
}

inline Field buffer(const std::string& name, const std::vector<double>& values, const Shape& shape) {
  return {name, Buffer(values_on(cpu, values, shape)), false};
}

/// Adds to the gradient, as a backward would.
inline void give_gradient(const Tensor& tensor, const std::vector<double>& values) {
  tensor.backward(values_on(tensor.device(), values, tensor.shape()));
}

inline std::vector<double> numbers(const Array& array) {
  if (array.dtype() == Dtype::float64) return array.to_vector<double>();
  const std::vector<float> values = array.to_vector<float>();
  return {values.begin(), values.end()};
}

}  // namespace joist::testing
