// How exactly products and convolutions of float32 arrays are computed where the hardware offers a choice.
#pragma once

#include <cstdint>

namespace joist {

/// PyTorch's torch.set_float32_matmul_precision. highest: in float32. high: NVIDIA GPUs may round the operands to TF32
/// (10 bits of mantissa instead of 23) and add in float32, several times as fast; the CPU knows no difference.
enum class Float32Precision : std::uint8_t { highest, high };

/// For the whole process, from the next call on. At first highest, or high where the environment says JOIST_TF32=1.
void set_float32_precision(Float32Precision precision) noexcept;
Float32Precision float32_precision() noexcept;

}  // namespace joist
