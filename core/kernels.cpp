#include <joist/core/cpu/kernels.h>
#include <joist/core/kernels.h>
#include <joist/core/plain/plain.h>
#include <joist/core/registry.h>

namespace joist {
namespace {

constinit Registry<const Kernels*> registry;

}  // namespace

const Kernels& kernels(Device device, Dtype dtype) {
  if (device.on_host() && !is_floating(dtype)) return integer_kernels();
  if (device.kind == Device::Kind::cpu && dtype != Dtype::float32)
    return dtype == Dtype::float64 ? double_kernels() : half_kernels();
  if (const Kernels* table = registry.find(device.kind)) return *table;
  if (!device.on_host()) return *registry.get(device);
  const Kernels& own = device.kind == Device::Kind::cpu ? cpu_kernels() : plain_kernels();
  registry.set(device.kind, &own);
  return own;
}

void register_kernels(Device::Kind kind, const Kernels& table) { registry.set(kind, &table); }

#define JOIST_FAMILY(Family, member)                             \
  template <>                                                    \
  const Family& kernels_of<Family>(Device device, Dtype dtype) { \
    return kernels(device, dtype).member;                        \
  }
JOIST_FAMILY(ElementwiseKernels, elementwise)
JOIST_FAMILY(ComparisonKernels, comparison)
JOIST_FAMILY(ReductionKernels, reduction)
JOIST_FAMILY(ScanKernels, scan)
JOIST_FAMILY(SortingKernels, sorting)
JOIST_FAMILY(MatmulKernels, matmul)
JOIST_FAMILY(LinalgKernels, linalg)
JOIST_FAMILY(FourierKernels, fourier)
JOIST_FAMILY(ConvolutionKernels, convolution)
JOIST_FAMILY(WindowKernels, windows)
JOIST_FAMILY(BatchNormKernels, batch_norm)
JOIST_FAMILY(LayerNormKernels, layer_norm)
JOIST_FAMILY(PoolKernels, pool)
JOIST_FAMILY(ResizeKernels, resize)
JOIST_FAMILY(SoftmaxKernels, softmax)
JOIST_FAMILY(AttentionKernels, attention)
JOIST_FAMILY(RecurrentKernels, recurrent)
JOIST_FAMILY(LossKernels, loss)
JOIST_FAMILY(IndexingKernels, indexing)
JOIST_FAMILY(RandomKernels, random)
JOIST_FAMILY(OptimizerKernels, optimizer)
#undef JOIST_FAMILY

}  // namespace joist
