#include <joist/core/error.h>
#include <joist/core/random.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/emulator/streams.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace joist::cuda {
namespace emulator {
namespace {

// How many pieces of work of each stream are surely done. Number 0 is the host.
using Clock = std::vector<std::uint64_t>;

void merge(Clock& clock, const Clock& other) {
  clock.resize(std::max(clock.size(), other.size()));
  for (std::size_t i = 0; i < other.size(); ++i) clock[i] = std::max(clock[i], other[i]);
}
std::uint64_t at(const Clock& clock, std::size_t stream) { return stream < clock.size() ? clock[stream] : 0; }

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
    merge(stream.clock, event.clock);
    put(stream, {.name = "wait", .event = &event, .generation = event.recorded, .waits = true});
  }
  bool happened(FakeEvent& event) {
    const Lock lock(mutex_);
    if (event.happened < event.recorded) step();  // time passes
    if (event.happened < event.recorded) return false;
    merge(host_, event.clock);
    return true;
  }
  void finish(FakeEvent& event) {
    Lock lock(mutex_);
    const std::uint64_t wanted = event.recorded;
    go_on(lock, [&] { return event.happened >= wanted; });
    merge(host_, event.clock);
  }
  void finish_all() {
    Lock lock(mutex_);
    go_on(lock,
          [&] { return std::ranges::all_of(streams_, [](const auto& stream) { return stream->queue.empty(); }); });
    for (const auto& stream : streams_) merge(host_, stream->clock);
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

}  // namespace

void set_streams(const StreamSettings& settings) { Streams::instance().set(settings); }
void enqueue(void* stream, const char* name, std::function<void()> work) {
  Streams::instance().put(*static_cast<FakeStream*>(stream), {.name = name, .run = std::move(work)});
}
void enqueue_when(void* stream, const char* name, std::function<bool()> ready, std::function<void()> work) {
  Streams::instance().put(*static_cast<FakeStream*>(stream),
                          {.name = name, .run = std::move(work), .gate = std::move(ready)});
}
bool running_late() noexcept { return Streams::instance().late(); }
void touch(const void* address, bool writes) { Streams::instance().touch(address, writes); }

}  // namespace emulator

namespace driver {
namespace {

using emulator::DeviceMemory;
using emulator::Streams;

constexpr std::size_t watched_copy = std::size_t{64} << 10;  // larger ones take too long to watch byte by byte

void watch(const char* memory, std::size_t bytes, bool writes) {
  if (!emulator::running_late() || bytes > watched_copy) return;
  for (std::size_t i = 0; i < bytes; ++i) emulator::touch(memory + i, writes);
}

}  // namespace

void* allocate(std::size_t bytes) {
  try {
    return DeviceMemory::instance().allocate(bytes);
  } catch (const EnvironmentError&) {  // full
    return nullptr;
  }
}
void release(void* memory) noexcept {
  Streams::instance().finish_all();
  DeviceMemory::instance().release(memory);
}
void* allocate_pinned(std::size_t bytes) { return std::aligned_alloc(64, (bytes + 63) / 64 * 64); }

void enter_thread() {}
std::size_t free_memory() { return DeviceMemory::instance().free(); }

Stream make_stream() { return Streams::instance().make_stream(); }
Event make_event() { return Streams::instance().make_event(); }
void record(Event event, Stream stream) {
  Streams::instance().record(*static_cast<emulator::FakeStream*>(stream), *static_cast<emulator::FakeEvent*>(event));
}
void wait(Stream stream, Event event) {
  Streams::instance().wait(*static_cast<emulator::FakeStream*>(stream), *static_cast<emulator::FakeEvent*>(event));
}
bool happened(Event event) { return Streams::instance().happened(*static_cast<emulator::FakeEvent*>(event)); }
void finish(Event event) { Streams::instance().finish(*static_cast<emulator::FakeEvent*>(event)); }
void finish_all() { Streams::instance().finish_all(); }

void copy_to_host(void* to, const void* from, std::size_t bytes, Stream stream) {
  emulator::enqueue(stream, "copy_to_host", [=] {
    const char* memory = DeviceMemory::inside(from);
    watch(memory, bytes, false);
    std::memcpy(to, memory, bytes);
  });
}
void copy_to_device(void* to, const void* from, std::size_t bytes, Stream stream) {
  emulator::enqueue(stream, "copy_to_device", [=] {
    char* memory = DeviceMemory::inside(to);
    watch(memory, bytes, true);
    std::memcpy(memory, from, bytes);
  });
}

}  // namespace driver
}  // namespace joist::cuda
