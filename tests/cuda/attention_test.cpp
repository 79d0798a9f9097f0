// ctest: TIMEOUT 180 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Attention where the short cases do not lead: rows of scores that stay in registers, of a warp and of a block, and
// 16-bit operands, by cuDNN and without; beside the CPU's kernels. On the emulator, and in cuda_device_test on a GPU:
// --gtest_filter='Attention*', with JOIST_CUDNN=0 once more.
#ifndef JOIST_REAL_GPU
#include <joist/cuda/attention_by_library.h>
#include <joist/cuda/convolution.h>
#include <joist/cuda/emulator/attentions.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/device.h>
#endif
#include <joist/core/kernels.h>
#include <joist/core/random.h>
#include <joist/core/transfer.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace joist::cuda {
namespace {

#ifdef JOIST_REAL_GPU
const Device gpu{Device::Kind::cuda, 0};
#else
const Device gpu = emulator::use_emulated_gpu();
#endif

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
struct Given {
  bool side_by_side = false;  ///< heads, as layers split them off, in q, k, v and y
  bool adds = false;          ///< gradients, to what is there
  bool one_buffer = false;    ///< the gradients of q, k and v lie in one array
};
/// A shape whose axes 1 and 2 may lie the other way round in memory.
Array lying(Shape shape, Dtype dtype, Device device, bool turned) {
  if (!turned) return Array::empty(shape, dtype, device);
  std::swap(shape[1], shape[2]);
  return Array::empty(shape, dtype, device).permuted({0, 2, 1, 3});
}
struct Arrays {
  Array y, log_sum, dq, dk, dv;
  Arrays(const Sizes& n, Dtype dtype, Device device, const Given& given)
      : y(lying({n.batch, n.heads, n.queries, n.value_width}, dtype, device, given.side_by_side)),
        log_sum(Array::empty({n.batch, n.heads, n.queries}, Dtype::float32, device)),
        dq(Array::empty({n.batch, n.heads, n.queries, n.width}, dtype, device)),
        dk(Array::empty({n.batch, n.key_heads, n.keys, n.width}, dtype, device)),
        dv(Array::empty({n.batch, n.key_heads, n.keys, n.value_width}, dtype, device)) {
    if (given.one_buffer) {  // all of one length
      const Array all = Array::empty({n.batch, n.queries, 3, n.heads, n.width}, dtype, device);
      for (const auto& [part, place] : {std::pair{&dq, 0}, {&dk, 1}, {&dv, 2}})
        *part = all.selected(2, place).permuted({0, 2, 1, 3});
    }
    for (const Array* array : {&dq, &dk, &dv}) kernels(device, dtype).elementwise.fill(0.5, *array);
  }
  AttentionOuts outs(bool adds) const { return {{dq, adds}, {dk, adds}, {dv, adds}, {}}; }
};

/// Forwards and backwards with both kernels, from the same numbers.
void compare(const Sizes& n, Dtype dtype, const AttentionOptions& options, const Array& mask = {},
             const Array& slopes = {}, const Given& given = {}) {
  SCOPED_TRACE(std::string(name_of(dtype)) + ", " + std::to_string(n.queries) + " queries, " + std::to_string(n.keys) +
               " keys of width " + std::to_string(n.width));
  const Arrays want(n, Dtype::float32, cpu, {}), got(n, dtype, gpu, given);
  const Array q = numbers(want.dq.shape(), 1, dtype), k = numbers(want.dk.shape(), 2, dtype),
              v = numbers(want.dv.shape(), 3, dtype), dy = numbers(want.y.shape(), 4, dtype);
  const auto here = [&](const Array& x) { return x.defined() ? on_device(x, gpu) : x; };
  const auto typed = [&](const Array& x) {
    const Array plain = on_device(as(x, dtype), gpu), made = lying(x.shape(), dtype, gpu, given.side_by_side);
    kernels(gpu, dtype).elementwise.copy(plain, {made});
    return made;
  };
  const AttentionArguments there{q, k, v, mask, slopes};
  const AttentionArguments arguments{typed(q), typed(k), typed(v), here(mask), here(slopes)};
  kernels(cpu).attention.forward(options, there, {want.y}, want.log_sum);
  kernels(cpu).attention.backward(options, there, want.y, want.log_sum, dy, want.outs(given.adds));
  const auto& table = kernels(gpu, dtype).attention;
  table.forward(options, arguments, {got.y}, got.log_sum);
  // dy lies otherwise than y
  table.backward(options, arguments, got.y, got.log_sum, on_device(as(dy, dtype), gpu), got.outs(given.adds));
  const double tolerance = dtype == Dtype::float32 ? 5e-6 : dtype == Dtype::bfloat16 ? 0.02 : 0.003;
  expect_near(got.log_sum, want.log_sum, dtype == Dtype::float32 ? 5e-6 : 2e-5, "log_sum");
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

#ifdef JOIST_REAL_GPU
struct Asked {  // cuDNN is, where it is there; what it does not compute is said
  explicit Asked(std::uint64_t) {}
};
#else
/// Expects so many calls of cuDNN while it lives.
class Asked {
 public:
  explicit Asked(std::uint64_t times) : wanted_(count() + times) {}
  ~Asked() { EXPECT_EQ(count(), wanted_) << "calls of cuDNN"; }

 private:
  static std::uint64_t count() { return emulator::library_calls()["attention by cuDNN"]; }
  std::uint64_t wanted_;
};
#endif

constexpr Sizes heads{.batch = 2, .heads = 4, .queries = 19, .keys = 24, .width = 16, .key_heads = 4, .value_width = 8};

TEST(AttentionByLibrary, IsTheCpus) {
  for (const Dtype dtype : {Dtype::bfloat16, Dtype::float16}) {
    const Asked asked(14);
    compare(heads, dtype, {});
    compare(heads, dtype, {.scale = 0.3, .causal = true});
    Sizes n = heads;
    n.key_heads = 2;
    compare(n, dtype, {.causal = true});
    compare(heads, dtype, {}, {}, {}, {.adds = true});
    compare(heads, dtype, {.causal = true}, {}, {}, {.side_by_side = true});
    n = {.batch = 2, .heads = 3, .queries = 70, .keys = 70, .width = 64, .key_heads = 3, .value_width = 64};
    compare(n, dtype, {.causal = true, .align_end = true}, {}, {}, {.side_by_side = true, .one_buffer = true});
    compare({.queries = 1, .keys = 40, .width = 128, .value_width = 128}, dtype, {});
  }
}

// What cuDNN is not asked for is computed otherwise.
TEST(AttentionByLibrary, IsNotAskedForTheRest) {
  const Asked asked(0);
  compare(heads, Dtype::float32, {.causal = true});
  Sizes n = heads;
  for (const std::int64_t width : {12, 136}) {
    n.width = width;
    compare(n, Dtype::bfloat16, {});
  }
  compare(heads, Dtype::bfloat16, {.causal = true, .align_end = true});
  compare(heads, Dtype::bfloat16, {.causal = true, .window = 5});
  compare(heads, Dtype::bfloat16, {.dropout = 0.3, .key = key});
  compare(heads, Dtype::bfloat16, {.causal = true}, {}, numbers({4}, 6, Dtype::bfloat16));
  compare(heads, Dtype::bfloat16, {}, numbers({1, 1, 19, 24}, 5, Dtype::bfloat16));
  compare({.queries = 1, .keys = 1, .width = 8, .value_width = 8}, Dtype::bfloat16, {});
}

#ifndef JOIST_REAL_GPU
// Either direction by either way.
TEST(AttentionByLibrary, KeepsWhatOurKernelsKeep) {
  for (const bool forward : {true, false}) {
    emulator::attention_abilities() = {.forward = forward, .backward = !forward};
    forget_attention_plans();
    const Asked asked(2);
    compare(heads, Dtype::bfloat16, {.causal = true});
    compare(heads, Dtype::float16, {}, {}, {}, {.side_by_side = true});
  }
  emulator::attention_abilities() = {};
  forget_attention_plans();
  cudnn_is_wanted() = false;
  const Asked asked(0);
  compare(heads, Dtype::bfloat16, {.causal = true}, {}, {}, {.side_by_side = true, .adds = true});
  cudnn_is_wanted() = true;
}

// One array may be all operands, and their gradient.
TEST(AttentionByLibrary, AddsUpTheGradientOfOneTensor) {
  const Asked asked(2);
  const Shape shape{1, 2, 9, 8};
  const Array x = numbers(shape, 8, Dtype::bfloat16), dy = numbers(shape, 9, Dtype::bfloat16), y = Array::like(x),
              dx = Array::like(x), log_sum = Array::empty({1, 2, 9});
  kernels(cpu).attention.forward({}, {x, x, x, {}, {}}, {y}, log_sum);
  kernels(cpu).attention.backward({}, {x, x, x, {}, {}}, y, log_sum, dy, {{dx, false}, {dx, true}, {dx, true}, {}});
  const Array here = on_device(as(x, Dtype::bfloat16), gpu), result = Array::like(here), gradient = Array::like(here),
              kept = Array::empty(log_sum.shape(), Dtype::float32, gpu);
  const auto& table = kernels(gpu, Dtype::bfloat16).attention;
  table.forward({}, {here, here, here, {}, {}}, {result}, kept);
  table.backward({}, {here, here, here, {}, {}}, result, kept, on_device(as(dy, Dtype::bfloat16), gpu),
                 {{gradient, false}, {gradient, true}, {gradient, true}, {}});
  expect_near(gradient, dx, 0.03, "dx");
}
#endif

}  // namespace
}  // namespace joist::cuda
