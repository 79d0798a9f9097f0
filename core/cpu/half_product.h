// Products of large bfloat16 matrices by tiles (AMX).
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

/// y [m, n] (+)= a [m, k] · b [k, n] + bias with a and b bfloat16, each with neighbours along one axis, y and bias [n]
/// (or undefined) float32, y's rows gapless. False, and nothing done: it is not of that kind, has fewer than least_rows
/// (blocks of 32 are divided among threads), or the processor has no tiles.
bool tile_product(const Array& a, const Array& b, const Array& bias, const Out& y, std::int64_t least_rows = 64);
bool has_tile_product();

}  // namespace joist
