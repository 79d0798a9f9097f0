// The emulated GPU as a device: arrays of Device::Kind::cuda in host memory of their own, computed by the kernels of
// this folder on the emulator.
#pragma once

#include <joist/core/kernels.h>

#include <map>
#include <string>

namespace joist::cuda::emulator {

/// Registers allocator and kernels; returns the device.
Device use_emulated_gpu();

/// Launches by kernel name, and whether their threads worked together.
struct Seen {
  std::uint64_t launches = 0;
  bool together = false;
};
const std::map<std::string, Seen>& seen();

}  // namespace joist::cuda::emulator
