// ctest: TIMEOUT 300
// Every entry of the kernel tables says how it is covered, and is covered so.
#include <joist/core/kernels/float32_precision.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/random.h>
#include <joist/cuda/columns.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/fallback.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/sequences.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tests/support/strict_kernels.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace joist::cuda {
namespace {

const Device gpu = emulator::use_emulated_gpu();

TEST(CudaKernels, EveryEntryIsListed) {
  std::map<Coverage, int> count;
  for (const std::string& name : StrictKernels::all()) {
    EXPECT_NO_THROW(++count[coverage_of(name)]) << name;
  }
  std::printf("%d functor, %d emulator, %d library, %d on the CPU\n", count[Coverage::functor],
              count[Coverage::emulator], count[Coverage::library], count[Coverage::host]);
  EXPECT_THROW(coverage_of("no such kernel"), InternalError);
}

TEST(CudaKernels, EveryEntryIsThere) {
  for_each_kernel([]<std::size_t family, std::size_t entry>() {
    const auto& kernel = entry_of<family, entry>(cuda_kernels());
    EXPECT_TRUE(static_cast<bool>(kernel)) << kernel.name();
  });
}

TEST(CudaKernels, HalfTypesAreComputedHere) {
  for (const Dtype dtype : {Dtype::bfloat16, Dtype::float16}) {
    const Array x = Array::from(std::vector<float>{1, -2, 3.5F}, {3}, gpu), half = Array::empty({3}, dtype, gpu);
    const Kernels& kernels = cuda_kernels();
    kernels.elementwise.copy(x, Out{half});
    kernels.elementwise.unary(Square{}, half, Out{half});
    kernels.elementwise.copy(half, Out{x});
    EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 4, 12.25F}));
  }
}

TEST(CudaKernels, IntegersKeepTheirDigits) {
  const Array x = Array::from(std::vector<std::int64_t>{1, (std::int64_t{1} << 60) + 1, -3}, {3}, gpu);
  const Array y = Array::empty({3}, Dtype::int64, gpu);
  cuda_kernels().elementwise.binary(Add{}, x, x, Out{y});
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{2, (std::int64_t{1} << 61) + 2, -6}));
  cuda_kernels().elementwise.binary(Maximum{}, x, y, Out{y});
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{2, (std::int64_t{1} << 61) + 2, -3}));
  // Goes to the host and back.
  cuda_kernels().elementwise.binary(FloorDivide{}, y, Array::from(std::vector<std::int64_t>{2}, {1}, gpu), Out{y});
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, (std::int64_t{1} << 60) + 1, -2}));
}

// Arrays that share memory on the device share it on the host too.
TEST(CudaKernels, FallbackKeepsViews) {
  const Array memory = Array::from(std::vector<double>{1, 2, 3, 4, 5, 6}, {6}, gpu);
  const Array odd = memory.sliced(0, 0, 6, 2), even = memory.sliced(0, 1, 6, 2);
  cuda_kernels().elementwise.binary(Add{}, odd, even, Out{even});
  EXPECT_EQ(memory.to_vector<double>(), (std::vector<double>{1, 3, 3, 7, 5, 11}));
}

// An array of small whole numbers, which all types and sums hold exactly, that lies in memory somehow: axes in any
// order, between other elements, repeated.
class AnyLayout {
 public:
  explicit AnyLayout(std::uint64_t seed) : random_({.seed = seed, .stream = Stream::test}) {}
  std::int64_t below(std::uint32_t limit) { return static_cast<std::int64_t>(random_.below(limit)); }
  std::int64_t length() { return 1 + below(5); }
  Array operator()(const Shape& shape, Dtype dtype) {
    std::vector<int> order(static_cast<std::size_t>(shape.rank()));
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
    Shape memory = shape;
    std::vector<int> back(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      memory[static_cast<int>(i)] = shape[order[i]];
      back[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
    }
    const int cut = static_cast<int>(below(static_cast<std::uint32_t>(shape.rank())));
    const std::int64_t step = 1 + below(2), length = memory[cut];
    memory[cut] = length * step + below(2);
    std::vector<float> values(static_cast<std::size_t>(memory.elements()));
    for (float& value : values) value = static_cast<float>(below(7) - 3);
    const Array single = Array::from(values, memory, gpu), typed = Array::empty(memory, dtype, gpu);
    cuda_kernels().elementwise.copy(single, Out{typed});
    return typed.sliced(cut, 0, (length - 1) * step + 1, step).permuted(back);
  }

 private:
  Random random_;
};
// The same numbers on the CPU in double.
Array on_cpu(const Array& x) {
  const Array dense = Array::empty(x.shape(), Dtype::float32, gpu), wide = Array::empty(x.shape(), Dtype::float64);
  cuda_kernels().elementwise.copy(x, Out{dense});
  const std::vector<float> values = dense.to_vector<float>();
  std::copy(values.begin(), values.end(), wide.data<double>());
  return wide;
}
constexpr Dtype product_types[] = {Dtype::float32, Dtype::bfloat16, Dtype::float16};

TEST(CudaProducts, AnyLayout) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    AnyLayout any(seed);
    const Dtype dtype = product_types[seed % 3], wide = seed % 5 == 0 ? Dtype::float32 : dtype;
    const std::int64_t m = any.length(), n = any.length(), k = any.length();
    Shape a{m, k}, b{k, n}, y{m, n};
    for (std::int64_t axis = any.below(3); axis > 0; --axis) {
      const std::int64_t length = any.length(), which = any.below(4);
      a = a.inserted(0, which == 0 ? 1 : length);
      b = b.inserted(0, which == 1 || (which == 3 && seed % 2 == 0) ? 1 : length);
      y = y.inserted(0, length);
    }
    const Array left = any(a, dtype), right = any(b, dtype), bias = seed % 2 == 0 ? any({n}, wide) : Array();
    const Out out{any(y, wide), any.below(2) == 1};
    const Array wanted = on_cpu(out.array);
    kernels(cpu, Dtype::float64)
        .matmul.product(on_cpu(left), on_cpu(right), bias.defined() ? on_cpu(bias) : bias, {wanted, out.accumulate});
    cuda_kernels().matmul.product(left, right, bias, out);
    ASSERT_EQ(on_cpu(out.array).to_vector<double>(), wanted.to_vector<double>());
  }
}

TEST(CudaProducts, RefuseMixedTypes) {
  const Array x = Array::empty({2, 2}, Dtype::float32, gpu), half = Array::empty({2, 2}, Dtype::bfloat16, gpu);
  expect_error<DtypeError>(
      [&] {
        cuda_kernels().matmul.product(x, half, {}, Out{x});
        return 0;
      },
      {"matmul", "bfloat16", "one of"});
}

TEST(CudaProducts, RoundToTf32OnlyWhenTold) {
  const float fine = 1 + std::ldexp(1.0F, -12);
  const Array x = Array::from(std::vector<float>{fine}, {1, 1}, gpu),
              one = Array::from(std::vector<float>{1}, {1, 1}, gpu);
  const Array y = Array::empty({1, 1}, Dtype::float32, gpu);
  cuda_kernels().matmul.product(x, one, {}, Out{y});
  EXPECT_EQ(y.to_vector<float>()[0], fine);
  set_float32_precision(Float32Precision::high);
  cuda_kernels().matmul.product(x, one, {}, Out{y});
  EXPECT_EQ(y.to_vector<float>()[0], 1.0F);
  set_float32_precision(Float32Precision::highest);
}

TEST(CudaConvolution, AnyLayout) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    AnyLayout any(seed);
    const Dtype dtype = product_types[seed % 3];
    const int rank = seed % 4 == 0 ? 3 : 2;
    ConvolutionOptions options{.stride = Shape::filled(rank, 1),
                               .padding = Shape::filled(rank, 0),
                               .dilation = Shape::filled(rank, 1),
                               .groups = 1 + any.below(3)};
    Shape x{1 + any.below(3), options.groups * (1 + any.below(3))},
        w{options.groups * (1 + any.below(3)), x[1] / options.groups};
    Shape y{x[0], w[0]};
    for (int axis = 0; axis < rank; ++axis) {
      const std::int64_t kernel = seed % 5 == 0 ? 1 : 1 + any.below(3), length = 3 + any.below(3);
      if (seed % 7 != 0) {
        options.stride[axis] = 1 + any.below(2);
        options.dilation[axis] = 1 + any.below(2);
        options.padding[axis] = any.below(3);
      }
      const std::int64_t reach = (kernel - 1) * options.dilation[axis] + 1;
      options.padding[axis] = std::max(options.padding[axis], (reach - length + 1) / 2);
      x = x.inserted(x.rank(), length);
      w = w.inserted(w.rank(), kernel);
      y = y.inserted(y.rank(), (length + 2 * options.padding[axis] - reach) / options.stride[axis] + 1);
    }
    most_column_bytes() = seed % 2 == 0 ? 100 : 1 << 20;
    const auto last = [&](const Shape& shape) {  // channels last every third time
      if (seed % 3 != 0 || rank != 2) return any(shape, dtype);
      const Array made = Array::empty(shape, dtype, gpu, Order::channels_last);
      cuda_kernels().elementwise.copy(any(shape, dtype), Out{made});
      return made;
    };
    const Array input = last(x), weight = any(w, dtype), slope = last(y),
                bias = seed % 4 < 2 ? any({w[0]}, dtype) : Array();
    const bool adds = seed % 2 == 1;
    const auto& own = cuda_kernels().convolution;
    const auto& reference = kernels(cpu, Dtype::float64).convolution;
    const auto check = [&](const char* what, const Shape& shape, const auto& run) {
      const Array got = last(shape), wanted = on_cpu(got);
      run(Out{got, adds}, Out{wanted, adds});
      ASSERT_EQ(on_cpu(got).to_vector<double>(), wanted.to_vector<double>()) << what;
    };
    check("forward", y, [&](const Out& got, const Out& wanted) {
      own.forward(input, weight, bias, options, got);
      reference.forward(on_cpu(input), on_cpu(weight), bias.defined() ? on_cpu(bias) : bias, options, wanted);
    });
    check("input", x, [&](const Out& got, const Out& wanted) {
      own.backward_input(slope, weight, options, got);
      reference.backward_input(on_cpu(slope), on_cpu(weight), options, wanted);
    });
    check("weight", w, [&](const Out& got, const Out& wanted) {
      const Array sums = any({w[0]}, dtype), wanted_sums = on_cpu(sums);
      own.backward_weight(input, slope, options, got, {sums, adds});
      reference.backward_weight(on_cpu(input), on_cpu(slope), options, wanted, {wanted_sums, adds});
      EXPECT_EQ(on_cpu(sums).to_vector<double>(), wanted_sums.to_vector<double>());
    });
  }
  most_column_bytes() = std::int64_t{256} << 20;
}

// Layers of one sort of numbers: of x, the weights, and what comes out.
struct AnyLayer {
  Cell cell;
  std::int64_t directions, projection;
  bool lengths, bias;
};
std::vector<double> layer_results(const AnyLayer& layer, Device device, Dtype dtype, Dtype on_cpu_as) {
  const std::int64_t gates = gates_of(layer.cell), hidden = 5, in = 3, out = layer.projection ? 2 : hidden;
  std::int64_t next = 0;
  std::vector<Tensor> leaves;
  const auto leaf = [&](const Shape& shape) {
    std::vector<float> values(static_cast<std::size_t>(shape.elements()));
    for (float& value : values) value = std::ldexp(static_cast<float>((next += 37) % 64 - 32), -6);  // 6 bits
    const Tensor single(Array::from(values, shape, device));
    return leaves.emplace_back(to(single, device.on_host() ? on_cpu_as : dtype).value(), true);
  };
  const Tensor x = leaf({4, 3, in}), h0 = leaf({layer.directions, 3, out}),
               c0 = layer.cell == Cell::lstm ? leaf({layer.directions, 3, hidden}) : Tensor();
  std::vector<RecurrentWeights> weights;
  for (std::int64_t direction = 0; direction < layer.directions; ++direction)
    weights.push_back({leaf({gates * hidden, in}), leaf({gates * hidden, out}),
                       layer.bias ? leaf({gates * hidden}) : Tensor(),
                       layer.bias && direction == 0 ? leaf({gates * hidden}) : Tensor(),
                       layer.projection ? leaf({out, hidden}) : Tensor()});
  const Tensor lengths = layer.lengths ? Tensor(Array::from(std::vector<std::int64_t>{2, 4, 1}, {3})) : Tensor();
  const SequenceOptions options{.bidirectional = layer.directions == 2, .reset_after = layer.cell == Cell::gru};
  const SequenceOutput result = layer.cell == Cell::tanh   ? rnn_tanh(x, weights, h0, lengths, options)
                                : layer.cell == Cell::relu ? rnn_relu(x, weights, h0, lengths, options)
                                : layer.cell == Cell::lstm ? lstm(x, weights, h0, c0, lengths, options)
                                                           : gru(x, weights, h0, lengths, options);
  Tensor loss = sum(square(result.output)) + sum(result.h);
  if (result.c.defined()) loss = loss + sum(result.c * result.c);
  loss.backward();
  std::vector<double> all;
  const auto take = [&](const Array& array) {
    const Array dense = Array::empty(array.shape(), Dtype::float32, array.device());
    kernels_of<ElementwiseKernels>(array).copy(array, Out{dense});
    for (const float value : dense.to_vector<float>()) all.push_back(value);
  };
  take(result.output.value());
  take(result.h.value());
  if (result.c.defined()) take(result.c.value());
  for (const Tensor& one : leaves) take(one.gradient());
  return all;
}

// Both ways of computing a layer, in all types, beside the CPU's float32: half types within their rounding, and under
// Autocast, whose float32 states only our own kernels keep, beside the CPU's Autocast.
TEST(CudaRecurrent, EveryTypeBothWays) {
  for (const Cell cell : {Cell::tanh, Cell::relu, Cell::lstm, Cell::gru, Cell::gru_before})
    for (const bool both : {false, true})
      for (const bool projection : {false, true}) {
        if (projection && cell != Cell::lstm) continue;
        const AnyLayer layer{cell, both ? 2 : 1, projection, both, !both || cell != Cell::tanh};
        const std::vector<double> wanted = layer_results(layer, cpu, Dtype::float32, Dtype::float32);
        for (const bool library : {true, false}) {
          library_computes_layers() = library;
          const std::uint64_t before = emulator::library_calls()["recurrent_layer"];
          for (const Dtype dtype : product_types) {
            SCOPED_TRACE(static_cast<int>(cell));
            SCOPED_TRACE(name_of(dtype));
            const std::vector<double> got = layer_results(layer, gpu, dtype, Dtype::float32);
            ASSERT_EQ(got.size(), wanted.size());
            const double unit = dtype == Dtype::float32 ? 1e-6 : dtype == Dtype::bfloat16 ? 0x1p-8 : 0x1p-11;
            for (std::size_t i = 0; i < got.size(); ++i)
              ASSERT_NEAR(got[i], wanted[i], 12 * unit * (1 + std::abs(wanted[i]))) << i;
          }
          EXPECT_EQ(emulator::library_calls()["recurrent_layer"] - before,
                    library && cell != Cell::gru_before ? 3U : 0U);
        }
        library_computes_layers() = true;
        const Autocast autocast;
        const std::uint64_t before = emulator::library_calls()["recurrent_layer"];
        const std::vector<double> got = layer_results(layer, gpu, Dtype::float32, Dtype::float32),
                                  rounded = layer_results(layer, cpu, Dtype::float32, Dtype::float32);
        EXPECT_EQ(emulator::library_calls()["recurrent_layer"], before);
        for (std::size_t i = 0; i < got.size(); ++i)
          ASSERT_NEAR(got[i], rounded[i], 0x1p-8 * (1 + std::abs(rounded[i]))) << i;
      }
}

TEST(CudaRecurrent, FakeRefusesWhatCudnnDoes) {
  const SequenceShape shape{.training = true, .steps = 2, .batch = 1, .in = 1, .hidden = 1, .out = 1, .lengths = {2}};
  const auto refused = [](const SequenceShape& wrong, const char* why) {
    expect_error<InternalError>([&] { return plan_sequence(wrong)->weights(); }, {why});
  };
  SequenceShape wrong = shape;
  wrong.lengths = {3};
  refused(wrong, "a length beyond the steps");
  wrong.lengths = {};
  refused(wrong, "a length for every sequence");
  wrong = shape;
  wrong.cell = Cell::gru_before;
  refused(wrong, "a cell");
  wrong.cell = Cell::gru, wrong.hidden = 2;
  refused(wrong, "a projection");

  const auto plan = plan_sequence(shape);
  const auto memory = [](std::size_t bytes) {
    const Array x = Array::empty({static_cast<std::int64_t>(bytes / 4 + 1)}, Dtype::float32, gpu);
    cuda_kernels().elementwise.fill(0, x);
    return x;
  };
  const Array x = memory(8), y = memory(8), dx = memory(8), weights = memory(plan->weights()),
              dweights = memory(plan->weights()), workspace = memory(plan->workspace()),
              reserve = memory(plan->reserve());
  SequenceForward forward{
      .x = x.raw(), .weights = weights.raw(), .y = y.raw(), .workspace = workspace.raw(), .reserve = reserve.raw()};
  const SequenceBackward backward{.x = x.raw(),
                                  .y = y.raw(),
                                  .weights = weights.raw(),
                                  .dy = y.raw(),
                                  .dx = dx.raw(),
                                  .dweights = dweights.raw(),
                                  .workspace = workspace.raw(),
                                  .reserve = reserve.raw()};
  const auto run = [&](auto call, const char* why) { expect_error<InternalError>([&] { return call(), 0; }, {why}); };
  run([&] { plan->backward_data("test", backward, current_stream()); }, "not that of a training forward");
  plan->forward("test", forward, current_stream());
  run([&] { plan->backward_weights("test", backward, current_stream()); }, "right after backward_data");
  plan->backward_data("test", backward, current_stream());
  plan->backward_weights("test", backward, current_stream());
  run([&] { plan->backward_data("test", backward, current_stream()); }, "not that of a training forward");
  SequenceShape inference = shape;
  inference.training = false;
  run([&] { plan_sequence(inference)->backward_data("test", backward, current_stream()); }, "not made for training");
  float on_host[2] = {};
  forward.x = on_host;
  run([&] { plan->forward("test", forward, current_stream()); }, "x does not lie in the GPU's memory");
  const Array shorter = Array::empty({1}, Dtype::float32, gpu);
  forward.x = shorter.raw();
  run([&] { plan->forward("test", forward, current_stream()); }, "or not all of it");
}

}  // namespace
}  // namespace joist::cuda
