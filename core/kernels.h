// The kernel tables: what a backend computes, over Arrays, one struct per op family (core/kernels/). core/cpu, cuda and
// core/plain each fill one. A missing entry is an error that names the kernel and the device.
//
// core/plain is every kernel once more as plain loops in double: what float64 arrays on the CPU compute with, and the
// yardstick of every other backend. float16 and bfloat16 arrays on the CPU go through float32.
#pragma once

#include <joist/core/kernels/attention.h>
#include <joist/core/kernels/comparison.h>
#include <joist/core/kernels/convolution.h>
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/fourier.h>
#include <joist/core/kernels/indexing.h>
#include <joist/core/kernels/linalg.h>
#include <joist/core/kernels/loss.h>
#include <joist/core/kernels/matmul.h>
#include <joist/core/kernels/normalization.h>
#include <joist/core/kernels/optimizer.h>
#include <joist/core/kernels/pooling.h>
#include <joist/core/kernels/random.h>
#include <joist/core/kernels/recurrent.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/kernels/resize.h>
#include <joist/core/kernels/scan.h>
#include <joist/core/kernels/softmax.h>
#include <joist/core/kernels/sorting.h>
#include <joist/core/kernels/windows.h>

namespace joist {

struct Kernels {
  ElementwiseKernels elementwise{};
  ComparisonKernels comparison{};
  ReductionKernels reduction{};
  ScanKernels scan{};
  SortingKernels sorting{};
  MatmulKernels matmul{};
  LinalgKernels linalg{};
  FourierKernels fourier{};
  ConvolutionKernels convolution{};
  WindowKernels windows{};
  BatchNormKernels batch_norm{};
  LayerNormKernels layer_norm{};
  PoolKernels pool{};
  ResizeKernels resize{};
  SoftmaxKernels softmax{};
  AttentionKernels attention{};
  RecurrentKernels recurrent{};
  LossKernels loss{};
  IndexingKernels indexing{};
  RandomKernels random{};
  OptimizerKernels optimizer{};
};

/// The table of a device for arrays of a dtype. Throws EnvironmentError when its backend is not loaded.
const Kernels& kernels(Device device, Dtype dtype = Dtype::float32);
inline const Kernels& kernels(const Array& x) { return kernels(x.device(), x.dtype()); }
/// Called by a backend when it is loaded; the table lives until the process ends.
void register_kernels(Device::Kind kind, const Kernels& table);

}  // namespace joist
