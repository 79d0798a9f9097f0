// ctest: TIMEOUT 180 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Attention on the emulator where the short cases do not lead: rows of scores that stay in registers, of a warp and of
// a block, 16-bit operands; beside the CPU's kernels.
#include <joist/core/random.h>
#include <joist/core/transfer.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/machine.h>
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
Array numbers(const Shape& shape, std::uint32_t seed, Dtype dtype) {
  Random random({.seed = seed, .stream = Stream::test});
  const Array made = Array::empty(shape);
  std::generate_n(made.data<float>(), made.elements(), [&] { return random.uniform(-1.5F, 1.5F); });
  return as(as(made, dtype), Dtype::float32);
}
void expect_near(const Array& array, const Array& wanted, double tolerance, const char* what) {
  const std::vector<float> got = as(on_device(array, cpu), Dtype::float32).to_vector<float>(),
                           want = wanted.to_vector<float>();
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;  // -infinity: a row that sees nothing
    ASSERT_NEAR(got[i], want[i], tolerance * (1 + std::abs(want[i]))) << what << ", element " << i;
  }
}

struct Sizes {
  std::int64_t batch = 1, heads = 2, queries = 3, keys = 8, width = 4, key_heads = 2, value_width = 4;
};
struct Arrays {
  Array q, k, v, y, log_sum, dq, dk, dv;
  Arrays(const Sizes& n, Dtype dtype, Device device)
      : q(Array::empty({n.batch, n.heads, n.queries, n.width}, dtype, device)),
        k(Array::empty({n.batch, n.key_heads, n.keys, n.width}, dtype, device)),
        v(Array::empty({n.batch, n.key_heads, n.keys, n.value_width}, dtype, device)),
        y(Array::empty({n.batch, n.heads, n.queries, n.value_width}, dtype, device)),
        log_sum(Array::empty({n.batch, n.heads, n.queries}, Dtype::float32, device)),
        dq(Array::empty(q.shape(), dtype, device)),
        dk(Array::empty(k.shape(), dtype, device)),
        dv(Array::empty(v.shape(), dtype, device)) {}
};

/// Forwards and backwards with both kernels, from the same numbers.
void compare(const Sizes& n, Dtype dtype, const AttentionOptions& options, const Array& mask = {},
             const Array& slopes = {}) {
  SCOPED_TRACE(std::string(name_of(dtype)) + ", " + std::to_string(n.queries) + " queries, " + std::to_string(n.keys) +
               " keys");
  const Arrays want(n, Dtype::float32, cpu), got(n, dtype, gpu);
  const Array q = numbers(want.q.shape(), 1, dtype), k = numbers(want.k.shape(), 2, dtype),
              v = numbers(want.v.shape(), 3, dtype), dy = numbers(want.y.shape(), 4, dtype);
  const auto here = [&](const Array& x) { return x.defined() ? on_device(x, gpu) : x; };
  const auto typed = [&](const Array& x) { return on_device(as(x, dtype), gpu); };
  const AttentionArguments there{q, k, v, mask, slopes};
  const AttentionArguments arguments{typed(q), typed(k), typed(v), here(mask), here(slopes)};
  kernels(cpu).attention.forward(options, there, {want.y}, want.log_sum);
  kernels(cpu).attention.backward(options, there, want.y, want.log_sum, dy, {{want.dq}, {want.dk}, {want.dv}, {}});
  cuda_kernels().attention.forward(options, arguments, {got.y}, got.log_sum);
  cuda_kernels().attention.backward(options, arguments, got.y, got.log_sum, typed(dy),
                                    {{got.dq}, {got.dk}, {got.dv}, {}});
  const double tolerance = dtype == Dtype::float32 ? 2e-6 : dtype == Dtype::bfloat16 ? 0.02 : 0.003;
  expect_near(got.log_sum, want.log_sum, dtype == Dtype::float32 ? 2e-6 : 1e-5, "log_sum");
  expect_near(got.y, want.y, tolerance, "y");
  expect_near(got.dq, want.dq, tolerance, "dq");
  expect_near(got.dk, want.dk, tolerance, "dk");
  expect_near(got.dv, want.dv, tolerance, "dv");
}

constexpr RandomKey key{.seed = 7, .stream = Stream::dropout, .step = 3, .call = 2};

// Two packs of a lane and four, one of a block's thread and four, and what fits in none of those.
TEST(AttentionRows, AreTheCpusAtAnyLength) {
  for (const Dtype dtype : {Dtype::float32, Dtype::bfloat16, Dtype::float16})
    for (const std::int64_t keys : {4, 256, 260, 512, 516, 1024, 1028, 4096, 4100, 1030}) {
      compare({.keys = keys}, dtype, {});
      compare({.queries = 9, .keys = keys}, dtype, {.causal = true, .align_end = true});
    }
}

TEST(AttentionRows, HideDropAndMask) {
  const Sizes middle{.batch = 2, .heads = 4, .queries = 70, .keys = 64}, wide{.heads = 2, .queries = 2, .keys = 1100};
  for (const Sizes& n : {middle, wide})
    for (const Dtype dtype : {Dtype::float32, Dtype::bfloat16}) {
      compare(n, dtype, {.causal = true});
      compare(n, dtype, {.window = 7});
      compare(n, dtype, {.causal = true, .align_end = true, .window = 30});
      compare(n, dtype, {.causal = true, .dropout = 0.3, .key = key});
      const Shape full{n.batch, n.heads, n.queries, n.keys};
      const Array added = numbers({n.queries, n.keys}, 5, dtype),
                  chosen = Array::empty({n.batch, 1, 1, n.keys}, Dtype::boolean);
      for (std::int64_t i = 0; i < chosen.elements(); ++i) chosen.data<bool>()[i] = i % 5 != 2 && i % 64 < 50;
      compare(n, dtype, {}, added.inserted(0).inserted(0));
      compare(n, dtype, {.causal = true}, chosen);
      compare(n, dtype, {.causal = true}, {}, numbers({n.heads}, 6, dtype));
    }
}

}  // namespace
}  // namespace joist::cuda
