#include <joist/core/cpu/instruction_set.h>
#include <joist/core/cpu/onednn.h>
#include <joist/core/error.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

#include <dnnl.hpp>
#include <hwy/targets.h>

namespace joist {
namespace {

// Highway numbers better sets lower.
bool allow(std::int64_t best, dnnl::cpu_isa of_onednn) {
  hwy::DisableTargets(best - 1);
  dnnl::set_max_cpu_isa(of_onednn);  // refused once oneDNN has chosen; kernels are what makes it choose
  return true;
}

bool apply_variable() {
  const char* given = std::getenv("JOIST_MAX_CPU_ISA");  // NOLINT(concurrency-mt-unsafe): joist never sets variables
  std::string name = given ? given : "";
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.empty() || name == "avx512") return false;
  if (name == "avx2") return allow(HWY_AVX2, dnnl::cpu_isa::avx2);
  if (name == "sse4") return allow(HWY_SSE4, dnnl::cpu_isa::sse41);
  throw UsageError({.where = "JOIST_MAX_CPU_ISA", .what = "\"" + name + "\"", .expected = "avx512, avx2 or sse4"});
}

}  // namespace

void limit_instruction_set() { [[maybe_unused]] static const bool limited = apply_variable(); }

const char* instruction_set() {
  limit_instruction_set();
  const std::int64_t sets = hwy::SupportedTargets();
  return sets & HWY_AVX3 ? "AVX-512" : sets & HWY_AVX2 ? "AVX2" : "SSE4.2";
}

bool multiplies_bfloat16() {
  limit_instruction_set();
  return onednn::has_bfloat16();
}

}  // namespace joist
