// ctest: TIMEOUT 300 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// The kernels of cuda/ on the emulator, under AddressSanitizer, against the double-precision reference: the same cases
// as core/backend_test, with threads and blocks in random order and every access watched. Compiled once more as
// cuda_device_test, which runs them on a real GPU, for tools/gpu_check.
#ifdef JOIST_REAL_GPU
#include <joist/core/plugin.h>
#else
#include <joist/cuda/columns.h>
#include <joist/cuda/convolution.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/convolutions.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/machine.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/sequences.h>
#endif
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>
#include <joist/tests/support/strict_kernels.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>
#include <utility>

namespace joist {
namespace {

#ifdef JOIST_REAL_GPU
const Device gpu{Device::Kind::cuda, 0};

void shuffle(std::uint64_t) {}
void limit_columns(std::int64_t) {}  // of the plugin, which nobody links
// There the environment chooses: JOIST_CUDNN=0.
struct Convolutions {
  bool any = true, adds = true, bias = true;
};
void compute_by(const Convolutions&) {}
std::uint64_t convolutions_by_cudnn() { return 0; }
void layers_by_library(bool) {}  // there the environment chooses: JOIST_CUDNN=0
bool library_computed_layers() { return false; }

class NeedsGpu : public testing::Environment {
 public:
  void SetUp() override {
    if (why_no_backend(gpu.kind).empty()) return;
    std::printf("no GPU: %s\n", why_no_backend(gpu.kind).c_str());
    std::exit(77);  // NOLINT(concurrency-mt-unsafe)
  }
};
const auto* const needs_gpu = testing::AddGlobalTestEnvironment(new NeedsGpu);
#else
const Device gpu = cuda::emulator::use_emulated_gpu();

void shuffle(std::uint64_t seed) { cuda::emulator::settings().seed = seed; }
void limit_columns(std::int64_t bytes) { cuda::most_column_bytes() = bytes; }
using Convolutions = cuda::emulator::ConvolutionAbilities;
void compute_by(const Convolutions& abilities) {
  cuda::emulator::convolution_abilities() = abilities;
  cuda::forget_convolution_ways();
}
std::uint64_t convolutions_by_cudnn() { return cuda::emulator::library_calls()["by cuDNN"]; }
void layers_by_library(bool yes) { cuda::library_computes_layers() = yes; }
// Since it was last asked.
bool library_computed_layers() {
  static std::uint64_t before = 0;
  return std::exchange(before, cuda::emulator::library_calls()["recurrent_layer"]) != before;
}
#endif

// Cases that many threads run for long say nothing that shorter ones do not.
bool is_short(std::span<const cases::Input> inputs, std::int64_t most) {
  std::int64_t elements = 0;
  for (const cases::Input& input : inputs) elements += input.shape.elements();
  return elements <= most;
}

class CudaBackend : public testing::TestWithParam<Listed> {};
std::vector<Listed> short_cases() {
  std::vector<Listed> found;
  for (const Listed& listed : all_cases())
    if (is_short(listed.one->inputs, 3000)) found.push_back(listed);
  return found;
}
INSTANTIATE_TEST_SUITE_P(Case, CudaBackend, testing::ValuesIn(short_cases()), name_of_case);

// What the GPU refuses, and why. Every other case must pass, and these must be refused.
struct Refused {
  std::string_view name, reason;
};
constexpr std::string_view by_host = "the host shortens rows of the table in place";
constexpr std::array refused{Refused{"embedding/embedding_max_norm", by_host},
                             Refused{"embedding/embedding_max_norm_one", by_host}};

TEST_P(CudaBackend, AgreesWithReference) {
  const auto& [family, one] = GetParam();
  const std::string name = family->name + "/" + one->name;
  shuffle(1);
  const RunOptions first{.start = StrictKernels::Start::nan};
  const auto* exception =
      std::find_if(refused.begin(), refused.end(), [&](const Refused& r) { return r.name == name; });
  if (exception != refused.end()) {
    EXPECT_THROW(run_case(*one, gpu, first), UnsupportedError) << exception->reason;
    return;
  }
  const Result wanted = run_case(*one, use_reference());
  const std::uint64_t before = convolutions_by_cudnn();
  expect_near(run_case(*one, gpu, first), wanted, family->tolerance);
  const bool convolves = convolutions_by_cudnn() > before;
  shuffle(2);
  limit_columns(200);  // convolutions in many parts
  compute_by({.any = false});
  const RunOptions second{.passes = 2, .spread_gradients = true, .start = StrictKernels::Start::number};
  expect_near(run_case(*one, gpu, second), wanted, family->tolerance, 1, 2);
  limit_columns(std::int64_t{256} << 20);
  if (convolves) {
    expect_near(run_case(*one, gpu, first), wanted, family->tolerance);
    for (const Convolutions& less : {Convolutions{}, Convolutions{.adds = false, .bias = false}}) {
      compute_by(less);
      expect_near(run_case(*one, gpu, second), wanted, family->tolerance, 1, 2);
    }
    compute_by({.bias = false});
    expect_near(run_case(*one, gpu, first), wanted, family->tolerance);
  }
  compute_by({});
  if (!library_computed_layers()) return;
  layers_by_library(false);
  expect_near(run_case(*one, gpu, first), wanted, family->tolerance);
  expect_near(run_case(*one, gpu, second), wanted, family->tolerance, 1, 2);
  layers_by_library(true);
}

class CudaBackendKernels : public testing::TestWithParam<const cases::KernelCase*> {};
std::vector<const cases::KernelCase*> short_kernel_cases() {
  std::vector<const cases::KernelCase*> found;
  for (const cases::KernelCase* one : all_kernel_cases())
    if (is_short(one->arrays, 60000)) found.push_back(one);
  return found;
}
INSTANTIATE_TEST_SUITE_P(Case, CudaBackendKernels, testing::ValuesIn(short_kernel_cases()), name_of_kernel_case);

TEST_P(CudaBackendKernels, AgreeWithReference) {
  const cases::KernelCase& one = *GetParam();
  const auto wanted = run_kernel_case(one, use_reference());
  const auto overwritten = run_kernel_case(one, gpu, StrictKernels::Start::nan);
  const auto added = run_kernel_case(one, gpu, StrictKernels::Start::number);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_TRUE(near(overwritten[i], wanted[i], one.tolerance)) << "array " << i;
    EXPECT_TRUE(near(added[i], wanted[i], std::max(one.tolerance, 2e-7), 1)) << "array " << i << ", added to numbers";
  }
}

#ifndef JOIST_REAL_GPU
// After all cases: a kernel that none reaches is not proven by them, and one that says it runs here ran here.
class ReachedEveryKernel : public testing::Environment {
 public:
  void TearDown() override {
    if (testing::GTEST_FLAG(filter) != "*") return;
    // Entries that are another's body.
    const std::map<std::string, std::string> bodies{
        {"average_pool_3d", "average_pool"}, {"average_pool_3d_backward", "average_pool_backward"},
        {"max_pool_3d", "max_pool"},         {"max_pool_3d_backward", "max_pool_backward"},
        {"nearest_any", "resize_nearest"},   {"nearest_any_backward", "resize_nearest_backward"},
        {"square_sum", "product_sum"}};
    for (const std::string& name : StrictKernels::all()) {
      const bool wrapped = name != "logic";  // that takes bool arrays only, whose table is not wrapped
      EXPECT_TRUE(!wrapped || StrictKernels::called().contains(name)) << "no case reaches " << name;
      const cuda::Coverage coverage = cuda::coverage_of(name);
      if (coverage == cuda::Coverage::host) continue;
      if (coverage == cuda::Coverage::library) {
        EXPECT_TRUE(cuda::emulator::library_calls().contains(name)) << name << " never asked a library";
        continue;
      }
      const auto body = bodies.find(name);
      const auto found = cuda::emulator::seen().find(body == bodies.end() ? name : body->second);
      if (found == cuda::emulator::seen().end())
        ADD_FAILURE() << name << " never ran here";
      else
        EXPECT_EQ(found->second.together, coverage == cuda::Coverage::emulator) << name;
    }
  }
};
const auto* const reached = testing::AddGlobalTestEnvironment(new ReachedEveryKernel);
#endif

}  // namespace
}  // namespace joist
