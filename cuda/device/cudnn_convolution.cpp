// Convolutions by cuDNN: a description becomes one operation, or two where a bias is added.
#include <joist/cuda/convolution.h>
#include <joist/cuda/convolutions.h>
#include <joist/cuda/device/cudnn.h>

#include <array>
#include <exception>

namespace joist::cuda {
namespace {

using cudnn::Descriptor;
enum Id : std::int64_t { id_x = 1, id_w, id_y, id_bias, id_sum };

Descriptor geometry(const ConvolutionShape& shape) {
  Descriptor made(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  made.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, static_cast<std::int64_t>(shape.stride.size()))
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, &mode, 1)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, shape.padding)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, shape.padding)
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, shape.stride)
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, shape.dilation)
      .finalize();
  return made;
}

// What cuDNN calls the parts of the three operations.
struct Names {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t geometry, x, w, y, alpha, beta;
};
Names names_of(ConvolutionResult result) {
  switch (result) {
    case ConvolutionResult::dx:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case ConvolutionResult::dw:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    case ConvolutionResult::y: break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
}

cudnn::GraphPlan make_plan(const cudnn::Machine& machine, const ConvolutionShape& shape) {
  const cudnnDataType_t type = cudnn::type_of(shape.dtype);
  const auto tensor = [&](std::int64_t id, const PictureLayout& layout, bool inner = false) {
    return cudnn::tensor(id, inner ? CUDNN_DATA_FLOAT : type, layout.lengths, layout.strides, convolution_alignment,
                         inner ? cudnn::Place::inner : cudnn::Place::memory);
  };
  const Descriptor x = tensor(id_x, shape.x), w = tensor(id_w, shape.w), how = geometry(shape);
  const Descriptor y = shape.bias ? tensor(id_sum, shape.y, true) : tensor(id_y, shape.y);
  const Names names = names_of(shape.result);
  Descriptor convolution(names.operation);
  convolution.set(names.geometry, how)
      .set(names.x, x)
      .set(names.w, w)
      .set(names.y, y)
      .set(names.alpha, 1.0F)
      .set(names.beta, shape.adds ? 1.0F : 0.0F)
      .finalize();
  const cudnn::Demands demands{.exact_float32 = shape.dtype == Dtype::float32 && !shape.tf32};
  const std::array<const Descriptor*, 1> alone{&convolution};
  if (!shape.bias) return {machine, alone, demands};
  PictureLayout vector{std::vector<std::int64_t>(shape.y.lengths.size(), 1),
                       std::vector<std::int64_t>(shape.y.lengths.size(), shape.y.lengths[1])};
  vector.lengths[1] = shape.y.lengths[1];
  vector.strides[1] = 1;
  const Descriptor bias = tensor(id_bias, vector), result = tensor(id_y, shape.y);
  Descriptor addition(CUDNN_BACKEND_POINTWISE_DESCRIPTOR), operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  const cudnnPointwiseMode_t mode = CUDNN_POINTWISE_ADD;
  addition.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, &mode, 1)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
      .finalize();
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, addition)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, y)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, bias)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result)
      .finalize();
  const std::array<const Descriptor*, 2> both{&convolution, &operation};
  return {machine, both, demands};
}

class Plan final : public ConvolutionPlan {
 public:
  Plan(const cudnn::Machine& machine, const ConvolutionShape& shape)
      : bias_(shape.bias), graph_(make_plan(machine, shape)) {}
  std::size_t workspace() const override { return graph_.workspace(); }
  std::string text() const override { return graph_.text(); }
  void run(const char* name, const ConvolutionData& data, void* workspace, void* stream) const override {
    const std::array<std::int64_t, 4> ids{id_x, id_w, id_y, id_bias};
    const std::array<void*, 4> addresses{data.x, data.w, data.y, const_cast<void*>(data.bias)};
    const std::size_t count = bias_ ? 4 : 3;
    graph_.run(name, std::span(ids).first(count), std::span(addresses).first(count), workspace, stream);
  }

 private:
  bool bias_;
  cudnn::GraphPlan graph_;
};

std::unique_ptr<ConvolutionPlan> plan_on(const cudnn::Machine& machine, const ConvolutionShape& shape,
                                         std::string& why) {
  try {
    return std::make_unique<Plan>(machine, shape);
  } catch (const cudnn::Refused& refused) {
    why = std::string("cuDNN has no way to compute some shapes: ") + refused.what();
    return nullptr;
  }
}

}  // namespace

std::unique_ptr<ConvolutionPlan> plan_convolution(const ConvolutionShape& shape, std::string& why) {
  return plan_on(cudnn::Machine::current(), shape, why);
}

}  // namespace joist::cuda

/// For tests without a GPU (tests/cuda/cudnn_test.cpp, of the same build): the way that would be taken on the GPU of
/// these properties, in words. Throws EnvironmentError where cuDNN is missing or does not take the properties.
extern "C" __attribute__((visibility("default"))) bool joist_cuda_foresee_convolution(
    const joist::cuda::ConvolutionShape& shape, const std::string& json, joist::cuda::ConvolutionWay& way) {
  namespace cuda = joist::cuda;
  try {
    const cuda::cudnn::Machine machine(json);
    way = cuda::way_of(shape, [&](const cuda::ConvolutionShape& wanted, std::string& why) {
      return cuda::plan_on(machine, wanted, why);
    });
    return way.plan != nullptr;
  } catch (const cuda::cudnn::Refused& refused) {
    throw joist::EnvironmentError({.where = "cuDNN", .what = refused.what()});
  }
}
