#include <joist/core/instruction_set.h>
#include <joist/core/ops.h>
#include <joist/core/threads.h>
#include <joist/tools/training/roofline.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace joist {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// body(part) in every one of `parts` threads.
void in_threads(int parts, const std::function<void(int)>& body) {
  std::vector<std::thread> team;
  for (int part = 1; part < parts; ++part) team.emplace_back(body, part);
  body(0);
  for (std::thread& thread : team) thread.join();
}

// Independent sums: more than a unit's latency times its width needs on any processor of the last ten years.
constexpr int chains = 12;
constexpr std::int64_t rounds = 4'000'000;

#ifdef __x86_64__
// Each returns a number that depends on all its sums, so that none is left out.
__attribute__((target("avx512f"))) float multiply_avx512() {
  __m512 sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 factor = _mm512_set1_ps(0.999F), summand = _mm512_set1_ps(0.001F);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], factor, summand);
  }
  __m512 total = sums[0];
  for (int i = 1; i < chains; ++i) total = _mm512_add_ps(total, sums[i]);
  return _mm512_cvtss_f32(total);
}

__attribute__((target("avx2,fma"))) float multiply_avx2() {
  __m256 sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 factor = _mm256_set1_ps(0.999F), summand = _mm256_set1_ps(0.001F);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, summand);
  }
  __m256 total = sums[0];
  for (int i = 1; i < chains; ++i) total = _mm256_add_ps(total, sums[i]);
  return _mm256_cvtss_f32(total);
}

double multiply_rate() {
  const std::string_view set = instruction_set();
  if (set == "SSE4.2") return 0;  // has no such instruction
  const bool wide = set == "AVX-512";
  const double flops = 2.0 * (wide ? 16 : 8) * chains * static_cast<double>(rounds);
  const int team = threads();
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    std::vector<double> rates(static_cast<std::size_t>(team));
    in_threads(team, [&](int part) {
      const auto start = Clock::now();
      volatile const float kept = wide ? multiply_avx512() : multiply_avx2();
      static_cast<void>(kept);
      rates[static_cast<std::size_t>(part)] = flops / seconds_since(start);
    });
    double together = 0;
    for (const double rate : rates) together += rate;
    best = std::max(best, together);
  }
  return best / 1e9;
}
#else
double multiply_rate() { return 0; }
#endif

double product_rate() {
  constexpr std::int64_t side = 2048;
  const NoGradient off;
  const Tensor a = rand({side, side}), b = rand({side, side});
  double best = 0;
  for (int attempt = 0; attempt < 6; ++attempt) {  // the first one plans
    const auto start = Clock::now();
    static_cast<void>(matmul(a, b));
    best = std::max(best, 2.0 * side * side * side / seconds_since(start));
  }
  return best / 1e9;
}

double copy_rate() {
  constexpr std::size_t bytes = std::size_t{128} << 20;
  const auto team = static_cast<std::size_t>(threads());
  const std::size_t slice = bytes / team;
  const std::vector<std::byte> source(bytes, std::byte{1});
  std::vector<std::byte> target(bytes);
  double best = 0;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const auto start = Clock::now();
    in_threads(threads(), [&](int part) {
      const std::size_t first = static_cast<std::size_t>(part) * slice;
      std::memcpy(target.data() + first, source.data() + first, slice);
    });
    best = std::max(best, 2.0 * static_cast<double>(slice * team) / seconds_since(start));
  }
  return best / 1e9;
}

}  // namespace

Roofline measure_roofline() {
  return {.fma_gflops = multiply_rate(), .gemm_gflops = product_rate(), .copy_gb_per_second = copy_rate()};
}

}  // namespace joist
