// Which instructions the CPU kernels use.
#pragma once

namespace joist {

/// "AVX-512", "AVX2" or "SSE4.2": the best set that the processor has and the environment variable JOIST_MAX_CPU_ISA
/// (avx512, avx2 or sse4; capitals as well) allows, for the kernels of joist and of oneDNN alike. The variable is read
/// once, at the first use of a kernel or this function. Throws UsageError for any other value of the variable.
const char* instruction_set();

/// Whether the processor multiplies bfloat16 numbers (AVX-512 BF16, AMX) and JOIST_MAX_CPU_ISA lets it. Without,
/// Autocast gives the same numbers up to the order of sums, more slowly than float32. Throws as instruction_set().
bool multiplies_bfloat16();

}  // namespace joist
