// Memory: while a step is rehearsed and recorded, arrays come from an arena of its own. The rehearsal makes it as large
// as the step needs, the recording asks the driver for nothing, and between replays nobody else gets any of it.
#include <joist/core/kernels.h>
#include <joist/core/segment_allocator.h>
#include <joist/cuda/capture.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/runtime.h>

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

struct Recorded {
  Array numbers;  // step and draw
  std::uint32_t step, draw;
};
thread_local const Recorded* recorded = nullptr;

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
    const Recorded own{numbers_, now.step, now.draw};
    const driver::Stream stream = current_stream();
    const Taking taking(*arena_);
    driver::begin_capture(stream);
    arena_->close(true);
    recorded = &own;
    const auto end = [&] {
      recorded = nullptr;
      arena_->close(false);
    };
    bool ended = false;
    try {
      work();
      end();
      ended = true;
      graph_ = driver::end_capture(stream);
    } catch (const EnvironmentError& error) {  // the driver's word
      end();
      if (!ended) driver::abandon_capture(stream);
      throw CaptureError({.where = "capture of a step", .what = error.what()});
    } catch (...) {
      end();
      driver::abandon_capture(stream);
      throw;
    }
  }

  void replay(const RandomKey& now) override {
    if (!graph_)
      throw UsageError({.where = "capture of a step", .what = "nothing was recorded", .expected = "record()"});
    const auto& fill = kernels(numbers_).elementwise.fill;
    fill(now.step, numbers_.sliced(0, 0, 1));
    fill(now.draw, numbers_.sliced(0, 1, 2));
    driver::launch(graph_, current_stream());
  }

 private:
  void forget() noexcept {
    if (graph_) driver::release_graph(std::exchange(graph_, nullptr));
  }

  std::unique_ptr<Arena> arena_ = std::make_unique<Arena>();
  Array numbers_ = Array::empty({2}, Dtype::int64, gpu);
  driver::Graph graph_ = nullptr;
};

}  // namespace

std::unique_ptr<StepCapture> make_step_capture() { return std::make_unique<GraphCapture>(); }

void require_no_capture(const char* what) {
  if (recorded) throw CaptureError({.where = "capture of a step", .what = std::string(what) + " cannot be recorded"});
}

Array replayed_numbers(const RandomKey& key) {
  return recorded && key.step == recorded->step && key.draw == recorded->draw ? recorded->numbers : Array();
}

}  // namespace joist::cuda
