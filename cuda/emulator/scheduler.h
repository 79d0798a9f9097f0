// The streams of a GPU that is not there: queues whose work is done at once, or as late as the rules allow and in
// random order between streams, with a clock for each stream that tells which accesses an event puts in order.
#pragma once

#include <joist/core/error.h>
#include <joist/core/random.h>
#include <joist/cuda/emulator/streams.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace joist::cuda::emulator {

// How many pieces of work of each stream are surely done. Number 0 is the host.
using Clock = std::vector<std::uint64_t>;

inline void merge(Clock& clock, const Clock& other) {
  clock.resize(std::max(clock.size(), other.size()));
  for (std::size_t i = 0; i < other.size(); ++i) clock[i] = std::max(clock[i], other[i]);
}
inline std::uint64_t at(const Clock& clock, std::size_t stream) { return stream < clock.size() ? clock[stream] : 0; }

struct FakeEvent {
  std::uint64_t recorded = 0, happened = 0;
  Clock clock{};
};
struct Work {
  const char* name = "";
  std::function<void()> run{};
  Clock clock{};
  FakeEvent* event = nullptr;
  std::uint64_t generation = 0;
  bool waits = false;  // for the event; else it makes it happen
  std::function<bool()> gate{};
};
struct FakeStream {
  std::size_t number = 0;
  Clock clock{};
  std::deque<Work> queue{};
  std::unique_ptr<std::vector<Work>> recording{};  // of a graph
  std::thread::id recorder{};
  std::string broken{};  // what the recording did that a graph cannot
};

// Who touched a byte last.
struct Touch {
  std::size_t stream = 0;
  std::uint64_t number = 0;
  const char* name = "";
};
struct Place {
  Touch writer{};
  std::vector<Touch> readers{};
};

// Ranks are threads of one process: one at a time asks, or runs work.
class Streams {
  using Lock = std::unique_lock<std::recursive_mutex>;

 public:
  static Streams& instance() {
    static auto* one = new Streams;
    return *one;
  }

  void set(const StreamSettings& settings) {
    finish_all();
    const Lock lock(mutex_);
    settings_ = settings;
    random_ = Random({.seed = settings.seed, .stream = Stream::test});
    places_.clear();
  }
  FakeStream* make_stream() {
    const Lock lock(mutex_);
    streams_.push_back(std::make_unique<FakeStream>());
    streams_.back()->number = streams_.size();
    return streams_.back().get();
  }
  FakeEvent* make_event() {
    const Lock lock(mutex_);
    events_.push_back(std::make_unique<FakeEvent>());
    return events_.back().get();
  }
  void record(FakeStream& stream, FakeEvent& event) {
    const Lock lock(mutex_);
    put(stream, {.name = "record", .event = &event, .generation = ++event.recorded});
  }
  void put(FakeStream& stream, Work work) {
    const Lock lock(mutex_);
    if (stream.recording) {
      if (work.event) return require_no_recording(work.name);
      if (work.gate) return require_no_recording("work that waits for other ranks");
      stream.recording->push_back(std::move(work));
      return;
    }
    merge(stream.clock, host_);
    stream.clock.resize(std::max(stream.clock.size(), stream.number + 1));
    ++stream.clock[stream.number];
    work.clock = stream.clock;
    if (work.event && !work.waits) work.event->clock = work.clock;
    stream.queue.push_back(std::move(work));
    while (!settings_.late && step()) {
    }
  }
  void wait(FakeStream& stream, FakeEvent& event) {
    const Lock lock(mutex_);
    require_no_recording("waiting for an event");
    merge(stream.clock, event.clock);
    put(stream, {.name = "wait", .event = &event, .generation = event.recorded, .waits = true});
  }
  bool happened(FakeEvent& event) {
    const Lock lock(mutex_);
    require_no_recording("asking for an event");
    if (event.happened < event.recorded) step();  // time passes
    if (event.happened < event.recorded) return false;
    merge(host_, event.clock);
    return true;
  }
  void finish(FakeEvent& event) {
    Lock lock(mutex_);
    require_no_recording("waiting by the host");
    const std::uint64_t wanted = event.recorded;
    go_on(lock, [&] { return event.happened >= wanted; });
    merge(host_, event.clock);
  }
  void finish_all() {
    Lock lock(mutex_);
    require_no_recording("waiting by the host");
    go_on(lock,
          [&] { return std::ranges::all_of(streams_, [](const auto& stream) { return stream->queue.empty(); }); });
    for (const auto& stream : streams_) merge(host_, stream->clock);
  }

  void begin_capture(FakeStream& stream) {
    const Lock lock(mutex_);
    require_no_recording("another recording");
    stream.recording = std::make_unique<std::vector<Work>>();
    stream.recorder = std::this_thread::get_id();
    stream.broken.clear();
  }
  // nullptr where it was broken.
  std::unique_ptr<std::vector<Work>> end_capture(FakeStream& stream) {
    const Lock lock(mutex_);
    auto recorded = std::move(stream.recording);
    if (!recorded) throw InternalError({.where = "emulated GPU", .what = "nothing is being recorded"});
    if (!stream.broken.empty())
      throw EnvironmentError({.where = "emulated GPU", .what = stream.broken + " while a step is recorded"});
    return recorded;
  }
  void abandon_capture(FakeStream& stream) noexcept {
    const Lock lock(mutex_);
    stream.recording.reset();
  }
  void launch(const std::vector<Work>& graph, FakeStream& stream) {
    const Lock lock(mutex_);
    require_no_recording("another graph");
    for (const Work& work : graph) put(stream, {.name = work.name, .run = work.run});
  }
  // As CUDA does: refuses, and what is recorded is no graph any more.
  void require_no_recording(const char* what) {
    if (const std::string broken = break_recording(what); !broken.empty())
      throw EnvironmentError({.where = "emulated GPU", .what = broken + " while a step is recorded"});
  }
  /// "" where this thread records nothing.
  std::string break_recording(const char* what) {
    const Lock lock(mutex_);
    for (const auto& stream : streams_) {
      if (!stream->recording || stream->recorder != std::this_thread::get_id()) continue;
      stream->broken = what;
      return what;
    }
    return {};
  }

  bool late() const noexcept { return settings_.late && running_; }
  void touch(const void* address, bool writes) {
    Place& place = places_[address];
    const Touch own{number_, at(running_->clock, number_), running_->name};
    const auto ordered = [&](const Touch& before) {
      return before.number == 0 || before.stream == own.stream || at(running_->clock, before.stream) >= before.number;
    };
    if (!ordered(place.writer)) refuse(own, writes, place.writer, "wrote");
    if (!writes) {
      std::erase_if(place.readers, [&](const Touch& reader) { return reader.stream == own.stream; });
      place.readers.push_back(own);
      return;
    }
    for (const Touch& reader : place.readers)
      if (!ordered(reader)) refuse(own, true, reader, "reads");
    place.readers.clear();
    place.writer = own;
  }

 private:
  [[noreturn]] static void refuse(const Touch& own, bool writes, const Touch& other, const char* did) {
    throw InternalError({.where = std::string("emulated kernel ") + own.name,
                         .what = "in stream " + std::to_string(own.stream) + (writes ? " writes" : " reads") +
                                 " what " + other.name + " in stream " + std::to_string(other.stream) + " " + did,
                         .remedy = "an event between the two streams"});
  }
  static bool ready(const FakeStream& stream) {
    if (stream.queue.empty()) return false;
    const Work& next = stream.queue.front();
    if (next.gate && !next.gate()) return false;
    return !next.waits || next.event->happened >= next.generation;
  }
  // Works until `done`; where all that is left waits for other threads' work, waits for that.
  template <class Done>
  void go_on(Lock& lock, const Done& done) {
    constexpr int patience = 20'000;
    for (int waited = 0; !done();) {
      if (step()) continue;
      const bool gated = std::ranges::any_of(
          streams_, [](const auto& stream) { return !stream->queue.empty() && stream->queue.front().gate; });
      if (!gated || ++waited > patience)
        throw InternalError({.where = "emulated GPU", .what = "all streams wait for each other"});
      changed_.wait_for(lock, std::chrono::milliseconds(1));
    }
  }
  // Does the next work of one of the streams that can go on; false where none can.
  bool step() {
    std::vector<FakeStream*> able;
    for (const auto& stream : streams_)
      if (ready(*stream)) able.push_back(stream.get());
    if (able.empty()) return false;
    FakeStream& chosen = *able[able.size() == 1 ? 0 : random_.below(able.size())];
    const Work work = std::move(chosen.queue.front());
    chosen.queue.pop_front();
    running_ = &work;
    number_ = chosen.number;
    const struct Done {
      const Work*& running;
      ~Done() { running = nullptr; }
    } done{running_};
    if (work.run) work.run();
    if (work.event && !work.waits) work.event->happened = std::max(work.event->happened, work.generation);
    return true;
  }

  std::recursive_mutex mutex_{};
  std::condition_variable_any changed_{};
  StreamSettings settings_{};
  Random random_{RandomKey{}};
  Clock host_{};
  std::vector<std::unique_ptr<FakeStream>> streams_{};
  std::vector<std::unique_ptr<FakeEvent>> events_{};
  std::unordered_map<const void*, Place> places_{};
  const Work* running_ = nullptr;
  std::size_t number_ = 0;
};

}  // namespace joist::cuda::emulator
