#include <joist/core/cpu/parallel.h>
#include <joist/core/error.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace joist {
namespace {

int initial_threads() {
#ifdef _OPENMP
  return std::max(1, std::min(omp_get_max_threads(), omp_get_thread_limit()));
#else
  return 1;
#endif
}

std::atomic<int>& setting() {
  static std::atomic<int> count{initial_threads()};
  return count;
}

// The body's exceptions may not leave the parallel region; the one that a serial loop would have thrown is kept.
class FirstError {
 public:
  void keep(int part, std::exception_ptr error) noexcept {
    const std::lock_guard lock(mutex_);
    if (error_ && part_ < part) return;
    part_ = part;
    error_ = std::move(error);
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  int part_ = 0;
  std::exception_ptr error_;
};

}  // namespace

int threads() { return setting().load(std::memory_order_relaxed); }

void set_threads(int count) {
  if (count < 1)
    throw UsageError({.where = "threads", .what = std::to_string(count) + " threads", .expected = "at least 1"});
#ifdef _OPENMP
  setting().store(std::min(count, omp_get_thread_limit()), std::memory_order_relaxed);
  apply_threads();
#endif
}

int apply_threads() {
#ifdef _OPENMP
  // oneDNN plans with OpenMP's setting and waits for that many threads even where a nested loop gets only one: forever.
  const int count = omp_in_parallel() ? 1 : threads();
  if (omp_get_max_threads() != count) omp_set_num_threads(count);
  if (omp_get_dynamic()) omp_set_dynamic(0);  // the same with a team that OpenMP makes smaller
  return count;
#else
  return 1;
#endif
}

int parts_of(std::int64_t count, std::int64_t grain) {
  if (count <= 0) return 0;
  const std::int64_t per_part = std::max<std::int64_t>(grain, 1);
  return static_cast<int>(std::min<std::int64_t>(threads(), (count - 1) / per_part + 1));
}

void parallel_parts(std::int64_t count, std::int64_t grain,
                    FunctionRef<void(int part, std::int64_t begin, std::int64_t end)> body) {
  const int parts = parts_of(count, grain);
  if (parts == 0) return;
  const std::int64_t length = count / parts, longer = count % parts;  // the first `longer` parts hold one item more
  const auto run = [&](int part) {
    const std::int64_t begin = part * length + std::min<std::int64_t>(part, longer);
    body(part, begin, begin + length + (part < longer ? 1 : 0));
  };
#ifdef _OPENMP
  if (parts > 1 && !omp_in_parallel()) {
    FirstError error;
    // Always the whole team: GNU's library ends and creates threads when the team's size changes. It may also be
    // smaller than asked for; the parts stay the same.
#pragma omp parallel num_threads(threads())
    for (int part = omp_get_thread_num(); part < parts; part += omp_get_num_threads()) {
      try {
        run(part);
      } catch (...) {
        error.keep(part, std::current_exception());
      }
    }
    error.rethrow();
    return;
  }
#endif
  for (int part = 0; part < parts; ++part) run(part);
}

void parallel_for(std::int64_t count, std::int64_t grain,
                  FunctionRef<void(std::int64_t begin, std::int64_t end)> body) {
  parallel_parts(count, grain, [&](int, std::int64_t begin, std::int64_t end) { body(begin, end); });
}

}  // namespace joist
