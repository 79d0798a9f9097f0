// Products and convolutions in bfloat16, where the CPU has instructions for them.
#pragma once

#include <joist/core/kernels.h>

#include <initializer_list>

namespace joist {

/// Throws DtypeError unless all arrays that are defined are float32, or the operands bfloat16 and the results (with the
/// bias) each bfloat16 or float32.
void require_product_types(std::initializer_list<const Array*> operands, std::initializer_list<const Array*> results);

/// In the table of half-precision kernels, which go by way of float32: products and convolutions of bfloat16 arrays
/// only take the CPU's own instructions where it has them.
void fill_bfloat16(Kernels& half);

}  // namespace joist
