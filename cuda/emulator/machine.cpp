#include <joist/core/error.h>
#include <joist/core/random.h>
#include <joist/cuda/emulator/device.h>
#include <joist/cuda/emulator/fiber.h>
#include <joist/cuda/emulator/machine.h>
#include <joist/cuda/emulator/shadow.h>
#include <joist/cuda/emulator/streams.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <vector>

namespace joist::cuda::emulator {
namespace {

enum class State : std::uint8_t { ready, at_barrier, at_warp, done };

struct Thread {
  State state = State::done;
  std::uint32_t warp_epoch = 0;
  std::int64_t shared_taken = 0;
  std::uint64_t given = 0, taken = 0;
  int from = 0;
  std::uint32_t line = 0;
};

class Machine {
 public:
  Settings settings;
  Counts counts;
  std::map<std::string, Seen> seen;

  void run(const Launch& launch, const std::function<void()>& body) {
    launch_ = &launch;
    if (launch.threads % warp_size != 0 || launch.threads < warp_size || launch.threads > 1024)
      fail(std::to_string(launch.threads) + " threads: not whole warps");
    ++counts.launches;
    Seen& entry = seen[launch.name];
    ++entry.launches;
    entry.together = entry.together || !launch.independent;
    counts.threads += static_cast<std::uint64_t>(launch.blocks * launch.threads);
    shadow_.clear();
    Random random({.seed = settings.seed, .stream = Stream::test, .call = static_cast<std::uint32_t>(counts.launches)});
    std::vector<std::int64_t> order(static_cast<std::size_t>(launch.blocks));
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (const std::int64_t index : order) {
      block_ = index;
      if (launch.independent)
        run_alone(body, random.bits());
      else
        run_block(body, random);
    }
    launch_ = nullptr;
  }

  int thread() const { return now_; }
  int threads() const { return launch_->threads; }
  std::int64_t block() const { return block_; }
  std::int64_t blocks() const { return launch_->blocks; }

  void wait(State state, std::uint32_t line) {
    if (launch_->independent) fail("a barrier in a kernel whose threads are independent");
    Thread& own = threads_[static_cast<std::size_t>(now_)];
    own.state = state;
    own.line = line;
    ++counts.switches;
    fibers_[static_cast<std::size_t>(now_)]->pause();
  }
  std::uint64_t exchange(std::uint64_t value, int from, std::uint32_t line) {
    Thread& own = threads_[static_cast<std::size_t>(now_)];
    own.given = value;
    own.from = from;
    wait(State::at_warp, line);
    return threads_[static_cast<std::size_t>(now_)].taken;
  }
  void* shared(std::int64_t bytes) {
    constexpr std::int64_t unit = 16;
    if (launch_->independent) fail("shared memory in a kernel whose threads are independent");
    Thread& own = threads_[static_cast<std::size_t>(now_)];
    const std::int64_t at = own.shared_taken;
    own.shared_taken += (bytes + unit - 1) / unit * unit;
    if (own.shared_taken > launch_->shared_bytes)
      fail("takes " + std::to_string(own.shared_taken) + " bytes of shared memory, launched with " +
           std::to_string(launch_->shared_bytes));
    return shared_.data() + at;
  }
  void check(const void* address, std::int64_t bytes, Use use, const Bounds& bounds, bool shared_memory) {
    const char* p = static_cast<const char*>(address);
    if (p < bounds.begin || p + bytes > bounds.end)
      fail(std::string(use == Use::read ? "reads" : "writes") + " at byte " + std::to_string(p - bounds.begin) +
           " of an array of " + std::to_string(bounds.end - bounds.begin) + " bytes" +
           (shared_memory ? " in shared memory" : ""));
    const bool wide = !shared_memory && bytes == 16;  // neighbours at once, which a GPU does at multiples only
    if (wide && reinterpret_cast<std::uintptr_t>(p) % 16 != 0) fail("16 bytes at an address that is no multiple of 16");
    if (!shared_memory && running_late()) touch(p, use != Use::read);
    if (!settings.races) return;
    if (shared_memory && use != Use::write && !shared_shadow_.written(p)) fail("reads shared memory that nobody wrote");
    const Moment moment{static_cast<std::int32_t>(block_), now_, epoch_,
                        launch_->independent ? 0 : threads_[static_cast<std::size_t>(now_)].warp_epoch};
    const Access access = use == Use::read ? Access::read : use == Use::write ? Access::write : Access::atomic;
    Shadow& shadow = shared_memory ? shared_shadow_ : shadow_;
    // Other threads may touch the elements one by one, which have two bytes or more.
    for (std::int64_t at = 0; at < bytes; at += wide ? 2 : bytes)
      if (const std::string race = shadow.note(p + at, access, moment); !race.empty()) fail("a race: " + race);
  }

  void check_alignment(const void* address, std::int64_t bytes) const {
    const auto place = reinterpret_cast<std::uintptr_t>(address);
    const std::int64_t at_once = std::min<std::int64_t>(bytes, 16);
    if (place % static_cast<std::uintptr_t>(at_once) != 0)
      fail("an access to " + std::to_string(at_once) + " bytes at an address that is no multiple of them");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw InternalError({.where = std::string("emulated kernel ") + launch_->name,
                         .what = "block " + std::to_string(block_) + ", thread " + std::to_string(now_) + ": " + what});
  }

 private:
  void run_alone(const std::function<void()>& body, std::uint32_t choice) {
    epoch_ = 0;
    for (int i = 0; i < launch_->threads; ++i) {
      now_ = (choice & 1U) != 0 ? launch_->threads - 1 - i : i;
      body();
    }
  }

  void run_block(const std::function<void()>& body, Random& random) {
    const auto count = static_cast<std::size_t>(launch_->threads);
    while (fibers_.size() < count) fibers_.push_back(std::make_unique<Fiber>());
    threads_.assign(count, Thread{});
    // On the heap and exactly as large as asked for; filled with NaN.
    shared_.assign(static_cast<std::size_t>(launch_->shared_bytes), static_cast<char>(0xFF));
    shared_shadow_.clear();
    epoch_ = 0;
    std::vector<int> ready(count);
    std::iota(ready.begin(), ready.end(), 0);
    for (std::size_t i = 0; i < count; ++i) {
      threads_[i].state = State::ready;
      fibers_[i]->start(body);
    }
    std::size_t done = 0;
    while (done < count) {
      if (ready.empty()) release(ready);
      const std::size_t choice = random.below(ready.size());
      now_ = ready[choice];
      ready[choice] = ready.back();
      ready.pop_back();
      Fiber& fiber = *fibers_[static_cast<std::size_t>(now_)];
      fiber.resume();
      Thread& thread = threads_[static_cast<std::size_t>(now_)];
      if (fiber.finished()) {
        thread.state = State::done;
        ++done;
      } else if (thread.state == State::at_warp) {
        release_warp(now_ / warp_size, ready);
      }
    }
  }

  void release_warp(int warp, std::vector<int>& ready) {
    const int first = warp * warp_size;
    for (int i = first; i < first + warp_size; ++i)
      if (threads_[static_cast<std::size_t>(i)].state != State::at_warp) return;
    for (int i = first; i < first + warp_size; ++i) {
      Thread& lane = threads_[static_cast<std::size_t>(i)];
      if (lane.line != threads_[static_cast<std::size_t>(first)].line)
        fail("lanes of a warp exchange at different lines");
      if (lane.from < 0 || lane.from >= warp_size) fail("takes from lane " + std::to_string(lane.from));
      lane.taken = threads_[static_cast<std::size_t>(first + lane.from)].given;
    }
    for (int i = first; i < first + warp_size; ++i) {
      Thread& lane = threads_[static_cast<std::size_t>(i)];
      ++lane.warp_epoch;
      lane.state = State::ready;
      ready.push_back(i);
    }
  }

  // Nobody can go on: all must be at one barrier.
  void release(std::vector<int>& ready) {
    std::uint32_t line = 0;
    for (const Thread& thread : threads_) {
      if (thread.state == State::at_warp) fail("some lanes of a warp wait for others that never come");
      if (thread.state == State::done) fail("some threads wait at a barrier that others ended without");
      if (line != 0 && thread.line != line) fail("threads wait at different barriers");
      line = thread.line;
    }
    ++epoch_;
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      threads_[i].warp_epoch = 0;
      threads_[i].state = State::ready;
      ready.push_back(static_cast<int>(i));
    }
  }

  const Launch* launch_ = nullptr;
  std::int64_t block_ = 0;
  int now_ = 0;
  std::uint32_t epoch_ = 0;
  std::vector<Thread> threads_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<char> shared_;
  Shadow shadow_, shared_shadow_;
};

Machine& machine() {
  static Machine one;
  return one;
}

}  // namespace

Settings& settings() { return machine().settings; }
const Counts& counts() { return machine().counts; }
const std::map<std::string, Seen>& seen() { return machine().seen; }
void run(const Launch& launch, const std::function<void()>& body) { machine().run(launch, body); }
int thread() { return machine().thread(); }
int threads() { return machine().threads(); }
std::int64_t block() { return machine().block(); }
std::int64_t blocks() { return machine().blocks(); }
void sync(const std::source_location& where) { machine().wait(State::at_barrier, where.line()); }
std::uint64_t exchange(std::uint64_t value, int from, const std::source_location& where) {
  return machine().exchange(value, from, where.line());
}
void* shared(std::int64_t bytes) { return machine().shared(bytes); }
void check(const void* address, std::int64_t bytes, Use use, const Bounds& bounds, bool shared_memory) {
  machine().check(address, bytes, use, bounds, shared_memory);
}
void check_alignment(const void* address, std::int64_t bytes) { machine().check_alignment(address, bytes); }

}  // namespace joist::cuda::emulator
