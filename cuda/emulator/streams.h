// The streams of the emulated GPU. Work is done at once, or as late as the rules allow and in random order between
// streams; then two pieces of work that touch one place and that no event puts in order are refused.
#pragma once

#include <cstdint>
#include <functional>

namespace joist::cuda::emulator {

struct StreamSettings {
  bool late = false;       ///< only when the host waits
  std::uint64_t seed = 1;  ///< of the order between streams
};
/// Finishes what is there and sets how further work runs.
void set_streams(const StreamSettings& settings);

/// Puts work into a stream; `name` for messages.
void enqueue(void* stream, const char* name, std::function<void()> work);
/// Work that does not begin before `ready` says so, which another thread's work brings about: a rank among others.
void enqueue_when(void* stream, const char* name, std::function<bool()> ready, std::function<void()> work);
/// Whether the work that runs now was put off.
bool running_late() noexcept;
/// The work that runs now reads or writes a byte of the GPU's memory. Throws InternalError where work of another stream
/// did so before and nothing puts the two in order.
void touch(const void* address, bool writes);

}  // namespace joist::cuda::emulator
