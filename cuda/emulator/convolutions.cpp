// The recording fake of cuDNN's convolutions: keeps the description of one and carries out exactly that, on the CPU in
// double, when its turn in the stream comes. It refuses what the library refuses or leaves undefined.
#include <joist/core/error.h>
#include <joist/cuda/convolutions.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/convolutions.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/emulator/numbers.h>
#include <joist/cuda/emulator/streams.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace joist::cuda {
namespace {

using emulator::DeviceMemory;
using Numbers = std::vector<std::int64_t>;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw InternalError({.where = "emulated convolution " + where, .what = what});
}

// Whether the axes, from the innermost to the outermost, lie in this order without gaps.
bool is_dense(const PictureLayout& layout, const std::vector<std::size_t>& inside_out) {
  std::int64_t step = 1;
  for (const std::size_t axis : inside_out) {
    if (layout.lengths[axis] > 1 && layout.strides[axis] != step) return false;
    step *= layout.lengths[axis];
  }
  return true;
}
bool in_one_order(const ConvolutionShape& shape, bool channels_inside) {
  std::vector<std::size_t> order(shape.x.lengths.size());
  std::iota(order.rbegin(), order.rend(), 0);  // the last axis innermost
  if (channels_inside) std::rotate(order.begin(), order.end() - 2, order.end() - 1);
  return std::ranges::all_of(std::array{&shape.x, &shape.w, &shape.y},
                             [&](const PictureLayout* layout) { return is_dense(*layout, order); });
}

std::size_t bytes_of(const PictureLayout& layout, Dtype dtype) {
  std::int64_t count = 1;
  for (const std::int64_t length : layout.lengths) count *= length;
  return static_cast<std::size_t>(count) * size_of(dtype);
}

void require_sense(const ConvolutionShape& shape) {
  const Numbers &x = shape.x.lengths, &w = shape.w.lengths, &y = shape.y.lengths;
  const std::size_t axes = shape.stride.size();
  for (const Numbers* numbers : {&x, &w, &y, &shape.x.strides, &shape.w.strides, &shape.y.strides})
    if (numbers->size() != axes + 2) refuse("plan", "a layout of another rank");
  for (const Numbers* numbers : {&shape.padding, &shape.dilation})
    if (numbers->size() != axes) refuse("plan", "not one number for each spatial axis");
  for (const Numbers* numbers : {&x, &w, &y})
    if (std::ranges::any_of(*numbers, [](std::int64_t length) { return length < 1; }))
      refuse("plan", "an array without elements");
  if (axes != 2 && axes != 3) refuse("plan", "neither pictures nor volumes");
  if (x[0] != y[0] || w[0] != y[1] || x[1] % w[1] != 0 || y[1] % (x[1] / w[1]) != 0)
    refuse("plan", "batches, channels and groups do not fit each other");
  for (std::size_t axis = 0; axis < axes; ++axis) {
    const std::int64_t room = x[axis + 2] + 2 * shape.padding[axis] - shape.dilation[axis] * (w[axis + 2] - 1) - 1;
    if (shape.stride[axis] < 1 || shape.dilation[axis] < 1 || shape.padding[axis] < 0 || room < 0 ||
        y[axis + 2] != room / shape.stride[axis] + 1)
      refuse("plan", "the lengths of spatial axis " + std::to_string(axis) + " do not fit each other");
  }
  if (!in_one_order(shape, false) && !in_one_order(shape, true))
    refuse("plan", "arrays that are not dense, or in different orders");
  if (shape.dtype != Dtype::float32 && shape.dtype != Dtype::bfloat16 && shape.dtype != Dtype::float16)
    refuse("plan", "an element type that the library does not compute with");
  if (shape.tf32 && shape.dtype != Dtype::float32) refuse("plan", "TF32 of 16-bit types");
  if (shape.bias && (shape.adds || shape.result != ConvolutionResult::y))
    refuse("plan", "a bias where the library adds none");
}

class Picture {
 public:
  Picture(const PictureLayout& layout, Dtype dtype, void* data)
      : layout_(&layout), dtype_(dtype), data_(DeviceMemory::inside(data)) {}
  double get(const std::array<std::int64_t, 5>& at) const { return emulator::load_number(dtype_, place(at)); }
  void set(const std::array<std::int64_t, 5>& at, double value) const {
    emulator::store_number(dtype_, place(at), value);
  }

 private:
  char* place(const std::array<std::int64_t, 5>& at) const {
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < layout_->strides.size(); ++axis) offset += at[axis] * layout_->strides[axis];
    return data_ + offset * static_cast<std::int64_t>(size_of(dtype_));
  }
  const PictureLayout* layout_;
  Dtype dtype_;
  char* data_;
};

// Every place of a result collects in double, by row-major number.
void compute(const ConvolutionShape& shape, const ConvolutionData& data) {
  const Picture x(shape.x, shape.dtype, data.x), w(shape.w, shape.dtype, data.w), y(shape.y, shape.dtype, data.y);
  const bool to_y = shape.result == ConvolutionResult::y, to_x = shape.result == ConvolutionResult::dx;
  const PictureLayout& target = to_y ? shape.y : to_x ? shape.x : shape.w;
  const Picture& result = to_y ? y : to_x ? x : w;
  const std::size_t rank = shape.x.lengths.size();
  const auto walk = [&](const Numbers& lengths, const auto& visit) {
    std::array<std::int64_t, 5> at{};
    const std::int64_t count = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{1}, std::multiplies<>());
    for (std::int64_t i = 0; i < count; ++i) {
      visit(at, static_cast<std::size_t>(i));
      for (std::size_t axis = rank; axis-- > 0;) {
        if (++at[axis] < lengths[axis]) break;
        at[axis] = 0;
      }
    }
  };
  const auto operand = [&](double value) { return shape.tf32 ? emulator::rounded_to_tf32(value) : value; };
  const auto number_of = [&](const Numbers& lengths, const std::array<std::int64_t, 5>& at) {
    std::int64_t number = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) number = number * lengths[axis] + at[axis];
    return static_cast<std::size_t>(number);
  };
  const auto values = [&](const Picture& picture, const PictureLayout& layout) {
    std::vector<double> all;
    walk(layout.lengths, [&](const auto& at, std::size_t) { all.push_back(operand(picture.get(at))); });
    return all;
  };
  std::vector<double> in_x, in_w, in_y;  // the operands
  if (!to_x) in_x = values(x, shape.x);
  if (to_y || to_x) in_w = values(w, shape.w);
  if (!to_y) in_y = values(y, shape.y);
  std::vector<double> total(bytes_of(target, Dtype::uint8));
  const std::int64_t outs = shape.y.lengths[1] / (shape.x.lengths[1] / shape.w.lengths[1]);
  walk(shape.y.lengths, [&](const auto& at_y, std::size_t number_y) {
    auto kernel = shape.w.lengths;
    kernel[0] = 1;
    walk(kernel, [&](std::array<std::int64_t, 5> at_w, std::size_t) {
      at_w[0] = at_y[1];
      std::array<std::int64_t, 5> at_x{at_y[0], at_y[1] / outs * shape.w.lengths[1] + at_w[1]};
      for (std::size_t axis = 2; axis < rank; ++axis) {
        at_x[axis] =
            at_y[axis] * shape.stride[axis - 2] - shape.padding[axis - 2] + at_w[axis] * shape.dilation[axis - 2];
        if (at_x[axis] < 0 || at_x[axis] >= shape.x.lengths[axis]) return;
      }
      const std::size_t number_x = number_of(shape.x.lengths, at_x), number_w = number_of(shape.w.lengths, at_w);
      if (to_y)
        total[number_y] += in_x[number_x] * in_w[number_w];
      else if (to_x)
        total[number_x] += in_y[number_y] * in_w[number_w];
      else
        total[number_w] += in_x[number_x] * in_y[number_y];
    });
  });
  const PictureLayout bias_layout{{1, shape.y.lengths[1], 1, 1, 1}, {0, 1, 0, 0, 0}};
  const Picture bias(bias_layout, shape.dtype, const_cast<void*>(data.bias));
  walk(target.lengths, [&](const auto& at, std::size_t number) {
    double value = total[number];
    if (shape.bias) value += bias.get({0, at[1], 0, 0, 0});
    if (shape.adds) value += result.get(at);  // what is overwritten is not read
    result.set(at, value);
  });
}

class RecordedConvolution final : public ConvolutionPlan {
 public:
  explicit RecordedConvolution(const ConvolutionShape& shape) : shape_(shape) {}
  // Not a round number, and full of numbers that were never asked for.
  std::size_t workspace() const override { return 257; }
  std::string text() const override { return "emulated"; }

  void run(const char* name, const ConvolutionData& data, void* workspace, void* stream) const override {
    emulator::count_call("by cuDNN");
    emulator::count_call(name);
    struct Part {
      const void* data;
      std::size_t bytes;
      const char* what;
    };
    std::vector<Part> parts{{data.x, bytes_of(shape_.x, shape_.dtype), "x"},
                            {data.w, bytes_of(shape_.w, shape_.dtype), "w"},
                            {data.y, bytes_of(shape_.y, shape_.dtype), "y"},
                            {workspace, this->workspace(), "the workspace"}};
    if (shape_.bias)
      parts.push_back({data.bias, static_cast<std::size_t>(shape_.y.lengths[1]) * size_of(shape_.dtype), "the bias"});
    for (const Part& part : parts) {
      if (!part.data || DeviceMemory::inside(part.data) == part.data ||
          !DeviceMemory::instance().holds(part.data, part.bytes))
        refuse(name, std::string(part.what) + " does not lie in the GPU's memory");
      if (reinterpret_cast<std::uintptr_t>(part.data) % convolution_alignment != 0)
        refuse(name, std::string(part.what) + " is not aligned as the plan was told");
    }
    const auto written = static_cast<std::size_t>(shape_.result == ConvolutionResult::y    ? 2
                                                  : shape_.result == ConvolutionResult::dx ? 0
                                                                                           : 1);
    for (std::size_t i = 0; i < parts.size(); ++i)
      for (const std::size_t mine : {written, std::size_t{3}}) {
        const auto *a = static_cast<const char*>(parts[i].data), *b = static_cast<const char*>(parts[mine].data);
        if (i != mine && a < b + parts[mine].bytes && b < a + parts[i].bytes)
          refuse(name, std::string(parts[mine].what) + " is written over " + parts[i].what);
      }
    emulator::enqueue(stream, name, [shape = shape_, data, workspace, bytes = this->workspace()] {
      std::memset(DeviceMemory::inside(workspace), 0x7E, bytes);
      compute(shape, data);
    });
  }

 private:
  ConvolutionShape shape_;
};

}  // namespace

std::unique_ptr<ConvolutionPlan> plan_convolution(const ConvolutionShape& shape, std::string& why) {
  require_sense(shape);
  const emulator::ConvolutionAbilities& can = emulator::convolution_abilities();
  if (can.any && (can.adds || !shape.adds) && (can.bias || !shape.bias))
    return std::make_unique<RecordedConvolution>(shape);
  why = "the emulated cuDNN was told not to";
  return nullptr;
}

namespace emulator {
ConvolutionAbilities& convolution_abilities() {
  static ConvolutionAbilities now;
  return now;
}
}  // namespace emulator

}  // namespace joist::cuda
