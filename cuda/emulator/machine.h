// Runs kernel bodies on the CPU as a GPU may: a fiber per thread, in random order between barriers, every access to
// memory checked for bounds and for races.
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

namespace joist::cuda::emulator {

constexpr int warp_size = 32;

/// Bounds of one array, for messages and checks.
struct Bounds {
  const char *begin = nullptr, *end = nullptr;
};

/// How the next launches run.
struct Settings {
  std::uint64_t seed = 1;  ///< of the order of blocks and threads
  bool races = true;       ///< watch every access
};
Settings& settings();

/// Number of launches so far, and threads that ran.
struct Counts {
  std::uint64_t launches = 0, threads = 0, switches = 0;
};
const Counts& counts();

struct Launch {
  const char* name;
  std::int64_t blocks;
  int threads;
  std::int64_t shared_bytes;
  bool independent;  ///< threads never wait for each other
};
/// Calls body() once per thread. Throws InternalError that names the kernel, block and thread where a body reads or
/// writes outside an array, races, or waits at a barrier that not all reach.
void run(const Launch& launch, const std::function<void()>& body);

// For the block that the body sees (emulator/block.h): of the thread that runs now.
int thread();
int threads();
std::int64_t block();
std::int64_t blocks();
void sync(const std::source_location& where);
/// Exchanges 8 bytes between the lanes of a warp: returns what lane `from` gave.
std::uint64_t exchange(std::uint64_t value, int from, const std::source_location& where);
/// The next part of the block's shared memory; all threads ask for the same parts in the same order.
void* shared(std::int64_t bytes);
enum class Use : std::uint8_t { read, write, atomic };
/// Throws where the access is outside the bounds or races. `shared_memory`: reading what nobody wrote is refused too.
void check(const void* address, std::int64_t bytes, Use use, const Bounds& bounds, bool shared_memory);
/// Throws where one access to so many bytes may not begin at the address.
void check_alignment(const void* address, std::int64_t bytes);

}  // namespace joist::cuda::emulator
