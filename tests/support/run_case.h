// Runs a case of tests/cases on a device, forwards and backwards, and compares what comes out.
#pragma once

#include <joist/tests/cases/cases.h>
#include <joist/tests/support/strict_kernels.h>

#include <optional>
#include <ostream>

#include <gtest/gtest.h>

namespace joist {

/// Host copy of an array, in row-major order. None at first.
struct Values {
  Shape shape{0};
  std::vector<double> values{};
};
Values values_of(const Array& array);

/// A tensor's value where a case returned it, and its gradient where one is wanted.
struct Result {
  std::vector<Values> outputs{};
  std::vector<Values> gradients{};  ///< one per input; no values where none is wanted
};

struct RunOptions {
  /// Backward passes onto the same gradients.
  int passes = 1;
  /// Gradients of results lie otherwise in memory than the results, and gradients of inputs between numbers that must
  /// stay.
  bool spread_gradients = false;
  /// What outputs of kernels hold beforehand; undefined without.
  std::optional<StrictKernels::Start> start{};
  /// d(loss)/d(output) instead of random numbers.
  std::vector<std::vector<double>> seeds{};
};
Result run_case(const cases::Case& one, Device device, const RunOptions& options = {});

/// Row-major d(loss)/d(output) for the output at a position of a case, in [-1, 1); always the same.
std::vector<double> seeds_of(const cases::Case& one, std::size_t position, std::int64_t elements);

/// Whether all differences stay within tolerance * (largest magnitude wanted + floor); NaN and infinities must be
/// equal.
testing::AssertionResult near(const Values& got, const Values& wanted, double tolerance, double floor = 0);

/// Outputs and gradients, each as above; gradients are wanted `scale` times.
void expect_near(const Result& got, const Result& wanted, double tolerance, double floor = 0, double scale = 1);

/// A case and its family, as GoogleTest shows and names it.
struct Listed {
  const cases::Family* family;
  const cases::Case* one;
  friend void PrintTo(const Listed& listed, std::ostream* out) {
    *out << listed.family->name << "/" << listed.one->name;
  }
};
std::vector<Listed> all_cases();
inline std::string name_of_case(const testing::TestParamInfo<Listed>& info) {
  return info.param.family->name + "_" + info.param.one->name;
}

/// What all arrays hold after a case of a kernel ran on a device.
std::vector<Values> run_kernel_case(const cases::KernelCase& one, Device device,
                                    std::optional<StrictKernels::Start> start = {});
std::vector<const cases::KernelCase*> all_kernel_cases();
inline std::string name_of_kernel_case(const testing::TestParamInfo<const cases::KernelCase*>& info) {
  return info.param->name;
}

}  // namespace joist
