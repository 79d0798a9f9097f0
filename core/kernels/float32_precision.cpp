#include <joist/core/kernels/float32_precision.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace joist {
namespace {

std::atomic<Float32Precision>& precision_now() noexcept {
  static std::atomic<Float32Precision> now = [] {
    const char* value = std::getenv("JOIST_TF32");  // NOLINT(concurrency-mt-unsafe): joist never sets variables
    return value && std::string_view(value) == "1" ? Float32Precision::high : Float32Precision::highest;
  }();
  return now;
}

}  // namespace

void set_float32_precision(Float32Precision precision) noexcept { precision_now() = precision; }
Float32Precision float32_precision() noexcept { return precision_now(); }

}  // namespace joist
