// What the recording fakes of NVIDIA's libraries were asked for.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace joist::cuda::emulator {

/// Calls by the name that the caller gave ("matmul", "convolution").
std::map<std::string, std::uint64_t> library_calls();
/// Any thread.
void count_call(const std::string& name);

}  // namespace joist::cuda::emulator
