// What core/plugin.cpp looks for in libjoist_cuda.so.
#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/core/parallel/gpu_communicator.h>
#include <joist/core/parallel/launch.h>
#include <joist/core/picture_change.h>
#include <joist/core/transfer.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/communicator.h>
#include <joist/cuda/device/driver.h>
#include <joist/cuda/device/library.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/layers.h>
#include <joist/cuda/pictures.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/transfer.h>
#include <joist/cuda/upload.h>

#include <exception>
#include <string>

#include <cuda_runtime_api.h>

namespace joist::cuda {

/// Whether this library holds code for the GPU (probe.cu).
cudaError_t probe();

namespace {

std::string text_of(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

// In the order in which a machine lacks things. Empty: all is there.
std::string obstacle() {
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no NVIDIA driver is installed";
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver)
    return "the NVIDIA driver is for CUDA " + text_of(driver) + ", and this joist needs " + text_of(CUDART_VERSION) +
           ": a newer driver";
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
    return "the NVIDIA driver sees no GPU (CUDA_VISIBLE_DEVICES may hide it)";
  if (error != cudaSuccess) return std::string("the NVIDIA driver says: ") + cudaGetErrorString(error);
  // Ranks of one machine that all see its GPUs take one each; those that see a single one share it.
  const parallel::Launch launch = parallel::detect_launch(parallel::process_environment());
  const int own = launch.size > 1 ? launch.local_rank % count : 0;
  cudaDeviceProp properties{};
  if (cudaSetDevice(own) != cudaSuccess || cudaGetDeviceProperties(&properties, own) != cudaSuccess)
    return "GPU " + std::to_string(own) + " cannot be used: " + std::string(cudaGetErrorString(cudaGetLastError()));
  driver::choose_gpu(own);
  if (const cudaError_t missing = probe(); missing != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return std::string(properties.name) + " has compute capability " + std::to_string(properties.major) + "." +
           std::to_string(properties.minor) +
           ", and joist was built for " JOIST_CUDA_ARCHITECTURES ": build it again with -DJOIST_CUDA_ARCHITECTURES=" +
           std::to_string(properties.major) + std::to_string(properties.minor) + " (" + cudaGetErrorString(missing) +
           ")";
  }
  return {};
}

}  // namespace
}  // namespace joist::cuda

extern "C" {

__attribute__((visibility("default"))) const char* joist_cuda_abi() { return JOIST_PLUGIN_ABI; }

/// Registers the backend. Empty: it can be used; else why not.
__attribute__((visibility("default"))) const char* joist_cuda_start() {
  namespace cuda = joist::cuda;
  static std::string why;
  try {
    why = cuda::obstacle();
    if (!why.empty()) return why.c_str();
    register_allocator(joist::Device::Kind::cuda, cuda::memory());
    register_transfers(
        joist::Device::Kind::cuda,
        {.to_host = cuda::copy_to_host, .to_device = cuda::copy_to_device, .free_bytes = cuda::free_bytes});
    register_kernels(joist::Device::Kind::cuda, cuda::cuda_kernels());
    register_step_capture(joist::Device::Kind::cuda, cuda::make_step_capture);
    register_uploader(joist::Device::Kind::cuda, cuda::make_uploader);
    register_picture_changes(joist::Device::Kind::cuda, cuda::change_pictures);
    joist::parallel::register_gpu_communicator(cuda::gpu_communicator);
    register_layer_library(joist::Device::Kind::cuda, cuda::layer_library());
  } catch (const std::exception& error) {
    why = error.what();
  }
  return why.c_str();
}

/// What is missing of the libraries that are loaded when they are needed, a line each. Needs no driver.
__attribute__((visibility("default"))) const char* joist_cuda_libraries() {
  static std::string missing;
  missing.clear();
  for (const auto load :
       {joist::cuda::load_product_library, joist::cuda::load_collective_library, joist::cuda::load_cudnn}) {
    try {
      load();
    } catch (const std::exception& error) {
      missing += std::string(error.what()) + "\n";
    }
  }
  return missing.c_str();
}

}  // extern "C"
