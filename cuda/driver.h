// What the code around the kernels asks of a GPU. device/driver.cpp asks CUDA; emulator/driver.cpp keeps the streams of
// a GPU that is not there, whose work may be put off as long as the rules allow.
#pragma once

#include <cstddef>
#include <string>

namespace joist::cuda::driver {

using Stream = void*;
using Event = void*;

/// A thread that was not the one to load this library calls it first: CUDA's choice of a GPU is a thread's own.
void enter_thread();
/// Of this process's GPU, which no other one has; "" where several ranks may share it.
std::string gpu_name();

/// Memory of the GPU, and of the host where the GPU reads it by itself. nullptr when there is none left.
void* allocate(std::size_t bytes);
void release(void* memory) noexcept;
void* allocate_pinned(std::size_t bytes);
void release_pinned(void* memory) noexcept;
/// Of the GPU's memory, also by other programs.
std::size_t free_memory();

/// Streams and events live until the process ends. Work in one stream is done in the order in which it was given.
Stream make_stream();
Event make_event();
/// The event happens when all that the stream was given so far is done.
void record(Event event, Stream stream);
/// What the stream is given from now on waits for the event.
void wait(Stream stream, Event event);
/// Whether it has, without waiting.
bool happened(Event event);
/// The host waits.
void finish(Event event);
void finish_all();

/// What this thread gives the stream from now on is recorded, and nothing of it done. Memory that the driver is asked
/// for or given back, waiting by the host and events are errors meanwhile.
using Graph = void*;
void begin_capture(Stream stream);
/// Throws EnvironmentError where something cannot be recorded.
Graph end_capture(Stream stream);
void abandon_capture(Stream stream) noexcept;
/// Gives the stream all that was recorded, which runs in the order in which it was.
void launch(Graph graph, Stream stream);
void release_graph(Graph graph) noexcept;

/// Puts a copy into a stream. The host's side must be pinned and left alone until the copy is done.
void copy_to_host(void* to, const void* from, std::size_t bytes, Stream stream);
void copy_to_device(void* to, const void* from, std::size_t bytes, Stream stream);

}  // namespace joist::cuda::driver
