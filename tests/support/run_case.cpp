#include <joist/core/kernels.h>
#include <joist/tests/support/run_case.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace joist {
namespace {

Dtype floating(Device device) { return device.kind == Device::Kind::reference ? Dtype::float64 : Dtype::float32; }

// The same numbers with the last two axes swapped in memory.
Array turned(const Array& array) {
  if (array.rank() < 2) return array;
  const Array memory =
      Array::empty(array.shape().with(-1, array.shape(-2)).with(-2, array.shape(-1)), array.dtype(), array.device());
  kernels(array.device()).elementwise.copy(array, Out{memory.transposed(), false});
  return memory.transposed();
}

Array seed_for(const Tensor& output, const std::vector<double>& values, bool turn) {
  const cases::Input input{.shape = output.shape(), .gradient = false};
  const Array packed = cases::place(input, values, output.device()).value();
  if (turn) return turned(packed);
  const Array array = Array::like(output.value());
  kernels(output.device()).elementwise.copy(packed, Out{array, false});
  return array;
}

// While the case itself runs; numbers put into its inputs shall not be touched.
std::unique_ptr<StrictKernels> strictly(Device device, const RunOptions& options) {
  return options.start ? std::make_unique<StrictKernels>(device, *options.start) : nullptr;
}

// A gradient's place with a foreign number (NaN) before, between and after its elements.
struct Place {
  Array block, view;
};
Place spread_place(const Tensor& leaf) {
  const Array block = Array::empty({2 * leaf.value().elements() + 1}, floating(leaf.device()), leaf.device());
  kernels(leaf.device()).elementwise.fill(std::numeric_limits<double>::quiet_NaN(), block);
  Strides strides =
      leaf.value().order() == Order::channels_last ? channels_last(leaf.shape()) : row_major(leaf.shape());
  for (int axis = 0; axis < strides.rank(); ++axis) strides[axis] *= 2;
  return {block, block.strided(leaf.shape(), strides, 1)};
}
void expect_untouched_between(const Place& place) {
  const Values block = values_of(place.block);
  for (std::size_t i = 0; i < block.values.size(); i += 2)
    EXPECT_TRUE(std::isnan(block.values[i])) << "a gradient's kernel wrote beside its output";
}

void run_backward(const cases::Case& one, const std::vector<Tensor>& outputs, const RunOptions& options) {
  std::vector<std::pair<Tensor, Array>> wanted;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].requires_grad())
      wanted.emplace_back(outputs[i], seed_for(outputs[i],
                                               options.seeds.empty() ? seeds_of(one, i, outputs[i].value().elements())
                                                                     : options.seeds[i],
                                               options.spread_gradients));
  if (wanted.empty()) return;
  const auto strict = strictly(outputs[0].device(), options);
  if (wanted.size() == 1) return wanted[0].first.backward(wanted[0].second);
  Tensor total = Tensor::zeros({}, floating(outputs[0].device()), outputs[0].device());
  for (const auto& [output, seed] : wanted) total = total + sum(output * Tensor(seed));
  total.backward();
}

}  // namespace

Values values_of(const Array& array) {
  const auto converted = [&](auto type) {
    const auto values = array.to_vector<decltype(type)>();
    return Values{array.shape(), std::vector<double>(values.begin(), values.end())};
  };
  switch (array.dtype()) {
    case Dtype::float64: return converted(double{});
    case Dtype::int64: return converted(std::int64_t{});
    case Dtype::int32: return converted(std::int32_t{});
    case Dtype::int8: return converted(std::int8_t{});
    case Dtype::uint8: return converted(std::uint8_t{});
    case Dtype::boolean: return converted(bool{});
    default: return converted(float{});
  }
}

std::vector<double> seeds_of(const cases::Case& one, std::size_t position, std::int64_t elements) {
  return cases::values_of(one.name, cases::uniform({elements}, -1, 1), 100 + position);
}

Result run_case(const cases::Case& one, Device device, const RunOptions& options) {
  const std::vector<Tensor> inputs = cases::inputs_of(one.name, one.inputs, device);
  std::vector<Place> places;
  if (options.spread_gradients)
    for (const Tensor& input : inputs)
      if (input.requires_grad()) {
        places.push_back(spread_place(input));
        input.place_gradient(places.back().view);
      }

  Result result;
  for (int pass = 0; pass < options.passes; ++pass) {
    const std::vector<Tensor> outputs = [&] {
      const auto strict = strictly(device, options);
      return one.run(inputs).tensors;
    }();
    if (pass == 0)
      for (const Tensor& output : outputs) result.outputs.push_back(values_of(output.value()));
    run_backward(one, outputs, options);
  }
  for (const Tensor& input : inputs) {
    const Array gradient = input.gradient();
    result.gradients.push_back(gradient.defined() ? values_of(gradient) : Values{});
  }
  for (const Place& place : places) expect_untouched_between(place);
  return result;
}

testing::AssertionResult near(const Values& got, const Values& wanted, double tolerance, double floor) {
  if (got.shape != wanted.shape || got.values.size() != wanted.values.size())
    return testing::AssertionFailure() << "shape " << got.shape.text() << " instead of " << wanted.shape.text();
  double magnitude = floor;
  for (const double value : wanted.values)
    if (std::isfinite(value)) magnitude = std::max(magnitude, floor + std::abs(value));
  const double bound = tolerance * magnitude;
  std::size_t failures = 0, position = 0;
  std::string first;
  for_each_index(wanted.shape, [&](const Shape& index) {
    const double a = got.values[position], b = wanted.values[position];
    ++position;
    const bool good = std::isfinite(b) ? std::abs(a - b) <= bound : std::isnan(b) ? std::isnan(a) : a == b;
    if (!good && failures++ == 0)
      first =
          "element " + index.text() + " is " + testing::PrintToString(a) + " instead of " + testing::PrintToString(b);
  });
  if (failures == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << failures << " of " << wanted.values.size() << " elements of "
                                     << wanted.shape.text() << " differ by more than " << bound << "; " << first;
}

void expect_near(const Result& got, const Result& wanted, double tolerance, double floor, double scale) {
  ASSERT_EQ(got.outputs.size(), wanted.outputs.size());
  ASSERT_EQ(got.gradients.size(), wanted.gradients.size());
  for (std::size_t i = 0; i < got.outputs.size(); ++i)
    EXPECT_TRUE(near(got.outputs[i], wanted.outputs[i], tolerance, floor)) << "output " << i;
  for (std::size_t i = 0; i < got.gradients.size(); ++i) {
    Values scaled = wanted.gradients[i];
    for (double& value : scaled.values) value *= scale;
    EXPECT_TRUE(near(got.gradients[i], scaled, tolerance, floor)) << "gradient of input " << i;
  }
}

std::vector<Listed> all_cases() {
  std::vector<Listed> listed;
  for (const cases::Family& family : cases::families())
    for (const cases::Case& one : family.cases) listed.push_back({&family, &one});
  return listed;
}

std::vector<Values> run_kernel_case(const cases::KernelCase& one, Device device,
                                    std::optional<StrictKernels::Start> start) {
  std::vector<Array> arrays;
  for (const Tensor& input : cases::inputs_of(one.name, one.arrays, device)) arrays.push_back(input.value());
  {
    const auto strict = start ? std::make_unique<StrictKernels>(device, *start) : nullptr;
    one.run(kernels(device), arrays);
  }
  std::vector<Values> results;
  for (const Array& array : arrays) results.push_back(values_of(array));
  return results;
}

std::vector<const cases::KernelCase*> all_kernel_cases() {
  std::vector<const cases::KernelCase*> all;
  for (const cases::KernelCase& one : cases::kernel_cases()) all.push_back(&one);
  return all;
}

}  // namespace joist
