// From arrays to what cuDNN computes. Its arrays are dense, begin at multiples of 16 bytes, lie all in one order and
// have one element type; what is not so is copied, results too. A bias or a sum that a plan does not add is added by
// writing it first and adding to that.
#include <joist/core/error.h>
#include <joist/core/kernels/float32_precision.h>
#include <joist/cuda/convolution.h>
#include <joist/cuda/convolution_columns.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/matmul.h>
#include <joist/cuda/plans.h>
#include <joist/cuda/runtime.h>

#include <cstdlib>
#include <string_view>

namespace joist::cuda {

Array per_channel(const Array& vector, int rank) {
  Array spread = vector.inserted(0);
  while (spread.rank() < rank) spread = spread.inserted(spread.rank());
  return spread;
}

bool& cudnn_is_wanted() {
  static bool wanted = [] {
    const char* value = std::getenv("JOIST_CUDNN");  // NOLINT(concurrency-mt-unsafe): joist never sets variables
    return !value || std::string_view(value) != "0";
  }();
  return wanted;
}

namespace {

using Result = ConvolutionResult;

// [batch, channel, spatial...], dense.
Strides strides_of(const Shape& shape, bool channels_inside) {
  Strides strides = row_major(shape);
  if (!channels_inside) return strides;
  std::int64_t step = shape[1];
  for (int axis = shape.rank() - 1; axis >= 2; --axis) {
    strides[axis] = step;
    step *= shape[axis];
  }
  strides[0] = step;
  strides[1] = 1;
  return strides;
}
// Steps along axes of length 1 do not matter.
bool lies(const Array& x, bool channels_inside) {
  const Strides wanted = strides_of(x.shape(), channels_inside);
  for (int axis = 0; axis < x.rank(); ++axis)
    if (x.shape(axis) > 1 && x.strides()[axis] != wanted[axis]) return false;
  return true;
}

std::vector<std::int64_t> numbers(const Shape& shape) { return {shape.begin(), shape.end()}; }
PictureLayout layout(const Shape& shape, bool channels_inside) {
  return {numbers(shape), numbers(strides_of(shape, channels_inside))};
}

const char* name_of(Result result) {
  switch (result) {
    case Result::y: return "convolution";
    case Result::dx: return "convolution_backward_input";
    case Result::dw: return "convolution_backward_weight";
  }
  return "?";
}

Plans<ConvolutionShape, ConvolutionWay>& ways() {
  static auto* all = new Plans<ConvolutionShape, ConvolutionWay>;
  return *all;
}

std::shared_ptr<const ConvolutionWay> planned(const char* name, const ConvolutionShape& shape) {
  const auto way = ways()(shape, [&](const ConvolutionShape& wanted) {
    try {
      return std::make_shared<const ConvolutionWay>(way_of(wanted, plan_convolution));
    } catch (const EnvironmentError& error) {  // no cuDNN: slower, and no reason not to train
      ConvolutionWay none;
      none.why = error.what();
      return std::make_shared<const ConvolutionWay>(std::move(none));
    }
  });
  if (!way->plan) say_by_products(name, way->why);
  return way;
}

bool begins_well(const Array& x) { return alignment_of(x.raw()) % convolution_alignment == 0; }
Array dense(const Shape& shape, Dtype dtype, Device device, bool channels_inside) {
  return Array::empty({shape.elements()}, dtype, device).strided(shape, strides_of(shape, channels_inside));
}
Array readable(const Array& x, Dtype dtype, bool channels_inside) {
  if (x.dtype() == dtype && lies(x, channels_inside) && begins_well(x)) return x;
  const Array copy = dense(x.shape(), dtype, x.device(), channels_inside);
  copy_elements(x, {copy});
  return copy;
}

// Computes one of x, w and y, which is `out`'s array, from the other two; false where the library does not.
bool by_library(Result result, Array x, Array w, Array y, const Array& bias, const ConvolutionOptions& options,
                const Out& out) {
  if (!cudnn_is_wanted() || x.elements() == 0 || w.elements() == 0 || y.elements() == 0) return false;
  void* const stream = current_stream();  // before the library is asked anything: a thread's choice of the GPU
  const char* const name = name_of(result);
  const Dtype given = (result == Result::y ? x : y).dtype();
  if ((result == Result::dw ? x : w).dtype() != given) return false;
  // cuDNN writes 16-bit operands' results in 16 bits. Those numbers are numbers of TF32 too: as such their sums come
  // out in float32.
  const bool widened = given != Dtype::float32 && out.array.dtype() == Dtype::float32;
  const Dtype dtype = widened ? Dtype::float32 : given;
  const bool inside = (lies(x, true) && lies(y, true)) || !lies(x, false) || !lies(y, false);
  const bool direct = out.array.dtype() == dtype && lies(out.array, inside) && begins_well(out.array);
  const ConvolutionShape shape =
      describe({.result = result,
                .dtype = dtype,
                .x = x.shape(),
                .w = w.shape(),
                .y = y.shape(),
                .options = options,
                .channels_inside = inside,
                .adds = direct && out.accumulate,
                .bias = direct && !out.accumulate && bias.defined() && bias.dtype() == dtype,
                .tf32 = widened || (dtype == Dtype::float32 && float32_precision() == Float32Precision::high)});
  const auto way = planned(name, shape);
  if (!way->plan) return false;
  bool accumulate = out.accumulate;
  if (bias.defined() && !way->bias) {
    copy_elements(per_channel(bias, y.rank()).expanded(y.shape()), out);
    accumulate = true;
  }
  const bool in_place = direct && accumulate == way->adds;
  Array& written = result == Result::y ? y : result == Result::dx ? x : w;
  for (Array* array : {&x, &w, &y})
    if (array != &written) *array = readable(*array, dtype, inside);
  if (!in_place) written = dense(written.shape(), dtype, written.device(), inside);
  const Array even_bias = way->bias ? readable(per_channel(bias, y.rank()), dtype, inside) : Array();
  const Workspace workspace(way->plan->workspace(), y.device());
  way->plan->run(name, {.x = x.raw(), .w = w.raw(), .y = y.raw(), .bias = way->bias ? even_bias.raw() : nullptr},
                 workspace.get(), stream);
  if (!in_place) copy_elements(written, {out.array, accumulate});
  return true;
}

void forward(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  if (!by_library(Result::y, x, w, y.array, bias, options, y)) by_columns::forward(x, w, bias, options, y);
}
void backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Out& dx) {
  if (!by_library(Result::dx, dx.array, w, dy, {}, options, dx)) by_columns::backward_input(dy, w, options, dx);
}
void backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw, const Out& db) {
  if (db.array.defined()) cuda_kernels().reduction.sum(dy, 1.0, {per_channel(db.array, dy.rank()), db.accumulate});
  if (!by_library(Result::dw, x, dw.array, dy, {}, options, dw)) by_columns::backward_weight(x, dy, options, dw);
}

}  // namespace

ConvolutionShape describe(const WantedConvolution& wanted) {
  const bool inside = wanted.channels_inside;
  return {.result = wanted.result,
          .dtype = wanted.dtype,
          .x = layout(wanted.x, inside),
          .w = layout(wanted.w, inside),
          .y = layout(wanted.y, inside),
          .stride = numbers(wanted.options.stride),
          .padding = numbers(wanted.options.padding),
          .dilation = numbers(wanted.options.dilation),
          .adds = wanted.adds,
          .bias = wanted.bias,
          .tf32 = wanted.tf32};
}

ConvolutionWay way_of(ConvolutionShape shape, const ConvolutionPlanner& plan) {
  ConvolutionWay way;
  const auto found = [&] {
    way.adds = shape.adds;
    way.bias = shape.bias;
    way.plan = plan(shape, way.why);
    return way.plan != nullptr;
  };
  if (found()) return way;
  if (shape.bias) {
    shape.bias = false;
    shape.adds = true;  // to the bias
    if (found()) return way;
  }
  if (shape.adds) {
    shape.adds = false;
    static_cast<void>(found());
  }
  return way;
}

void forget_convolution_ways() { ways().clear(); }

void fill_convolution(Kernels& table) {
  table.convolution.forward = forward;
  table.convolution.backward_input = backward_input;
  table.convolution.backward_weight = backward_weight;
}

}  // namespace joist::cuda
