// ctest: TIMEOUT 300
// The kernels of cuda/ on the emulator, under AddressSanitizer, against the double-precision reference: the same cases
// as core/backend_test, with threads and blocks in random order and every access watched.
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/machine.h>
#include <joist/cuda/kernels.h>
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>
#include <joist/tests/support/strict_kernels.h>

namespace joist {
namespace {

const Device gpu = cuda::emulator::use_emulated_gpu();

// Cases that this many threads run say nothing that shorter ones do not.
bool is_short(const cases::Case& one) {
  std::int64_t elements = 0;
  for (const cases::Input& input : one.inputs) elements += input.shape.elements();
  return elements <= 5000;
}

class CudaBackend : public testing::TestWithParam<Listed> {};
std::vector<Listed> short_cases() {
  std::vector<Listed> found;
  for (const Listed& listed : all_cases())
    if (is_short(*listed.one)) found.push_back(listed);
  return found;
}
INSTANTIATE_TEST_SUITE_P(Case, CudaBackend, testing::ValuesIn(short_cases()), name_of_case);

TEST_P(CudaBackend, AgreesWithReference) {
  const auto& [family, one] = GetParam();
  const Result wanted = run_case(*one, use_reference());
  cuda::emulator::settings().seed = 1;
  try {
    expect_near(run_case(*one, gpu, {.start = StrictKernels::Start::nan}), wanted, family->tolerance);
    cuda::emulator::settings().seed = 2;
    const RunOptions options{.passes = 2, .spread_gradients = true, .start = StrictKernels::Start::number};
    expect_near(run_case(*one, gpu, options), wanted, family->tolerance, 1, 2);
  } catch (const UnsupportedError& error) {
    GTEST_SKIP() << "not yet: " << error.what();
  } catch (const Error& error) {
    if (std::string(error.what()).find("emulated kernel") != std::string::npos) throw;
    GTEST_SKIP() << "not on GPUs: " << error.what();
  }
}

}  // namespace
}  // namespace joist
