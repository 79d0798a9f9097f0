#include <joist/core/cpu/parallel.h>
#include <joist/core/error.h>

#include <algorithm>
#include <array>
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

// A body's exceptions may not leave the parallel region; the one that a serial loop would have thrown is kept.
class FirstError {
 public:
  template <class Body>
  void guard(std::int64_t number, const Body& body) noexcept {
    try {
      body();
    } catch (...) {
      keep(number, std::current_exception());
    }
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void keep(std::int64_t number, std::exception_ptr error) noexcept {
    const std::lock_guard lock(mutex_);
    if (error_ && number_ < number) return;
    number_ = number;
    error_ = std::move(error);
  }

  std::mutex mutex_;
  std::int64_t number_ = 0;
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

namespace {

struct Range {
  std::int64_t begin, end;
};
// The first count % parts of them hold one item more.
Range part_of(std::int64_t count, std::int64_t parts, std::int64_t part) {
  const std::int64_t length = count / parts, longer = count % parts;
  const std::int64_t begin = part * length + std::min(part, longer);
  return {begin, begin + length + (part < longer ? 1 : 0)};
}

// run(number) once for each number below `parts`, by the whole team where there is one.
void by_team(int parts, FunctionRef<void(int number)> run) {
#ifdef _OPENMP
  if (parts > 1 && !omp_in_parallel()) {
    // Always the whole team: GNU's library ends and creates threads when the team's size changes. It may also be
    // smaller than asked for; the parts stay the same.
#pragma omp parallel num_threads(threads())
    for (int part = omp_get_thread_num(); part < parts; part += omp_get_num_threads()) run(part);
    return;
  }
#endif
  for (int part = 0; part < parts; ++part) run(part);
}

constexpr std::int64_t most_pieces = 8;  // of a part
constexpr std::size_t most_shared = 64;  // parts whose pieces are shared
struct alignas(64) NextPiece {
  std::atomic<std::int64_t> taken{0};
};

}  // namespace

void parallel_parts(std::int64_t count, std::int64_t grain,
                    FunctionRef<void(int part, std::int64_t begin, std::int64_t end)> body) {
  const int parts = parts_of(count, grain);
  FirstError error;
  by_team(parts, [&](int part) {
    const Range range = part_of(count, parts, part);
    error.guard(part, [&] { body(part, range.begin, range.end); });
  });
  error.rethrow();
}

void parallel_workers(std::int64_t count, std::int64_t grain,
                      FunctionRef<void(int worker, std::int64_t begin, std::int64_t end)> body, Sweep sweep) {
  const int parts = parts_of(count, grain);
  const std::int64_t pieces =
      parts < 2 ? 1 : std::clamp<std::int64_t>(count / parts / std::max<std::int64_t>(grain, 1), 1, most_pieces);
  if (pieces == 1 || static_cast<std::size_t>(parts) > most_shared) return parallel_parts(count, grain, body);
  std::array<NextPiece, most_shared> next;
  FirstError error;
  by_team(parts, [&](int worker) {
    for (int turn = 0; turn < parts; ++turn) {
      const int part = (worker + turn) % parts;
      const Range whole = part_of(count, parts, part);
      for (std::int64_t taken; (taken = next[static_cast<std::size_t>(part)].taken++) < pieces;) {
        const std::int64_t piece = sweep == Sweep::upwards ? taken : pieces - 1 - taken;
        const Range range = part_of(whole.end - whole.begin, pieces, piece);
        error.guard(part * pieces + piece, [&] { body(worker, whole.begin + range.begin, whole.begin + range.end); });
      }
    }
  });
  error.rethrow();
}

void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t begin, std::int64_t end)> body,
                  Sweep sweep) {
  parallel_workers(
      count, grain, [&](int, std::int64_t begin, std::int64_t end) { body(begin, end); }, sweep);
}

}  // namespace joist
