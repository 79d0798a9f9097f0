// The limit that a user sets to the instructions of the kernels.
#pragma once

#include <joist/core/instruction_set.h>

namespace joist {

/// Reads JOIST_MAX_CPU_ISA the first time that it is called: before any kernel runs. Throws UsageError.
void limit_instruction_set();

}  // namespace joist
