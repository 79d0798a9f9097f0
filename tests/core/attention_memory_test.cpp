// ctest: TIMEOUT 300 RUN_SERIAL ON
// Attention trains at length 8192 (8 heads of width 64) in memory that grows with the length, not with its square: the
// scores alone would take 2 GiB, and their gradients as much.
#include <joist/core/mode.h>
#include <joist/core/ops.h>

#include <cmath>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace joist {
namespace {

// A line of /proc/self/status in MiB: VmRSS now, VmHWM at most.
double mebibytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(field + ":", 0) == 0) return std::stod(line.substr(field.size() + 1)) / 1024;
  return -1;
}

TEST(AttentionMemory, IsLinearInTheLength) {
  manual_seed(1);
  const auto input = [] {
    const Tensor x = randn({1, 8, 8192, 64});
    x.set_requires_grad(true);
    return x;
  };
  const Tensor q = input(), k = input(), v = input();
  const double before = mebibytes("VmRSS");
  if (before < 0) GTEST_SKIP() << "no /proc/self/status";
  sum(scaled_dot_product_attention(q, k, v, {.causal = true})).backward();
  for (const Tensor& x : {q, k, v}) {
    const std::vector<float> slopes = x.gradient().to_vector<float>();
    for (std::size_t i = 0; i < slopes.size(); i += 997) ASSERT_TRUE(std::isfinite(slopes[i])) << i;
  }
  const double peak = mebibytes("VmHWM") - before;
  RecordProperty("mebibytes", std::to_string(peak));
  EXPECT_LT(peak, 1000) << "MiB above the inputs";
}

}  // namespace
}  // namespace joist
