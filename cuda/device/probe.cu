#include <cuda_runtime_api.h>

namespace joist::cuda {
namespace {

__global__ void nothing() {}

}  // namespace

// Fails where this library holds no code that the GPU can run.
cudaError_t probe() {
  cudaFuncAttributes attributes{};
  return cudaFuncGetAttributes(&attributes, nothing);
}

}  // namespace joist::cuda
