// Holds every kernel of a device to the promise of Out, whoever calls it: what is there is never read, or is added to.
#pragma once

#include <joist/core/kernels.h>

#include <set>
#include <string>

namespace joist {

class StrictKernels {
 public:
  enum class Start {
    nan,    ///< outputs hold NaN before a kernel overwrites them
    number  ///< instead of overwriting, kernels add to 1, which is taken off afterwards (costs a rounding at magnitude
            ///< 1)
  };
  /// Wraps the kernels of a device while this lives. One at a time.
  StrictKernels(Device device, Start start);
  ~StrictKernels();
  StrictKernels(const StrictKernels&) = delete;
  StrictKernels& operator=(const StrictKernels&) = delete;

  /// Names of the kernels that were called in this process while wrapped.
  static const std::set<std::string>& called();
  /// Names of all kernels there are.
  static std::set<std::string> all();

 private:
  Device device_;
};

}  // namespace joist
