// ctest: TIMEOUT 120 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Layer norm on the emulator with rows that stay in registers, of a warp and of a block, and with sums over many rows;
// beside the CPU's kernels.
#include <joist/core/random.h>
#include <joist/core/transfer.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/kernels.h>

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace joist::cuda {
namespace {

const Device gpu = emulator::use_emulated_gpu();

Array as(const Array& x, Dtype dtype) {
  const Array typed = Array::empty(x.shape(), dtype);
  kernels(x).elementwise.copy(x, {typed});
  return typed;
}
/// Numbers that the type holds, as float32.
Array numbers(const Shape& shape, std::uint32_t seed, Dtype dtype = Dtype::float32) {
  Random random({.seed = seed, .stream = Stream::test});
  const Array made = Array::empty(shape);
  std::generate_n(made.data<float>(), made.elements(), [&] { return random.uniform(-1, 2); });
  return as(as(made, dtype), Dtype::float32);
}
void expect_near(const Array& array, const Array& wanted, double tolerance, const char* what) {
  const std::vector<float> got = as(on_device(array, cpu), Dtype::float32).to_vector<float>(),
                           want = wanted.to_vector<float>();
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance * (1 + std::abs(want[i]))) << what << ", element " << i;
}

struct Given {
  std::int64_t rows = 5, length = 8;
  Dtype dtype = Dtype::float32;
  bool root = false, vectors = true, adds = false;
};
void compare(const Given& n) {
  SCOPED_TRACE(std::to_string(n.rows) + " rows of " + std::to_string(n.length));
  const LayerNormOptions options{.epsilon = 1e-5, .root = n.root};
  const Shape shape{n.rows, n.length};
  const Array x = numbers(shape, 1, n.dtype), dy = numbers(shape, 2, n.dtype);
  const auto vector = [&](std::uint32_t seed) { return n.vectors ? numbers({n.length}, seed) : Array(); };
  const Array gamma = vector(3), beta = n.root ? Array() : vector(4);
  const auto here = [&](const Array& array) { return array.defined() ? on_device(array, gpu) : array; };
  struct Results {
    Array y, mean, inverse, dx, dgamma, dbeta;
  };
  const auto results = [&](Device device, Dtype dtype) {
    const auto sums = [&](bool wanted) {
      const Array made = wanted ? Array::empty({n.length}, Dtype::float32, device) : Array();
      if (wanted) kernels(device).elementwise.fill(0.5, made);
      return made;
    };
    Results made{Array::empty(shape, dtype, device),
                 n.root ? Array() : Array::empty({n.rows}, Dtype::float32, device),
                 Array::empty({n.rows}, Dtype::float32, device),
                 Array::empty(shape, dtype, device),
                 sums(gamma.defined()),
                 sums(beta.defined())};
    kernels(device, dtype).elementwise.fill(0.5, made.dx);
    return made;
  };
  const Results want = results(cpu, Dtype::float32), got = results(gpu, n.dtype);
  kernels(cpu).layer_norm.forward(x, gamma, beta, options, {want.y}, want.mean, want.inverse);
  kernels(cpu).layer_norm.backward(x, dy, gamma, want.mean, want.inverse, options, {want.dx, n.adds},
                                   {want.dgamma, n.adds}, {want.dbeta, n.adds});
  const Array given_x = here(as(x, n.dtype)), given_gamma = here(gamma);
  cuda_kernels().layer_norm.forward(given_x, given_gamma, here(beta), options, {got.y}, got.mean, got.inverse);
  cuda_kernels().layer_norm.backward(given_x, here(as(dy, n.dtype)), given_gamma, got.mean, got.inverse, options,
                                     {got.dx, n.adds}, {got.dgamma, n.adds}, {got.dbeta, n.adds});
  const double tolerance = n.dtype == Dtype::float32 ? 1e-5 : 0.01;
  expect_near(got.y, want.y, tolerance, "y");
  expect_near(got.inverse, want.inverse, 1e-5, "inverse");
  if (!n.root) expect_near(got.mean, want.mean, 1e-5, "mean");
  expect_near(got.dx, want.dx, tolerance, "dx");
  if (gamma.defined()) expect_near(got.dgamma, want.dgamma, 2e-5, "dgamma");
  if (beta.defined()) expect_near(got.dbeta, want.dbeta, 2e-5, "dbeta");
}

// Two packs of a lane and four, one of a block's thread and four, and what fits in none of those.
TEST(LayerNormRows, AreTheCpusAtAnyLength) {
  for (const std::int64_t length : {4, 256, 384, 512, 516, 1024, 1028, 4096, 4100, 387}) {
    compare({.length = length});
    compare({.length = length, .root = true});
    compare({.length = length, .vectors = false});
  }
  compare({.length = 384, .dtype = Dtype::bfloat16});
  compare({.length = 1024, .dtype = Dtype::float16, .adds = true});
}

// Slices of rows, the last one short; lanes without columns.
TEST(LayerNormRows, AreAddedUpInSlices) {
  for (const std::int64_t rows : {32, 75, 700})
    for (const bool root : {false, true}) {
      compare({.rows = rows, .length = 140, .root = root});
      compare({.rows = rows, .length = 8, .dtype = Dtype::bfloat16, .root = root, .adds = true});
    }
}

}  // namespace
}  // namespace joist::cuda
