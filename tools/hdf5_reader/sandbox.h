// Giving up rights before bytes of unknown origin are parsed.
#pragma once

#include <cstdint>

namespace joist::helper {

/// From here on this process can compute, take up to `memory_bytes` and `cpu_seconds`, and use the descriptors that it
/// has: it can open nothing, connect to nothing, start nothing and map no code. Throws Failure where the kernel cannot
/// promise that.
void enter_sandbox(std::uint64_t memory_bytes, std::uint64_t cpu_seconds);

}  // namespace joist::helper
