// CPU convolution kernels against plain loops in double.
#include <joist/core/cpu/parallel.h>
#include <joist/core/kernels.h>
#include <joist/tests/core/cpu/arrays.h>

#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace joist {
namespace {

using testing::Layout;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

struct Case {
  const char* name;
  Shape x, w;
  ConvolutionOptions options{};

  Shape y() const {
    Shape result{x[0], w[0], 0, 0};
    for (int i = 0; i < 2; ++i)
      result[2 + i] =
          (x[2 + i] + 2 * options.padding[i] - (w[2 + i] - 1) * options.dilation[i] - 1) / options.stride[i] + 1;
    return result;
  }
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"3x3", {2, 5, 7, 9}, {6, 5, 3, 3}, {.padding = {1, 1}}},
      {"3x3 on whole vectors", {2, 16, 10, 10}, {32, 16, 3, 3}, {.padding = {1, 1}}},
      {"3x3 with vector tails", {1, 17, 8, 8}, {33, 17, 3, 3}, {.padding = {1, 1}}},
      {"3x3 stride 2", {2, 8, 9, 12}, {16, 8, 3, 3}, {.stride = {2, 2}, .padding = {1, 1}}},
      {"7x7 stride 2 on a picture", {2, 3, 20, 22}, {16, 3, 7, 7}, {.stride = {2, 2}, .padding = {3, 3}}},
      {"1x1", {2, 12, 5, 7}, {20, 12, 1, 1}},
      {"1x1 stride 2, few channels", {4, 5, 10, 10}, {7, 5, 1, 1}, {.stride = {2, 2}}},
      {"1x1 stride 2, many channels", {2, 48, 8, 8}, {40, 48, 1, 1}, {.stride = {2, 2}}},
      {"1x1 stride 2, last pixels unread", {2, 9, 7, 8}, {8, 9, 1, 1}, {.stride = {3, 3}}},
      {"depthwise", {2, 13, 9, 9}, {13, 1, 3, 3}, {.padding = {1, 1}, .groups = 13}},
      {"depthwise stride 2", {2, 32, 9, 8}, {32, 1, 3, 3}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 32}},
      {"depthwise, two outputs each", {2, 6, 6, 6}, {12, 1, 3, 3}, {.padding = {1, 1}, .groups = 6}},
      {"groups and dilation", {2, 8, 11, 10}, {6, 4, 3, 3}, {.padding = {2, 2}, .dilation = {2, 2}, .groups = 2}},
      {"oblong", {2, 4, 9, 11}, {5, 4, 2, 3}, {.stride = {2, 1}, .padding = {0, 2}, .dilation = {1, 2}}},
      {"kernel as large as the input", {3, 6, 4, 5}, {10, 6, 4, 5}},
      {"padding wider than the kernel", {2, 17, 6, 5}, {9, 17, 1, 1}, {.stride = {2, 1}, .padding = {2, 1}}},
      {"dilation wider than the input", {2, 3, 3, 3}, {4, 3, 2, 2}, {.padding = {2, 3}, .dilation = {4, 4}}},
  };
  return all;
}

const Array& set(const Array& x, float value) {
  testing::filled(x, [&] { return value; });
  return x;
}

Array channels_last_noise(const Shape& shape, std::uint32_t seed) {
  return testing::random_array(shape, seed, Layout::channels_last);
}

using Values = std::vector<double>;  // row-major

Values values(const Array& x) {
  Values result;
  for_each_index(x.shape(), [&](const Shape& i) { result.push_back(testing::at(x, i)); });
  return result;
}

struct Expected {
  Values y, dx, dw, db;
};

// y = convolution + bias and the gradients of sum(y * dy), each added to `start`.
Expected expected(const Case& c, const Array& input, const Array& weight, const Array& bias, const Array& gradient,
                  double start) {
  const auto filled = [&](const Shape& shape) { return Values(static_cast<std::size_t>(shape.elements()), start); };
  const Shape out = c.y();
  Expected e{filled(out), filled(c.x), filled(c.w), filled({c.w[0]})};
  const Values x = values(input), w = values(weight), dy = values(gradient),
               b = bias.defined() ? values(bias) : Values{};
  const auto& o = c.options;
  const std::int64_t ins = c.w[1], outs = c.w[0] / o.groups;
  const auto place = [](const Shape& shape, std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t l) {
    return static_cast<std::size_t>(((i * shape[1] + j) * shape[2] + k) * shape[3] + l);
  };
  for_each_index(out, [&](const Shape& i) {
    const std::size_t to = place(out, i[0], i[1], i[2], i[3]);
    const auto channel = static_cast<std::size_t>(i[1]);
    if (bias.defined()) e.y[to] += b[channel];
    e.db[channel] += dy[to];
    for (std::int64_t in = 0; in < ins; ++in)
      for (std::int64_t u = 0; u < c.w[2]; ++u)
        for (std::int64_t v = 0; v < c.w[3]; ++v) {
          const std::int64_t row = i[2] * o.stride[0] - o.padding[0] + u * o.dilation[0];
          const std::int64_t column = i[3] * o.stride[1] - o.padding[1] + v * o.dilation[1];
          if (row < 0 || row >= c.x[2] || column < 0 || column >= c.x[3]) continue;
          const std::size_t from = place(c.x, i[0], i[1] / outs * ins + in, row, column),
                            by = place(c.w, i[1], in, u, v);
          e.y[to] += x[from] * w[by];
          e.dx[from] += dy[to] * w[by];
          e.dw[by] += dy[to] * x[from];
        }
  });
  return e;
}

void expect_near(const char* what, const Array& got, const Values& wanted) {
  SCOPED_TRACE(what);
  std::size_t n = 0;
  testing::expect_close(
      got, [&](const Shape&) { return wanted[n++]; }, 1e-5, 5e-4);
}

const ConvolutionKernels& convolution() { return kernels(cpu).convolution; }

void check(const Case& c, Layout in, Layout out, bool accumulate, bool with_bias) {
  SCOPED_TRACE(std::string(c.name) + ", input layout " + std::to_string(static_cast<int>(in)) + ", output layout " +
               std::to_string(static_cast<int>(out)) + (accumulate ? ", accumulating" : "") +
               (with_bias ? ", bias" : ""));
  const float before = accumulate ? 0.5f : nan;
  const Array x = testing::random_array(c.x, 1, in), w = testing::random_array(c.w, 2);
  const Array dy = testing::random_array(c.y(), 3, in);
  const Array bias = with_bias ? testing::random_array({c.w[0]}, 4) : Array{};
  const Expected e = expected(c, x, w, bias, dy, accumulate ? 0.5 : 0.0);

  const Array y = set(testing::empty_in(out, c.y()), before), dx = set(testing::empty_in(out, c.x), before);
  const Array dw = set(Array::empty(c.w), before), db = set(Array::empty({c.w[0]}), before);
  convolution().forward(x, w, bias, c.options, Out{y, accumulate});
  expect_near("y", y, e.y);
  convolution().backward_input(dy, w, c.options, Out{dx, accumulate});
  expect_near("dx", dx, e.dx);
  convolution().backward_weight(x, dy, c.options, Out{dw, accumulate}, with_bias ? Out{db, accumulate} : Out{});
  expect_near("dw", dw, e.dw);
  if (with_bias) expect_near("db", db, e.db);
}

TEST(Convolution, EqualsPlainLoops) {
  for (const Case& c : cases())
    for (const bool accumulate : {false, true})
      for (const bool bias : {false, true}) check(c, Layout::channels_last, Layout::channels_last, accumulate, bias);
}

TEST(Convolution, TakesAndFillsAnyStrides) {
  for (const std::size_t chosen : {0u, 6u, 9u, 12u, 15u})
    for (const Layout in : testing::layouts)
      for (const Layout out : testing::layouts) check(cases()[chosen], in, out, in == out, true);
}

TEST(Convolution, TakesBroadcastGradientsAndStridedVectors) {
  const Case& c = cases()[0];
  const Array x = channels_last_noise(c.x, 1), w = channels_last_noise(c.w, 2);
  const Array dy = testing::random_array({1, c.w[0], 1, 1}, 3).expanded(c.y());  // what a sum hands back
  const Array bias = testing::random_array({c.w[0], 2}, 4).selected(1, 1);
  const Expected e = expected(c, x, w, bias, dy, 0);

  const Array y = set(Array::empty(c.y()), nan), dx = set(Array::empty(c.x), nan);
  const Array dw = set(Array::like(w), nan), db = set(Array::empty({c.w[0], 2}), nan).selected(1, 0);
  convolution().forward(x, w, bias, c.options, Out{y});
  convolution().backward_input(dy, w, c.options, Out{dx});
  convolution().backward_weight(x, dy, c.options, Out{dw}, Out{db});
  expect_near("y", y, e.y);
  expect_near("dx", dx, e.dx);
  expect_near("dw", dw, e.dw);
  expect_near("db", db, e.db);
}

TEST(Convolution, LeavesWhatLiesBesideASlice) {
  const Case& c = cases()[0];
  const Array whole = set(testing::empty_in(Layout::channels_last, c.y().with(1, c.w[0] + 4)), 7);
  const Array x = channels_last_noise(c.x, 1), w = testing::random_array(c.w, 2);
  convolution().forward(x, w, {}, c.options, Out{whole.sliced(1, 2, 2 + c.w[0])});
  for (const Array& beside : {whole.sliced(1, 0, 2), whole.sliced(1, 2 + c.w[0], 4 + c.w[0])})
    for (const double value : values(beside)) EXPECT_EQ(value, 7);
}

TEST(Convolution, EmptyBatchGivesZeroGradients) {
  const ConvolutionOptions options{.padding = {1, 1}};
  const Array x = Array::empty({0, 3, 8, 8}), w = testing::random_array({4, 3, 3, 3}, 1),
              y = Array::empty({0, 4, 8, 8});
  const Array dw = set(Array::empty(w.shape()), nan), db = set(Array::empty({4}), nan);
  convolution().forward(x, w, db, options, Out{y});
  convolution().backward_input(y, w, options, Out{Array::empty(x.shape())});
  convolution().backward_weight(x, y, options, Out{dw}, Out{db});
  for (const double value : values(dw)) EXPECT_EQ(value, 0);
  for (const double value : values(db)) EXPECT_EQ(value, 0);
  set(dw, 3);
  convolution().backward_weight(x, y, options, Out{dw, true}, {});
  for (const double value : values(dw)) EXPECT_EQ(value, 3);
}

TEST(Convolution, EmptyPicturesGiveTheBias) {
  const ConvolutionOptions options{.padding = {1, 1}};
  const Array x = Array::empty({2, 3, 0, 4}), w = testing::random_array({4, 3, 2, 3}, 1);
  const Array bias = testing::random_array({4}, 2), y = set(Array::empty({2, 4, 1, 4}), nan);
  const Array dy = set(Array::empty(y.shape()), 1);
  const Array dw = set(Array::empty(w.shape()), nan), db = set(Array::empty({4}), nan);
  convolution().forward(x, w, bias, options, Out{y});
  for_each_index(y.shape(), [&](const Shape& i) { EXPECT_EQ(testing::at(y, i), testing::at(bias, {i[1]})); });
  convolution().backward_weight(x, dy, options, Out{dw}, Out{db});
  for (const double value : values(dw)) EXPECT_EQ(value, 0);
  for (const double value : values(db)) EXPECT_EQ(value, 8);
}

bool same_bits(const Array& a, const Array& b) { return std::memcmp(a.raw(), b.raw(), a.bytes()) == 0; }

struct Gradients {
  Array y, dx, dw, db;
};

Gradients run_all(const Case& c) {
  const Array x = channels_last_noise(c.x, 1), dy = channels_last_noise(c.y(), 3);
  const Array w = testing::random_array(c.w, 2), bias = testing::random_array({c.w[0]}, 4);
  Gradients g{Array::like(dy), Array::like(x), Array::like(w), Array::like(bias)};
  convolution().forward(x, w, bias, c.options, Out{g.y});
  convolution().backward_input(dy, w, c.options, Out{g.dx});
  convolution().backward_weight(x, dy, c.options, Out{g.dw}, Out{g.db});
  return g;
}

void expect_same_bits(const Gradients& a, const Gradients& b) {
  EXPECT_TRUE(same_bits(a.y, b.y));
  EXPECT_TRUE(same_bits(a.dx, b.dx));
  EXPECT_TRUE(same_bits(a.dw, b.dw));
  EXPECT_TRUE(same_bits(a.db, b.db));
}

const std::vector<Case>& larger_cases() {
  static const std::vector<Case> all{
      {"3x3", {4, 16, 24, 24}, {24, 16, 3, 3}, {.padding = {1, 1}}},
      {"1x1", {4, 48, 20, 20}, {32, 48, 1, 1}},
      {"depthwise", {4, 32, 20, 20}, {32, 1, 3, 3}, {.padding = {1, 1}, .groups = 32}},
  };
  return all;
}

TEST(Convolution, IsBitwiseRepeatable) {
  const int threads_before = threads();
  set_threads(2);
  for (const Case& c : larger_cases()) {
    SCOPED_TRACE(c.name);
    const Gradients first = run_all(c);
    for (int i = 0; i < 10; ++i) expect_same_bits(first, run_all(c));
  }
  set_threads(threads_before);
}

TEST(Convolution, AnyNumberOfThreadsComputesTheSame) {
  const int threads_before = threads();
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    for (const Case& c : larger_cases()) check(c, Layout::channels_last, Layout::channels_last, false, true);
  }
  set_threads(threads_before);
}

TEST(Convolution, RunsInSeveralThreadsAtOnceAndInsideParallelLoops) {
  const int threads_before = threads();
  set_threads(2);
  const Case& c = larger_cases()[0];
  const Gradients alone = run_all(c);
  std::vector<Gradients> results(2);
  std::thread other([&] { results[0] = run_all(c); });
  results[1] = run_all(c);
  other.join();
  for (const Gradients& result : results) expect_same_bits(alone, result);

  set_threads(1);
  const Gradients serial = run_all(c);
  set_threads(2);
  parallel_for(2, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) results[static_cast<std::size_t>(i)] = run_all(c);
  });
  for (const Gradients& result : results) expect_same_bits(serial, result);
  set_threads(threads_before);
}

TEST(Convolution, AsksTheSystemForNothingOnceItHasRun) {
  for (int i = 0; i < 2; ++i)
    for (const Case& c : cases()) run_all(c);
  const std::uint64_t calls = allocator(cpu).statistics().system_calls;
  for (const Case& c : cases()) run_all(c);
  EXPECT_EQ(allocator(cpu).statistics().system_calls, calls);
}

TEST(Convolution, RefusesOtherTypesAndShapesThatDoNotFit) {
  const Array x = Array::empty({1, 2, 4, 4}), w = Array::empty({3, 2, 3, 3});
  EXPECT_THROW(
      convolution().forward(Array::empty(x.shape(), Dtype::float64), w, {}, {}, Out{Array::empty({1, 3, 2, 2})}),
      DtypeError);
  try {
    convolution().forward(x, w, {}, {}, Out{Array::empty({1, 3, 9, 9})});
    FAIL() << "accepted a 9x9 output";
  } catch (const InternalError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("convolution"), std::string::npos) << message;
    EXPECT_NE(message.find("[1, 2, 4, 4], [3, 2, 3, 3], [1, 3, 9, 9]"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace joist
