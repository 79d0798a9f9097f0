// ctest: TIMEOUT 180 ENVIRONMENT_MODIFICATION OMP_NUM_THREADS=set:1
// Kernels that are bound by memory take other ways by layout, element type, alignment and length: every one of them,
// on the emulator, beside the CPU's kernels.
#include <joist/core/random.h>
#include <joist/core/transfer.h>
#include <joist/cuda/divisor.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/kernels.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace joist::cuda {
namespace {

const Device gpu = emulator::use_emulated_gpu();
constexpr Dtype f32 = Dtype::float32, bf16 = Dtype::bfloat16, f16 = Dtype::float16;

Array numbers(const Shape& shape, std::uint32_t seed) {
  Random random({.seed = seed, .stream = Stream::test});
  const Array made = Array::empty(shape);
  std::generate_n(made.data<float>(), made.elements(), [&] { return random.uniform(-2, 2); });
  return made;
}
Array as(const Array& x, Dtype dtype) {
  const Array typed = Array::empty(x.shape(), dtype);
  kernels(x).elementwise.copy(x, {typed});
  return typed;
}
std::vector<float> floats(const Array& x) { return as(x, f32).to_vector<float>(); }
void expect_near(const Array& array, const Array& wanted, double tolerance) {
  const std::vector<float> got = floats(on_device(array, cpu)), want = floats(wanted);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance * (1 + std::abs(want[i]))) << "element " << i;
}

/// Ways in which an array of four axes lies in memory.
enum class Layout { rows, channels_last, one_further, four_further, padded, every_second, turned };
constexpr Layout layouts[] = {Layout::rows,   Layout::channels_last, Layout::one_further, Layout::four_further,
                              Layout::padded, Layout::every_second,  Layout::turned};
Shape memory_of(const Shape& s, Layout layout) {
  switch (layout) {
    case Layout::rows: break;
    case Layout::channels_last: return {s[0], s[2], s[3], s[1]};
    case Layout::one_further: return {s.elements() + 1};
    case Layout::four_further: return {s.elements() + 4};
    case Layout::padded: return {s[0], s[1], s[2], s[3] + 3};
    case Layout::every_second: return {s[0], s[1], s[2], 2 * s[3]};
    case Layout::turned: return {s[3], s[2], s[1], s[0]};
  }
  return s;
}
Array seen(const Array& memory, const Shape& s, Layout layout) {
  switch (layout) {
    case Layout::rows: break;
    case Layout::channels_last: return memory.permuted({0, 3, 1, 2});
    case Layout::one_further: return memory.sliced(0, 1, s.elements() + 1).view(s);
    case Layout::four_further: return memory.sliced(0, 4, s.elements() + 4).view(s);
    case Layout::padded: return memory.sliced(3, 2, s[3] + 2);
    case Layout::every_second: return memory.sliced(3, 0, 2 * s[3], 2);
    case Layout::turned: return memory.permuted({3, 2, 1, 0});
  }
  return memory;
}
/// An array of the CPU, and one of the GPU that lies as told.
struct Pair {
  Array here, memory, there;
  Pair(const Shape& shape, std::uint32_t seed, Dtype dtype, Layout layout) {
    const Array all = as(numbers(memory_of(shape, layout), seed), dtype);
    here = as(seen(all, shape, layout), dtype);
    memory = on_device(all, gpu);
    there = seen(memory, shape, layout);
  }
  std::vector<float> result() const {
    const Array all = on_device(memory, cpu);
    Array view = all.strided(there.shape(), there.strides(),
                             (static_cast<const char*>(there.raw()) - static_cast<const char*>(memory.raw())) /
                                 static_cast<std::int64_t>(size_of(all.dtype())));
    return floats(as(view, all.dtype()));
  }
};

TEST(Divisors, DivideEveryNumberBelowTheirLimit) {
  constexpr std::uint32_t most = 0x7FFFFFFF;
  Random random({.seed = 3, .stream = Stream::test});
  for (std::uint32_t divisor : {1U, 2U, 3U, 5U, 7U, 64U, 65U, 641U, 6700417U, most / 2, most / 2 + 1, most - 1, most}) {
    const Divisor by(divisor);
    for (const std::uint32_t number : {0U, 1U, divisor - 1, divisor, most - 1, most})
      ASSERT_EQ(by.divide(number), number / divisor) << number << " / " << divisor;
    for (int i = 0; i < 2000; ++i) {
      const auto number = static_cast<std::uint32_t>(random.below(most));
      ASSERT_EQ(by.divide(number), number / divisor) << number << " / " << divisor;
      const std::uint32_t multiple = number / divisor * divisor;
      ASSERT_EQ(by.divide(multiple), multiple / divisor);
      if (multiple > 0) {
        ASSERT_EQ(by.divide(multiple - 1), (multiple - 1) / divisor);
      }
    }
  }
}

TEST(Copies, OfEveryLayoutAndType) {
  for (const Shape& shape : {Shape{2, 3, 5, 7}, Shape{3, 8, 4, 12}, Shape{1, 1, 1, 3}, Shape{2, 40, 1, 33}})
    for (const Dtype from : {f32, bf16, f16})
      for (const Dtype to : {f32, bf16, f16})
        for (const Layout source : layouts)
          for (const Layout target : layouts) {
            if (from != f32 && to != f32 && from != to && source != target) continue;
            SCOPED_TRACE(shape.text() + " " + std::string(name_of(from)) + " to " + std::string(name_of(to)) + " " +
                         std::to_string(static_cast<int>(source)) + " to " + std::to_string(static_cast<int>(target)));
            const bool accumulate = (static_cast<int>(source) + static_cast<int>(target)) % 2 == 1;
            const Pair x(shape, 1, from, source), y(shape, 2, to, target);
            cuda_kernels().elementwise.copy(x.there, {y.there, accumulate});
            const Array wanted = as(x.here, f32), old = as(y.here, f32);
            if (accumulate)
              for (std::int64_t i = 0; i < old.elements(); ++i) wanted.data<float>()[i] += old.data<float>()[i];
            ASSERT_EQ(y.result(), floats(as(wanted, to)));
          }
}

// What lies between the elements of a view is not written.
TEST(Copies, LeaveWhatIsBeside) {
  for (const Layout layout : {Layout::one_further, Layout::four_further, Layout::padded, Layout::every_second}) {
    const Shape shape{2, 3, 4, 5};
    const Pair x(shape, 1, f32, Layout::rows), y(shape, 2, f32, layout);
    const Array before = on_device(y.memory, cpu);
    cuda_kernels().elementwise.copy(x.there, {y.there});
    const Array after = on_device(y.memory, cpu);
    kernels(cpu).elementwise.copy(x.here, {seen(before, shape, layout)});
    EXPECT_EQ(after.to_vector<float>(), before.to_vector<float>());
  }
}

TEST(Functions, OfEveryLayoutAndType) {
  const Shape shape{2, 12, 3, 5};
  for (const Dtype type : {f32, bf16, f16})
    for (const Layout source : layouts)
      for (const Layout target : layouts)
        for (const bool accumulate : {false, true}) {
          SCOPED_TRACE(std::string(name_of(type)) + " " + std::to_string(static_cast<int>(source)) + " to " +
                       std::to_string(static_cast<int>(target)));
          const Pair x(shape, 1, type, source), dy(shape, 2, f32, target), y(shape, 3, type, target),
              sum(shape, 4, f32, source);
          const Array wide = as(x.here, f32), slopes = as(y.here, f32), total = as(sum.here, f32);
          kernels(cpu).elementwise.unary_backward(Relu{}, wide, dy.here, {slopes, accumulate});
          cuda_kernels().elementwise.unary_backward(Relu{}, x.there, dy.there, {y.there, accumulate});
          ASSERT_EQ(y.result(), floats(as(slopes, type)));
          // A number per channel, broadcast.
          const Array bias = numbers({12, 1, 1}, 5);
          kernels(cpu).elementwise.binary(Add{}, wide, bias, {total, accumulate});
          cuda_kernels().elementwise.binary(Add{}, x.there, on_device(bias, gpu), {sum.there, accumulate});
          ASSERT_EQ(sum.result(), floats(total));
        }
}

// More than the GPU has threads for: several packs each, and some left over.
TEST(Functions, OfManyElements) {
  for (const std::int64_t beyond : {0, 1, 4097})
    for (const Dtype type : {f32, bf16}) {
      const Shape shape{1, 1, 1, (1 << 20) + beyond};
      const Pair x(shape, 1, type, Layout::rows), y(shape, 2, bf16, beyond == 1 ? Layout::one_further : Layout::rows);
      cuda_kernels().elementwise.copy(x.there, {y.there});
      ASSERT_EQ(y.result(), floats(as(as(x.here, f32), bf16)));
      cuda_kernels().elementwise.binary(Multiply{}, x.there, x.there, {y.there});
      const Array wanted = as(x.here, f32);
      for (std::int64_t i = 0; i < wanted.elements(); ++i) wanted.data<float>()[i] *= wanted.data<float>()[i];
      ASSERT_EQ(y.result(), floats(as(wanted, bf16)));
    }
}

// bfloat16 without gaps, eight at a time: no whole pack, some left over, and several packs each.
TEST(Functions, OfBfloat16WithoutGaps) {
  const auto& gpus = cuda_kernels().elementwise;
  const auto& cpus = kernels(cpu).elementwise;
  for (const std::int64_t count : {5, 64, 4099, (1 << 21) + 2061})
    for (const bool accumulate : {false, true}) {
      SCOPED_TRACE(std::to_string(count) + (accumulate ? " accumulated" : ""));
      const Shape shape{1, 1, 1, count};
      const Pair x(shape, 1, bf16, Layout::rows), dy(shape, 2, bf16, Layout::rows);
      const Array a = as(x.here, f32), b = as(dy.here, f32);
      const auto check = [&](const auto& on_gpu, const auto& on_cpu, double tolerance) {
        for (const Dtype type : {bf16, f32}) {
          const Pair y(shape, 3, type, Layout::rows);
          const Array wanted = as(y.here, f32);
          on_gpu(Out{y.there, accumulate});
          on_cpu(Out{wanted, accumulate});
          expect_near(y.memory, as(wanted, type), tolerance);
        }
      };
      check([&](const Out& y) { gpus.copy(x.there, y); }, [&](const Out& y) { cpus.copy(a, y); }, 0);
      if (count > 4099) break;  // the emulator takes its time
      check([&](const Out& y) { gpus.binary(Add{}, x.there, dy.there, y); },
            [&](const Out& y) { cpus.binary(Add{}, a, b, y); }, 0);
      check([&](const Out& y) { gpus.unary(Gelu{}, x.there, y); }, [&](const Out& y) { cpus.unary(Gelu{}, a, y); },
            0.008);
      check([&](const Out& y) { gpus.unary_backward(Relu{}, x.there, dy.there, y); },
            [&](const Out& y) { cpus.unary_backward(Relu{}, a, b, y); }, 0);
    }
}

TEST(Sums, OfEveryLayout) {
  struct Case {
    Shape shape, kept;
  };
  // Few and many lines, short and long ones, inside and outside.
  for (const Case& one :
       {Case{{2, 5, 3, 4}, {1, 5, 1, 1}}, Case{{4, 40, 9, 9}, {1, 40, 1, 1}}, Case{{3, 33, 30, 41}, {1, 33, 1, 1}},
        Case{{3, 5, 30, 41}, {3, 1, 30, 41}}, Case{{2, 1, 3, 700}, {2, 1, 3, 1}}, Case{{1, 1, 2, 5000}, {1, 1, 1, 1}},
        Case{{1, 1, 1, 9001}, {1, 1, 1, 1}}, Case{{6, 7, 2, 16}, {6, 7, 2, 1}}, Case{{1, 6, 50, 35}, {1, 1, 1, 35}},
        Case{{40, 2, 10, 90}, {40, 2, 10, 1}}, Case{{2, 3, 4, 5}, {2, 3, 4, 5}}, Case{{5, 1, 1, 1}, {1, 1, 1, 1}}})
    for (const Layout source : layouts)
      for (const bool accumulate : {false, true}) {
        SCOPED_TRACE(one.shape.text() + " to " + one.kept.text() + " " + std::to_string(static_cast<int>(source)));
        const Dtype type = accumulate ? f32 : bf16;
        const Pair x(one.shape, 1, type, source);
        const Layout target = accumulate ? Layout::padded : Layout::channels_last;
        const Pair y(one.kept, 2, f32, target);
        const Array wanted = as(y.here, f32);
        kernels(cpu).reduction.sum(as(x.here, f32), 0.5, {wanted, accumulate});
        cuda_kernels().reduction.sum(x.there, 0.5, {y.there, accumulate});
        expect_near(Array::from(y.result(), one.kept), wanted, 2e-5);
        if (accumulate) continue;  // and the same bits again
        const std::vector<float> first = y.result();
        cuda_kernels().reduction.sum(x.there, 0.5, {y.there});
        ASSERT_EQ(y.result(), first);
      }
}

// More lines than are worth a block's help, and columns in parts.
TEST(Sums, OfManyLines) {
  for (const std::int64_t rows : {40, 130}) {
    const Pair x({rows, 1, 1, 66000 / (rows / 40)}, 1, f32, Layout::rows);
    const Shape kept = x.here.shape().with(0, 1);
    const Array wanted = Array::empty(kept), got = Array::empty(kept, f32, gpu);
    kernels(cpu).reduction.sum(x.here, 1, {wanted});
    cuda_kernels().reduction.sum(x.there, 1, {got});
    expect_near(got, wanted, 1e-5);
  }
}

// Columns by sixteen bytes: one part and many, groups that are not full, rows further apart than they are long, views
// that begin elsewhere; and what is left to the other way.
TEST(Sums, OfColumns) {
  for (const Shape& shape : {Shape{1, 40, 1, 128}, Shape{2, 90, 1, 136}, Shape{1, 1101, 1, 136}, Shape{1, 257, 1, 264},
                             Shape{1, 70, 1, 131}})
    for (const Dtype type : {f32, bf16, f16})
      for (const Layout source : {Layout::rows, Layout::one_further, Layout::four_further, Layout::padded})
        for (const bool accumulate : {false, true}) {
          SCOPED_TRACE(shape.text() + " " + std::string(name_of(type)) + " " +
                       std::to_string(static_cast<int>(source)));
          const Shape kept = shape.with(0, 1).with(1, 1);
          const Pair x(shape, 1, type, source), y(kept, 2, f32, accumulate ? Layout::every_second : Layout::rows);
          const Array all = as(x.here, f32);
          std::vector<double> sums(static_cast<std::size_t>(shape[3]));
          for (std::int64_t i = 0; i < all.elements(); ++i)
            sums[static_cast<std::size_t>(i % shape[3])] += static_cast<double>(all.data<float>()[i]);
          const std::vector<float> old = y.result();
          cuda_kernels().reduction.sum(x.there, 0.5, {y.there, accumulate});
          const std::vector<float> got = y.result();
          for (std::size_t i = 0; i < sums.size(); ++i)
            ASSERT_NEAR(got[i], 0.5 * sums[i] + (accumulate ? static_cast<double>(old[i]) : 0), 2e-4) << i;
          if (accumulate) continue;  // and the same bits again
          cuda_kernels().reduction.sum(x.there, 0.5, {y.there});
          ASSERT_EQ(y.result(), got);
        }
}

// Indices that are alone, that fill several chunks, that end where a chunk does; all the same; none twice.
TEST(TakenRows, GiveTheirGradient) {
  for (const std::int64_t count : {1, 31, 32, 33, 400, 3000})
    for (const std::int64_t kinds : {1, 7, 65, 5000})
      for (const std::int64_t columns : {1, 5, 130}) {
        if (count == 3000 && columns == 130 && kinds != 65) continue;
        SCOPED_TRACE(std::to_string(count) + " of " + std::to_string(kinds) + " x " + std::to_string(columns));
        Random random({.seed = 9, .stream = Stream::test});
        std::vector<std::int64_t> drawn(static_cast<std::size_t>(count));
        for (std::int64_t& index : drawn) {  // small ones more often
          const double u = random.uniform(0.0F, 1.0F);
          index = std::min<std::int64_t>(kinds - 1, static_cast<std::int64_t>(u * u * u * static_cast<double>(kinds)));
        }
        for (std::size_t i = 0; kinds == 7 && count == 400 && i < drawn.size(); ++i)
          drawn[i] = static_cast<std::int64_t>(i / 64);  // as long as two chunks
        const Array index = Array::from(drawn, {count}), dy = numbers({count, columns}, 10);
        for (const bool accumulate : {false, true}) {
          const Array wanted = numbers({kinds, columns}, 11), got = on_device(wanted, gpu);
          std::vector<double> sums(static_cast<std::size_t>(kinds * columns));  // the CPU's floats are less exact
          for (std::int64_t i = 0; i < kinds * columns && accumulate; ++i)
            sums[static_cast<std::size_t>(i)] = wanted.data<float>()[i];
          for (std::int64_t i = 0; i < count * columns; ++i)
            sums[static_cast<std::size_t>(drawn[static_cast<std::size_t>(i / columns)] * columns + i % columns)] +=
                dy.data<float>()[i];
          std::copy(sums.begin(), sums.end(), wanted.data<float>());
          cuda_kernels().indexing.take_rows_backward(on_device(dy, gpu), on_device(index, gpu), {got, accumulate});
          expect_near(got, wanted, 4e-5);
        }
      }
}

TEST(MaximumPools, OfEveryLayoutAndType) {
  struct Case {
    Shape shape;
    std::int64_t kernel, stride, padding, dilation;
  };
  for (const Case& one :
       {Case{{2, 8, 11, 9}, 3, 2, 1, 1}, Case{{1, 5, 8, 8}, 2, 2, 0, 1}, Case{{2, 4, 7, 6}, 5, 1, 2, 1},
        Case{{1, 12, 9, 10}, 3, 2, 1, 2}, Case{{2, 3, 9, 10}, 2, 3, 1, 1}})
    for (const Layout layout : layouts)
      for (const Dtype type : {f32, bf16, f16}) {
        SCOPED_TRACE(one.shape.text() + " " + std::to_string(static_cast<int>(layout)) + " " +
                     std::string(name_of(type)));
        const std::int64_t k = one.kernel, s = one.stride, p = one.padding, d = one.dilation;
        const PoolOptions options{.kernel = {k, k}, .stride = {s, s}, .padding = {p, p}, .dilation = {d, d}};
        Shape out = one.shape;
        for (const int axis : {2, 3}) out[axis] = (one.shape[axis] + 2 * p - d * (k - 1) - 1) / s + 1;
        const Pair x(one.shape, 1, type, layout), y(out, 2, type, layout), dx(one.shape, 3, type, layout);
        const Array wide = as(x.here, f32), best = Array::empty(out), place = Array::empty(out, Dtype::int32);
        const Array places = seen(Array::empty(memory_of(out, layout), Dtype::int32, gpu), out, layout);
        kernels(cpu).pool.maximum(wide, options, {best}, place);
        cuda_kernels().pool.maximum(x.there, options, {y.there}, places);
        ASSERT_EQ(y.result(), floats(as(best, type)));
        const Array back = Array::empty(out, Dtype::int32, gpu);
        cuda_kernels().elementwise.copy(places, {back});
        ASSERT_EQ(back.to_vector<std::int32_t>(), place.to_vector<std::int32_t>());
        for (const bool accumulate : {false, true}) {
          const Array slopes = as(as(dx.here, type), f32);
          kernels(cpu).pool.maximum_backward(as(y.here, f32), place, options, {slopes, accumulate});
          const Pair dy(out, 2, type, layout), result(one.shape, 3, type, layout);
          cuda_kernels().pool.maximum_backward(dy.there, places, options, {result.there, accumulate});
          expect_near(Array::from(result.result(), one.shape), as(slopes, type), 1e-2);
          if (type == f32) expect_near(Array::from(result.result(), one.shape), slopes, 1e-6);
        }
      }
}

// Rows of whole packs take another way; scaled rows, rows to ignore and logits that forbid a class among them.
TEST(CrossEntropy, ByPacks) {
  for (const std::int64_t classes : {256, 8192, 260}) {
    for (const Dtype dtype : {f32, bf16, f16}) {
      SCOPED_TRACE(std::to_string(classes) + " " + std::string(name_of(dtype)));
      constexpr std::int64_t rows = 5;
      const Array x = numbers({rows, classes}, 3);
      for (std::int64_t k = 0; k < classes; ++k) x.data<float>()[classes + k] *= 20;
      for (std::int64_t k = 0; k < classes / 2; ++k)
        x.data<float>()[2 * classes + k] = -std::numeric_limits<float>::infinity();
      const Array logits = as(x, dtype),
                  target = Array::from(std::vector<std::int64_t>{7, 0, classes - 1, -1, 200}, {rows});
      const std::vector<float> exact = floats(logits);
      std::vector<float> losses(rows), slopes(static_cast<std::size_t>(rows * classes));
      for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t wanted = target.data<std::int64_t>()[row];
        const float* const of_row = exact.data() + row * classes;
        double total = 0;
        const double top = *std::max_element(of_row, of_row + classes);
        for (std::int64_t k = 0; k < classes; ++k) total += std::exp(of_row[k] - top);
        for (std::int64_t k = 0; k < classes && wanted >= 0; ++k)
          slopes[static_cast<std::size_t>(row * classes + k)] =
              static_cast<float>(0.5 * (std::exp(of_row[k] - top) / total - (k == wanted ? 1 : 0)));
        losses[static_cast<std::size_t>(row)] =
            wanted < 0 ? 0 : static_cast<float>(std::log(total) - (of_row[wanted] - top));
      }
      const Array there = on_device(logits, gpu), targets = on_device(target, gpu);
      const Array loss = Array::empty({rows}, f32, gpu),
                  dloss = on_device(as(Array::from(std::vector<float>(rows, 0.5F), {rows}), f32), gpu);
      const Array dlogits = Array::empty({rows, classes}, dtype, gpu);
      kernels(there).loss.cross_entropy(there, targets, {.ignore = -1}, {loss});
      kernels(there).loss.cross_entropy_backward(there, targets, dloss, {.ignore = -1}, {dlogits});
      expect_near(loss, Array::from(losses, {rows}), 1e-5);
      expect_near(dlogits, Array::from(slopes, {rows, classes}),
                  dtype == f32    ? 2e-6
                  : dtype == bf16 ? 0x1p-8
                                  : 0x1p-10);
    }
  }
}

}  // namespace
}  // namespace joist::cuda
