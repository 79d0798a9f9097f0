// What --device means on this machine.
#pragma once

#include <joist/core/device.h>

#include <string>

namespace joist {

struct DeviceChoice {
  Device device{};
  std::string note{};  ///< why `auto` does not take the GPU that is there and that this joist was built for
};

/// `wanted`: "cpu", "cuda", or "auto": a GPU where one can be used, else the CPU. Throws UsageError for other names and
/// EnvironmentError, which says what is missing, where "cuda" cannot be used.
DeviceChoice choose_device(const std::string& wanted);

}  // namespace joist
