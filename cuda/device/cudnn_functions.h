// cuDNN's functions, found in its library at the first use: its graphs (cudnn.h) and its recurrent layers
// (cudnn_rnn.cpp).
#pragma once

#include <string>

#include <cudnn.h>
#include <cudnn_graph.h>

namespace joist::cuda::cudnn {

#define JOIST_CUDNN(f)                                                                                                \
  f(cudnnGetVersion) f(cudnnCreate) f(cudnnGetErrorString) f(cudnnGetLastErrorString) f(cudnnSetStream)               \
      f(cudnnBackendCreateDescriptor) f(cudnnBackendDestroyDescriptor) f(cudnnBackendExecute) f(cudnnBackendFinalize) \
          f(cudnnBackendGetAttribute) f(cudnnBackendSetAttribute) f(cudnnCreateRNNDescriptor)                         \
              f(cudnnDestroyRNNDescriptor) f(cudnnSetRNNDescriptor_v8) f(cudnnCreateRNNDataDescriptor)                \
                  f(cudnnDestroyRNNDataDescriptor) f(cudnnSetRNNDataDescriptor) f(cudnnCreateTensorDescriptor)        \
                      f(cudnnDestroyTensorDescriptor) f(cudnnSetTensorNdDescriptor) f(cudnnGetTensorNdDescriptor)     \
                          f(cudnnGetRNNWeightSpaceSize) f(cudnnGetRNNTempSpaceSizes) f(cudnnGetRNNWeightParams)       \
                              f(cudnnRNNForward) f(cudnnRNNBackwardData_v8) f(cudnnRNNBackwardWeights_v8)

struct Functions {
#define JOIST_MEMBER(name) decltype(&::name) name = nullptr;
  JOIST_CUDNN(JOIST_MEMBER)
#undef JOIST_MEMBER

  Functions();
  /// Throws EnvironmentError where cuDNN is missing.
  static const Functions& instance();
  /// What a status means, with cuDNN's own words of what went wrong.
  std::string text(cudnnStatus_t status) const;
  /// Throws EnvironmentError.
  void check(cudnnStatus_t status, const char* what) const;
};

}  // namespace joist::cuda::cudnn
