#include <joist/core/cpu/bfloat16.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/onednn.h>

namespace joist {
namespace {

bool all_bfloat16(std::initializer_list<const Array*> arrays) {
  for (const Array* array : arrays)
    if (array->defined() && array->dtype() != Dtype::bfloat16) return false;
  return true;
}
bool float32_or_bfloat16(std::initializer_list<const Array*> arrays) {
  for (const Array* array : arrays)
    if (array->defined() && array->dtype() != Dtype::bfloat16 && array->dtype() != Dtype::float32) return false;
  return true;
}

// The entries that were there: by way of float32.
struct Widened {
  MatmulKernels matmul{};
  ConvolutionKernels convolution{};
};
Widened& widened() {
  static Widened table;
  return table;
}

void product(const Array& a, const Array& b, const Array& bias, const Out& y) {
  const bool own = all_bfloat16({&a, &b}) && float32_or_bfloat16({&bias, &y.array});
  (own ? cpu_kernels().matmul : widened().matmul).product(a, b, bias, y);
}

void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  const bool own = all_bfloat16({&x, &w}) && float32_or_bfloat16({&bias, &y.array});
  (own ? cpu_kernels().convolution : widened().convolution).forward(x, w, bias, options, y);
}

void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx) {
  const bool own = all_bfloat16({&dy, &w}) && float32_or_bfloat16({&dx.array});
  (own ? cpu_kernels().convolution : widened().convolution).backward_input(dy, w, options, dx);
}

void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw, const Out& db) {
  const bool own = all_bfloat16({&x, &dy}) && float32_or_bfloat16({&dw.array, &db.array});
  (own ? cpu_kernels().convolution : widened().convolution).backward_weight(x, dy, options, dw, db);
}

}  // namespace

void require_product_types(std::initializer_list<const Array*> operands, std::initializer_list<const Array*> results) {
  if (all_bfloat16(operands) && float32_or_bfloat16(results)) return;
  for (const auto& arrays : {operands, results})
    for (const Array* array : arrays)
      if (array->defined()) array->require_dtype(Dtype::float32);
}

void fill_bfloat16(Kernels& half) {
  if (!onednn::has_bfloat16()) return;
  widened() = {half.matmul, half.convolution};
  half.matmul.product = product;
  half.convolution.forward = forward;
  half.convolution.backward_input = backward_input;
  half.convolution.backward_weight = backward_weight;
}

}  // namespace joist
