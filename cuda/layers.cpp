// Recurrent layers by a library (sequences.h): arrays without gaps, weights into the library's space and their
// gradients out of it. What it does not have goes back to core/ops/recurrent.cpp, and so to recurrent.cpp.
#include <joist/core/error.h>
#include <joist/core/kernels/float32_precision.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/layers.h>
#include <joist/cuda/matmul.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/sequences.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace joist::cuda {
namespace {

constexpr const char* forward_name = "recurrent_layer";
constexpr const char* backward_name = "recurrent_layer_backward";

Array bytes(std::size_t count, Device device) {
  return count > 0 ? Array::empty({static_cast<std::int64_t>(count)}, Dtype::uint8, device) : Array();
}
void* address(const Array& x) { return x.defined() ? x.raw() : nullptr; }
Array dense(const Array& x) { return x.defined() ? gapless(x) : x; }
Array zeros(const Shape& shape, Dtype dtype, Device device) {
  const Array x = Array::empty(shape, dtype, device);
  cuda_kernels().elementwise.fill(0, x);
  return x;
}

SequenceShape shape_of(Cell cell, const LayerArguments& a) {
  const LayerWeights<Array>& one = a.weights[0];
  SequenceShape shape{.cell = cell,
                      .bidirectional = a.weights.size() > 1,
                      .bias = false,
                      .dtype = a.x.dtype(),
                      .steps = a.x.shape(0),
                      .batch = a.x.shape(1),
                      .in = a.x.shape(2),
                      .hidden = one.w_hh.shape(0) / gates_of(cell),
                      .out = one.w_hh.shape(1)};
  shape.tf32 = shape.dtype == Dtype::float32 && float32_precision() == Float32Precision::high;
  for (const LayerWeights<Array>& each : a.weights)
    shape.bias = shape.bias || each.b_ih.defined() || each.b_hh.defined();
  const auto steps = static_cast<std::int32_t>(shape.steps);
  shape.lengths.assign(static_cast<std::size_t>(shape.batch), steps);
  if (a.lengths.defined()) {
    const auto given = a.lengths.to_vector<std::int64_t>();
    for (std::size_t i = 0; i < given.size(); ++i) shape.lengths[i] = static_cast<std::int32_t>(given[i]);
  }
  return shape;
}

// What cuDNN's RNN API has.
bool is_for_library(const SequenceShape& shape, const LayerArguments& a) {
  for (const LayerWeights<Array>& one : a.weights) {
    if (one.w_hr.defined() && shape.out == shape.hidden) return false;  // a projection makes states smaller
    for (const auto member : LayerWeights<Array>::members)
      if ((one.*member).defined() && (one.*member).dtype() != shape.dtype) return false;
  }
  constexpr std::int64_t most = 0x7FFFFFFF;
  return shape.cell != Cell::gru_before && is_floating(shape.dtype) && shape.dtype != Dtype::float64 &&
         shape.batch > 0 && shape.in > 0 && shape.steps < most && shape.batch < most;
}

class Layer final : public LayerPlan {
 public:
  Layer(SequenceShape shape, std::unique_ptr<SequencePlan> plan) : shape_(std::move(shape)), plan_(std::move(plan)) {}

  Array forward(const LayerArguments& a, const LayerResults& results) const override {
    const Array x = dense(a.x), h0 = dense(a.h0), c0 = dense(a.c0), weights = packed(a),
                workspace = bytes(plan_->workspace(), x.device()), reserve = bytes(plan_->reserve(), x.device());
    plan_->forward(forward_name,
                   {.x = x.raw(),
                    .h0 = address(h0),
                    .c0 = address(c0),
                    .weights = weights.raw(),
                    .y = results.y.raw(),
                    .h_last = results.h_last.raw(),
                    .c_last = address(results.c_last),
                    .workspace = address(workspace),
                    .reserve = address(reserve)},
                   current_stream());
    return reserve;
  }

  void backward(const LayerArguments& a, const LayerResults& results, const Array& reserve,
                const LayerResults& gradients, const LayerOuts& outs) const override {
    const Array x = dense(a.x), y = dense(results.y), h0 = dense(a.h0), c0 = dense(a.c0), weights = packed(a);
    const Array dy = gradients.y.defined() ? gapless(gradients.y) : zeros(y.shape(), y.dtype(), y.device());
    const Array dh_last = dense(gradients.h_last), dc_last = dense(gradients.c_last);
    const auto memory = [&](const Out& wanted, std::int64_t width) {
      return wanted.array.defined() ? Array::empty({shape_.directions(), shape_.batch, width}, shape_.dtype, x.device())
                                    : Array();
    };
    const Array dx = Array::empty(x.shape(), shape_.dtype, x.device()), dh0 = memory(outs.dh0, shape_.out),
                dc0 = memory(outs.dc0, shape_.hidden), workspace = bytes(plan_->workspace(), x.device());
    SequenceBackward data{.x = x.raw(),
                          .y = y.raw(),
                          .h0 = address(h0),
                          .c0 = address(c0),
                          .weights = weights.raw(),
                          .dy = dy.raw(),
                          .dh_last = address(dh_last),
                          .dc_last = address(dc_last),
                          .dx = dx.raw(),
                          .dh0 = address(dh0),
                          .dc0 = address(dc0),
                          .workspace = address(workspace),
                          .reserve = reserve.raw()};
    plan_->backward_data(backward_name, data, current_stream());
    if (outs.dx.array.defined()) copy_elements(dx, outs.dx);
    if (dh0.defined()) copy_elements(dh0, outs.dh0);
    if (dc0.defined()) copy_elements(dc0, outs.dc0);
    if (!wants_weights(outs)) return;
    const Array dweights = space(x.device());
    data.dweights = dweights.raw();
    plan_->backward_weights(backward_name, data, current_stream());
    for (std::size_t direction = 0; direction < outs.weights.size(); ++direction)
      each_part(dweights, direction, outs.weights[direction],
                [](const Array& part, const Out& out) { copy_elements(part, out); });
  }

 private:
  static bool wants_weights(const LayerOuts& outs) {
    for (const LayerWeights<Out>& one : outs.weights)
      for (const auto member : LayerWeights<Out>::members)
        if ((one.*member).array.defined()) return true;
    return false;
  }
  static const Array& array_of(const Array& x) { return x; }
  static const Array& array_of(const Out& x) { return x.array; }
  static Array rows_of(const Array& x, std::int64_t first, std::int64_t last) { return x.sliced(0, first, last); }
  static Out rows_of(const Out& x, std::int64_t first, std::int64_t last) {
    return {x.array.sliced(0, first, last), x.accumulate};
  }

  // visit(part of the weight space, the same rows of the weights), for what is defined of a direction's weights.
  template <class T, class Visit>
  void each_part(const Array& space, std::size_t direction, const LayerWeights<T>& weights, const Visit& visit) const {
    const auto places = [&](std::int64_t part) {
      return plan_->places(space.raw(), static_cast<std::int64_t>(direction), part);
    };
    const auto one = [&](const WeightPlace& place, const T& whole, std::int64_t first, std::int64_t last) {
      if (!array_of(whole).defined()) return;
      const T rows = rows_of(whole, first, last);
      const Shape& shape = array_of(rows).shape();
      const std::size_t size = size_of(shape_.dtype);
      if (place.rows != shape[0] || place.columns != (shape.rank() > 1 ? shape[1] : 1) || place.offset % size != 0)
        throw InternalError({.where = forward_name,
                             .what = "the library keeps " + std::to_string(place.rows) + " x " +
                                     std::to_string(place.columns) + " weights at byte " +
                                     std::to_string(place.offset) + ", where " + shape.text() + " are given"});
      const auto at = static_cast<std::int64_t>(place.offset / size);
      visit(space.sliced(0, at, at + shape.elements()).view(shape), rows);
    };
    const std::int64_t gates = gates_of(shape_.cell), hidden = shape_.hidden;
    for (std::int64_t gate = 0; gate < gates; ++gate) {
      const WeightPlaces in = places(gate), recurrent = places(gates + gate);
      one(in.matrix, weights.w_ih, gate * hidden, (gate + 1) * hidden);
      one(recurrent.matrix, weights.w_hh, gate * hidden, (gate + 1) * hidden);
      one(in.bias, weights.b_ih, gate * hidden, (gate + 1) * hidden);
      one(recurrent.bias, weights.b_hh, gate * hidden, (gate + 1) * hidden);
    }
    if (shape_.out < shape_.hidden) one(places(2 * gates).matrix, weights.w_hr, 0, shape_.out);
  }

  Array space(Device device) const {
    const std::size_t size = size_of(shape_.dtype);
    return zeros({static_cast<std::int64_t>((plan_->weights() + size - 1) / size)}, shape_.dtype, device);
  }
  // The weights in the library's space; biases that are not given are 0.
  Array packed(const LayerArguments& a) const {
    const Array memory = space(a.x.device());
    for (std::size_t direction = 0; direction < a.weights.size(); ++direction)
      each_part(memory, direction, a.weights[direction],
                [](const Array& part, const Array& weights) { copy_elements(weights, {part}); });
    return memory;
  }

  SequenceShape shape_;
  std::unique_ptr<SequencePlan> plan_;
};

class Library final : public LayerLibrary {
 public:
  std::shared_ptr<const LayerPlan> plan(Cell cell, const LayerArguments& a, bool training) const override {
    if (!library_computes_layers()) return nullptr;
    SequenceShape shape = shape_of(cell, a);
    if (!is_for_library(shape, a)) return nullptr;
    shape.training = training;
    try {
      static_cast<void>(current_stream());  // before the library is asked anything: a thread's choice of the GPU
      std::unique_ptr<SequencePlan> found = plan_sequence(shape);
      return std::make_shared<Layer>(std::move(shape), std::move(found));
    } catch (const UnsupportedError&) {
      return nullptr;
    } catch (const EnvironmentError& error) {
      say_once(error);
      return nullptr;
    }
  }

 private:
  // A machine without cuDNN still computes these layers.
  static void say_once(const EnvironmentError& error) {
    static const bool said = [&] {
      std::fprintf(stderr, "joist: recurrent layers run by joist's own kernels: %s\n", error.what());
      return true;
    }();
    static_cast<void>(said);
  }
};

}  // namespace

bool& library_computes_layers() {
  static bool yes = [] {
    const char* value = std::getenv("JOIST_CUDNN");  // NOLINT(concurrency-mt-unsafe): joist never sets variables
    return !value || std::string_view(value) != "0";
  }();
  return yes;
}

const LayerLibrary& layer_library() {
  static const Library one;
  return one;
}

}  // namespace joist::cuda
