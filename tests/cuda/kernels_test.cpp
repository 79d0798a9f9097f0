// ctest: TIMEOUT 300
// Every entry of the kernel tables says how it is covered, and is covered so.
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/fallback.h>
#include <joist/cuda/kernels.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tests/support/strict_kernels.h>

namespace joist::cuda {
namespace {

const Device gpu = emulator::use_emulated_gpu();

TEST(CudaKernels, EveryEntryIsListed) {
  std::map<Coverage, int> count;
  for (const std::string& name : StrictKernels::all()) {
    EXPECT_NO_THROW(++count[coverage_of(name)]) << name;
  }
  std::printf("%d functor, %d emulator, %d on the CPU\n", count[Coverage::functor], count[Coverage::emulator],
              count[Coverage::host]);
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

}  // namespace
}  // namespace joist::cuda
