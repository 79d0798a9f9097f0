#include <joist/core/error.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/emulator/scheduler.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace joist::cuda {
namespace emulator {

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
  Streams::instance().require_no_recording("memory from the driver");
  try {
    return DeviceMemory::instance().allocate(bytes);
  } catch (const EnvironmentError&) {  // full
    return nullptr;
  }
}
void release(void* memory) noexcept {
  if (!Streams::instance().break_recording("memory given back to the driver").empty()) return;  // and is lost
  Streams::instance().finish_all();
  DeviceMemory::instance().release(memory);
}
void* allocate_pinned(std::size_t bytes) { return std::aligned_alloc(64, (bytes + 63) / 64 * 64); }
void release_pinned(void* memory) noexcept { std::free(memory); }

void enter_thread() {}
std::string gpu_name() { return {}; }
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

void begin_capture(Stream stream) { Streams::instance().begin_capture(*static_cast<emulator::FakeStream*>(stream)); }
Graph end_capture(Stream stream) {
  return Streams::instance().end_capture(*static_cast<emulator::FakeStream*>(stream)).release();
}
void abandon_capture(Stream stream) noexcept {
  Streams::instance().abandon_capture(*static_cast<emulator::FakeStream*>(stream));
}
void launch(Graph graph, Stream stream) {
  Streams::instance().launch(*static_cast<std::vector<emulator::Work>*>(graph),
                             *static_cast<emulator::FakeStream*>(stream));
}
void release_graph(Graph graph) noexcept { delete static_cast<std::vector<emulator::Work>*>(graph); }

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
