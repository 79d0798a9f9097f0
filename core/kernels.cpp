#include <joist/core/cpu/kernels.h>
#include <joist/core/kernels.h>
#include <joist/core/plain/plain.h>
#include <joist/core/plugin.h>

#include <array>
#include <atomic>

namespace joist {
namespace {

std::array<std::atomic<const Kernels*>, Device::kinds>& tables() {
  static std::array<std::atomic<const Kernels*>, Device::kinds> tables{};
  return tables;
}

}  // namespace

const Kernels& kernels(Device device, Dtype dtype) {
  if (device.on_host() && !is_floating(dtype)) return integer_kernels();
  if (device.kind == Device::Kind::cpu && dtype != Dtype::float32)
    return dtype == Dtype::float64 ? double_kernels() : half_kernels();
  auto& entry = tables()[static_cast<std::size_t>(device.kind)];
  if (const Kernels* table = entry.load(std::memory_order_acquire)) return *table;
  if (device.on_host()) {
    const Kernels& own = device.kind == Device::Kind::cpu ? cpu_kernels() : plain_kernels();
    entry.store(&own, std::memory_order_release);
    return own;
  }
  require_backend(device);
  return *entry.load(std::memory_order_acquire);
}

void register_kernels(Device::Kind kind, const Kernels& table) {
  tables()[static_cast<std::size_t>(kind)].store(&table, std::memory_order_release);
}

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
