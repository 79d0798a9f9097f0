#include <joist/core/error.h>
#include <joist/cuda/device/cudnn_functions.h>
#include <joist/cuda/device/library.h>

#include <array>

namespace joist::cuda {

void load_cudnn() { static_cast<void>(cudnn::Functions::instance()); }

namespace cudnn {

Functions::Functions() {
  const std::string version = std::to_string(CUDNN_MAJOR);
  const Library library(
      "cuDNN", {"libcudnn.so." + version},
      "install cuDNN " + version + " (`pip install nvidia-cudnn-cu" + std::to_string(CUDART_VERSION / 1000) + "`)");
#define JOIST_LOAD(function) library.load(function, #function);
  JOIST_CUDNN(JOIST_LOAD)
#undef JOIST_LOAD
}
const Functions& Functions::instance() {
  static const Functions one;
  return one;
}
std::string Functions::text(cudnnStatus_t status) const {
  std::array<char, 1024> more{};
  cudnnGetLastErrorString(more.data(), more.size());
  return std::string(cudnnGetErrorString(status)) + (more[0] ? std::string(" (") + more.data() + ")" : "");
}
void Functions::check(cudnnStatus_t status, const char* what) const {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw EnvironmentError({.where = "cuDNN",
                          .what = std::string(what) + ": " + text(status),
                          .remedy = "a driver and a cuDNN that belong to each other (`joist doctor`); "
                                    "JOIST_CUDNN=0 does without"});
}

}  // namespace cudnn
}  // namespace joist::cuda
