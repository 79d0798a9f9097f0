// Which instructions the CPU kernels use.
#pragma once

namespace joist {

/// "AVX-512", "AVX2" or "SSE4.2": the best set that the processor has and the environment variable JOIST_MAX_CPU_ISA
/// (avx512, avx2 or sse4; capitals as well) allows, for the kernels of joist and of oneDNN alike. The variable is read
/// once, at the first use of a kernel or this function. Throws UsageError for any other value of the variable.
const char* instruction_set();

}  // namespace joist
