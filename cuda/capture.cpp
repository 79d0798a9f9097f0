// Memory: while a step is rehearsed and recorded, arrays come from an arena of its own. The rehearsal makes it as large
// as the step needs, the recording asks the driver for nothing, and between replays nobody else gets any of it.
//
// Numbers: what the host decides anew for each step lies in one array of words, which a copy brings to the GPU before
// the graph is launched: step and draw of random numbers, then the coefficients of each kernel that has some.
#include <joist/core/kernels.h>
#include <joist/core/segment_allocator.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/transfer.h>
#include <joist/cuda/verdict.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace joist::cuda {
namespace {

constexpr Device gpu{Device::Kind::cuda, 0};

class Arena final : public SegmentAllocator {
 public:
  Arena() : SegmentAllocator(gpu_segments) {}
  void close(bool closed) noexcept { closed_ = closed; }

 private:
  void* take(std::size_t bytes, bool) override { return closed_ ? nullptr : driver::allocate(bytes); }
  void give_back(void* segment, std::size_t) noexcept override {
    if (!closed_) driver::release(segment);
  }
  [[noreturn]] void refuse(std::size_t bytes, std::size_t) const override {
    const std::string what = std::to_string(bytes >> 10) + " KiB";
    if (closed_) throw CaptureError({.where = "capture of a step", .what = what + " more than its rehearsal needed"});
    throw CaptureError({.where = "capture of a step", .what = "no room for " + what + " of memory of its own"});
  }
  bool closed_ = false;
};

/// The arena gets no more memory while it lives.
class Closed {
 public:
  explicit Closed(Arena& arena) : arena_(arena) { arena_.close(true); }
  ~Closed() { arena_.close(false); }
  Closed(const Closed&) = delete;
  Closed& operator=(const Closed&) = delete;

 private:
  Arena& arena_;
};

/// Arrays of the GPU come from another allocator while it lives.
class Taking {
 public:
  explicit Taking(Allocator& other) : before_(allocator(gpu)) { register_allocator(gpu.kind, other); }
  ~Taking() { register_allocator(gpu.kind, before_); }
  Taking(const Taking&) = delete;
  Taking& operator=(const Taking&) = delete;

 private:
  Allocator& before_;
};

constexpr std::int64_t most_words = 8192;  // some hundreds of averages, each with a weight of its own

[[noreturn]] void refuse_renewal(const std::string& what) {
  throw CaptureError({.where = "capture of a step", .what = what + " than when it was recorded"});
}

// What the host decides for a step, in the order in which it does.
class Numbers {
 public:
  const Array& on_gpu() const noexcept { return on_gpu_; }
  void begin(const RandomKey& now) {
    kernels_.clear();
    words_.assign(2, 0);
    recorded_ = now;
  }
  RenewedWords add(std::span<const std::int64_t> words, const Array& target) {
    const auto first = std::ssize(words_), last = first + std::ssize(words);
    if (last > most_words)
      throw CaptureError(
          {.where = "capture of a step", .what = "more than 8192 numbers that change from step to step"});
    kernels_.push_back({target.raw(), first, last});
    words_.insert(words_.end(), words.begin(), words.end());
    return {.words = on_gpu_.sliced(0, first, last), .verdict = verdict};
  }

  void begin_renewal() noexcept { next_ = 0; }
  RenewedWords renew(std::span<const std::int64_t> words, const Array& target) {
    if (next_ == kernels_.size()) refuse_renewal("more updates");
    const Kernel& kernel = kernels_[next_++];
    if (kernel.target != target.raw() || kernel.last - kernel.first != std::ssize(words))
      refuse_renewal("other updates");
    std::copy(words.begin(), words.end(), words_.begin() + kernel.first);
    return {.recorded = true};
  }
  void end_renewal() const {
    if (next_ != kernels_.size()) refuse_renewal("fewer updates");
  }

  void bring(const RandomKey& now) {
    words_[0] = now.step;
    words_[1] = now.draw;
    copy_to_device(on_gpu_.raw(), words_.data(), words_.size() * sizeof(std::int64_t));
  }
  bool has(const RandomKey& key) const noexcept { return key.step == recorded_.step && key.draw == recorded_.draw; }

  Array verdict{};  // after clip(), while it is recorded

 private:
  struct Kernel {
    const void* target;
    std::int64_t first, last;
  };
  Array on_gpu_ = Array::empty({most_words}, Dtype::int64, gpu);
  std::vector<std::int64_t> words_{};
  std::vector<Kernel> kernels_{};
  std::size_t next_ = 0;
  RandomKey recorded_{};
};
// Of this thread's step, while it is recorded or its numbers are renewed.
thread_local Numbers* recorded = nullptr;
thread_local Numbers* renewed = nullptr;

// Sets one of them while it lives.
class Active {
 public:
  Active(Numbers*& which, Numbers& numbers) : which_(which) { which_ = &numbers; }
  ~Active() { which_ = nullptr; }
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;

 private:
  Numbers*& which_;
};

class GraphCapture final : public StepCapture {
 public:
  ~GraphCapture() override {
    forget();
    if (arena_->statistics().in_use == 0) {
      arena_->trim();
      return;
    }
    static_cast<void>(arena_.release());  // whose arrays live on
  }

  void rehearse(const Work& work) override {
    forget();
    memory().trim();  // what steps needed so far, the arena needs from now on
    const Taking taking(*arena_);
    work();
  }

  void record(const Work& work, const RandomKey& now) override {
    forget();
    numbers_.begin(now);
    numbers_.verdict = {};
    const driver::Stream stream = current_stream();
    const Taking taking(*arena_);
    driver::begin_capture(stream);
    bool ended = false;
    try {
      {
        const Active active(recorded, numbers_);
        const Closed closed(*arena_);
        work();
      }
      ended = true;
      graph_ = driver::end_capture(stream);
    } catch (const EnvironmentError& error) {  // the driver's word
      if (!ended) driver::abandon_capture(stream);
      throw CaptureError({.where = "capture of a step", .what = error.what()});
    } catch (...) {
      driver::abandon_capture(stream);
      throw;
    }
  }

  void replay(const RandomKey& now, const Work& renew) override {
    if (!graph_)
      throw UsageError({.where = "capture of a step", .what = "nothing was recorded", .expected = "record()"});
    if (renew) {
      const Active active(renewed, numbers_);
      numbers_.begin_renewal();
      renew();
      numbers_.end_renewal();
    }
    numbers_.bring(now);
    driver::launch(graph_, current_stream());
  }

  void clip(const Array& gradients, double limit, const Array& loss) override {
    clip_by_norm(gradients, limit, loss, verdict_);
    if (recorded) recorded->verdict = verdict_;
  }
  StepVerdict verdict() const override {
    const std::vector<double> found = verdict_.to_vector<double>();
    return {.loss = found[verdict_loss], .norm = found[verdict_norm], .taken = found[verdict_taken] != 0};
  }

 private:
  void forget() noexcept {
    if (graph_) driver::release_graph(std::exchange(graph_, nullptr));
  }

  std::unique_ptr<Arena> arena_ = std::make_unique<Arena>();
  Numbers numbers_{};
  Array verdict_ = Array::empty({verdict_places}, Dtype::float64, gpu);
  driver::Graph graph_ = nullptr;
};

}  // namespace

std::unique_ptr<StepCapture> make_step_capture() { return std::make_unique<GraphCapture>(); }

void require_no_capture(const char* what) {
  if (recorded) throw CaptureError({.where = "capture of a step", .what = std::string(what) + " cannot be recorded"});
}

void require_no_renewal() {
  if (renewed) refuse_renewal("other work for the GPU");
}

Array replayed_numbers(const RandomKey& key) {
  return recorded && recorded->has(key) ? recorded->on_gpu().sliced(0, 0, 2) : Array();
}

RenewedWords renewed_words(std::span<const std::int64_t> words, const Array& target) {
  return recorded ? recorded->add(words, target) : renewed ? renewed->renew(words, target) : RenewedWords{};
}

}  // namespace joist::cuda
