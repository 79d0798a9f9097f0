// Recurrent layers by cuDNN's RNN API (the v8 functions, which cuDNN 9 keeps): descriptions are handed over as they
// are, one attribute each. Padded sequences one step after the other; sequence lengths are the descriptors' (since
// cuDNN 8.9.1 no copy of them on the GPU is asked for).
#include <joist/core/error.h>
#include <joist/cuda/device/cudnn.h>
#include <joist/cuda/sequences.h>

#include <array>
#include <string>

#include <cudnn.h>

namespace joist::cuda {
namespace {

using cudnn::Functions;

// What the library refuses is computed by joist's own kernels.
void check(cudnnStatus_t status, const char* what) {
  if (status >= CUDNN_STATUS_NOT_SUPPORTED && status < CUDNN_STATUS_INTERNAL_ERROR)
    throw UnsupportedError({.where = "cuDNN",
                            .what = std::string(what) + ": " + Functions::instance().text(status),
                            .remedy = "JOIST_CUDNN=0, joist's own kernels"});
  Functions::instance().check(status, what);
}

// A thread's own: cuDNN's handles are not for several at once. Never given back: the driver may be gone before.
cudnnHandle_t handle() {
  static thread_local const cudnnHandle_t one = [] {
    cudnnHandle_t made = nullptr;
    check(Functions::instance().cudnnCreate(&made), "being started");
    return made;
  }();
  return one;
}

cudnnRNNMode_t mode_of(Cell cell) {
  switch (cell) {
    case Cell::tanh: return CUDNN_RNN_TANH;
    case Cell::relu: return CUDNN_RNN_RELU;
    case Cell::lstm: return CUDNN_LSTM;
    case Cell::gru: return CUDNN_GRU;
    case Cell::gru_before: break;
  }
  throw UnsupportedError({.where = "cuDNN", .what = "has no GRU with the reset gate before the product"});
}
// Float32 is multiplied as it is unless TF32 was asked for.
cudnnMathType_t math_of(const SequenceShape& shape) {
  if (shape.dtype != Dtype::float32) return CUDNN_TENSOR_OP_MATH;
  return shape.tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
}

template <class Descriptor>
class Owned {
 public:
  using Create = cudnnStatus_t (*)(Descriptor*);
  using Destroy = cudnnStatus_t (*)(Descriptor);
  Owned(Create create, Destroy destroy) : destroy_(destroy) { check(create(&made_), "describing a recurrent layer"); }
  ~Owned() { destroy_(made_); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Descriptor get() const { return made_; }

 private:
  Descriptor made_ = nullptr;
  Destroy destroy_;
};

class Plan final : public SequencePlan {
 public:
  explicit Plan(const SequenceShape& shape) : shape_(shape) {
    const char* const what = "describing a recurrent layer";
    const auto directions = static_cast<int>(shape.directions());
    check(dnn_.cudnnSetRNNDescriptor_v8(layer_.get(), CUDNN_RNN_ALGO_STANDARD, mode_of(shape.cell),
                                        shape.bias ? CUDNN_RNN_DOUBLE_BIAS : CUDNN_RNN_NO_BIAS,
                                        shape.bidirectional ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL,
                                        CUDNN_LINEAR_INPUT, cudnn::type_of(shape.dtype), CUDNN_DATA_FLOAT,
                                        math_of(shape), static_cast<int>(shape.in), static_cast<int>(shape.hidden),
                                        static_cast<int>(shape.out), 1, nullptr, CUDNN_RNN_PADDED_IO_ENABLED),
          what);
    describe(x_, shape.in);
    describe(y_, directions * shape.out);
    describe(h_, shape.out);
    describe(c_, shape.hidden);
    check(dnn_.cudnnGetRNNWeightSpaceSize(handle(), layer_.get(), &weights_), what);
    check(dnn_.cudnnGetRNNTempSpaceSizes(handle(), layer_.get(), forward_mode(), x_.get(), &workspace_,
                                         shape.training ? &reserve_ : nullptr),
          what);
  }
  std::size_t weights() const override { return weights_; }
  std::size_t workspace() const override { return workspace_; }
  std::size_t reserve() const override { return reserve_; }

  WeightPlaces places(const void* weights, std::int64_t direction, std::int64_t part) const override {
    const Tensor matrix, bias;
    void *matrix_at = nullptr, *bias_at = nullptr;
    check(dnn_.cudnnGetRNNWeightParams(handle(), layer_.get(), static_cast<int>(direction), weights_, weights,
                                       static_cast<int>(part), matrix.get(), &matrix_at, bias.get(), &bias_at),
          "finding weights");
    return {place_of(matrix, matrix_at, weights), place_of(bias, bias_at, weights)};
  }

  void forward(const char* name, const SequenceForward& data, void* stream) const override {
    check(dnn_.cudnnSetStream(handle(), static_cast<cudaStream_t>(stream)), name);
    check(dnn_.cudnnRNNForward(handle(), layer_.get(), forward_mode(), nullptr, x_.get(), data.x, y_.get(), data.y,
                               h_.get(), data.h0, data.h_last, c_.get(), data.c0, data.c_last, weights_, data.weights,
                               workspace_, data.workspace, reserve_, data.reserve),
          name);
  }
  void backward_data(const char* name, const SequenceBackward& data, void* stream) const override {
    check(dnn_.cudnnSetStream(handle(), static_cast<cudaStream_t>(stream)), name);
    check(dnn_.cudnnRNNBackwardData_v8(handle(), layer_.get(), nullptr, y_.get(), data.y, data.dy, x_.get(), data.dx,
                                       h_.get(), data.h0, data.dh_last, data.dh0, c_.get(), data.c0, data.dc_last,
                                       data.dc0, weights_, data.weights, workspace_, data.workspace, reserve_,
                                       data.reserve),
          name);
  }
  void backward_weights(const char* name, const SequenceBackward& data, void* stream) const override {
    check(dnn_.cudnnSetStream(handle(), static_cast<cudaStream_t>(stream)), name);
    check(dnn_.cudnnRNNBackwardWeights_v8(handle(), layer_.get(), CUDNN_WGRAD_MODE_ADD, nullptr, x_.get(), data.x,
                                          h_.get(), data.h0, y_.get(), data.y, weights_, data.dweights, workspace_,
                                          data.workspace, reserve_, data.reserve),
          name);
  }

 private:
  struct Layer : Owned<cudnnRNNDescriptor_t> {
    Layer() : Owned(Functions::instance().cudnnCreateRNNDescriptor, Functions::instance().cudnnDestroyRNNDescriptor) {}
  };
  struct Sequences : Owned<cudnnRNNDataDescriptor_t> {
    Sequences()
        : Owned(Functions::instance().cudnnCreateRNNDataDescriptor,
                Functions::instance().cudnnDestroyRNNDataDescriptor) {}
  };
  struct Tensor : Owned<cudnnTensorDescriptor_t> {
    Tensor()
        : Owned(Functions::instance().cudnnCreateTensorDescriptor, Functions::instance().cudnnDestroyTensorDescriptor) {
    }
  };

  cudnnForwardMode_t forward_mode() const {
    return shape_.training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE;
  }
  void describe(const Sequences& sequences, std::int64_t width) const {
    float zero = 0;  // 0 in every type
    check(dnn_.cudnnSetRNNDataDescriptor(sequences.get(), cudnn::type_of(shape_.dtype),
                                         CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED, static_cast<int>(shape_.steps),
                                         static_cast<int>(shape_.batch), static_cast<int>(width), shape_.lengths.data(),
                                         &zero),
          "describing sequences");
  }
  void describe(const Tensor& state, std::int64_t width) const {
    const std::array<int, 3> shape{static_cast<int>(shape_.directions()), static_cast<int>(shape_.batch),
                                   static_cast<int>(width)};
    const std::array<int, 3> strides{shape[1] * shape[2], shape[2], 1};
    check(dnn_.cudnnSetTensorNdDescriptor(state.get(), cudnn::type_of(shape_.dtype), 3, shape.data(), strides.data()),
          "describing a state");
  }
  // [1, rows, columns], without an address where there is none.
  WeightPlace place_of(const Tensor& tensor, const void* address, const void* weights) const {
    if (!address) return {};
    cudnnDataType_t type{};
    int rank = 0;
    std::array<int, 3> shape{}, strides{};
    check(dnn_.cudnnGetTensorNdDescriptor(tensor.get(), 3, &type, &rank, shape.data(), strides.data()),
          "finding weights");
    if (rank != 3 || shape[0] != 1 || strides[2] != 1 || (shape[1] > 1 && strides[1] != shape[2]))
      throw UnsupportedError({.where = "cuDNN", .what = "keeps weights in an order that joist does not know"});
    return {static_cast<std::size_t>(static_cast<const char*>(address) - static_cast<const char*>(weights)), shape[1],
            shape[2]};
  }

  const Functions& dnn_ = Functions::instance();
  SequenceShape shape_;
  Layer layer_;
  Sequences x_, y_;
  Tensor h_, c_;
  std::size_t weights_ = 0, workspace_ = 0, reserve_ = 0;
};

}  // namespace

std::unique_ptr<SequencePlan> plan_sequence(const SequenceShape& shape) { return std::make_unique<Plan>(shape); }

}  // namespace joist::cuda
