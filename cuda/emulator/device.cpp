#include <joist/core/memory.h>
#include <joist/core/parallel/gpu_communicator.h>
#include <joist/core/picture_change.h>
#include <joist/core/transfer.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/communicator.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/layers.h>
#include <joist/cuda/pictures.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/transfer.h>
#include <joist/cuda/upload.h>

#ifdef __SANITIZE_ADDRESS__
// Stacks of fibers are no stacks to these two.
extern "C" const char* __asan_default_options() { return "detect_leaks=0:detect_stack_use_after_return=0"; }
#endif

namespace joist::cuda {

namespace emulator {
Device use_emulated_gpu() {
  register_allocator(Device::Kind::cuda, DeviceMemory::instance());
  register_transfers(Device::Kind::cuda,
                     {.to_host = copy_to_host, .to_device = copy_to_device, .free_bytes = free_bytes});
  register_kernels(Device::Kind::cuda, cuda_kernels());
  register_step_capture(Device::Kind::cuda, make_step_capture);
  register_uploader(Device::Kind::cuda, make_uploader);
  register_picture_changes(Device::Kind::cuda, change_pictures);
  parallel::register_gpu_communicator(gpu_communicator);
  register_layer_library(Device::Kind::cuda, layer_library());
  return {Device::Kind::cuda, 0};
}

}  // namespace emulator
}  // namespace joist::cuda
