// Every kernel once more as plain loops over double, written to be read beside the formulas of core/kernels/. It takes
// no care of speed, only of being right: sums go to fresh memory first, so that any operands may share memory. This is
// what float64 arrays on the CPU compute with, and, as Device::Kind::reference, the yardstick of every other backend.
#pragma once

#include <joist/core/kernels.h>

#include <cmath>

namespace joist {

/// The table of Device::Kind::reference.
const Kernels& plain_kernels();

namespace plain {

inline constexpr Device device{Device::Kind::reference};

/// The element at an index.
template <class T = double>
T& at(const Array& array, const Shape& index) {
  return array.data<T>()[offset_of(index, array.strides())];
}

/// Sets or adds to one element.
inline void put(const Out& out, const Shape& index, double value) {
  double& element = at(out.array, index);
  element = out.accumulate ? element + value : value;
}

/// New row-major memory.
inline Array zeros(const Shape& shape) {
  return Array::from(std::vector<double>(static_cast<std::size_t>(shape.elements())), shape, device);
}

/// Sets or adds a whole array; an Out without an array is not wanted.
inline void put(const Out& out, const Array& values) {
  if (!out.array.defined()) return;
  for_each_index(values.shape(), [&](const Shape& i) { put(out, i, at(values, i)); });
}

/// The order of every maximum: the first of equals stays, a NaN wins over all numbers (as in PyTorch).
inline bool beats(double challenger, double best) {
  return challenger > best || (std::isnan(challenger) && !std::isnan(best));
}

// One per family, in the file of that name.
void fill(ElementwiseKernels&);
void fill(ComparisonKernels&);
void fill(ReductionKernels&);
void fill(ScanKernels&);
void fill(SortingKernels&);
void fill(MatmulKernels&);
void fill(LinalgKernels&);
void fill(FourierKernels&);
void fill(ConvolutionKernels&);
void fill(WindowKernels&);
void fill(BatchNormKernels&);
void fill(LayerNormKernels&);
void fill(PoolKernels&);
void fill(ResizeKernels&);
void fill(SoftmaxKernels&);
void fill(AttentionKernels&);
void fill(RecurrentKernels&);
void fill(LossKernels&);
void fill_ctc(LossKernels&);  ///< called by the one above
void fill(IndexingKernels&);
void fill(RandomKernels&);
void fill(OptimizerKernels&);

}  // namespace plain
}  // namespace joist
