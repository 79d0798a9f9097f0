// Products of large matrices by tiles (AMX): of bfloat16 numbers, or of float32 numbers with float32's precision
// (split_tiles.h).
#pragma once

#include <joist/core/kernels/kernel.h>

namespace joist {

/// y [m, n] (+)= a [m, k] · b [k, n] + bias with a and b both bfloat16 or both float32, each with neighbours along one
/// axis, y and bias [n] (or undefined) float32, y's rows gapless. False, and nothing done: it is not of that kind, has
/// fewer than least_rows (blocks of 32 are divided among threads), or the processor has no tiles.
bool tile_product(const Array& a, const Array& b, const Array& bias, const Out& y, std::int64_t least_rows = 64);
/// Whether it exists here and is faster than others for a of [m, k] and b of [k, n].
bool tile_product_pays(Dtype dtype, std::int64_t m, std::int64_t k, std::int64_t n);

}  // namespace joist
