#include <joist/core/error.h>
#include <joist/cuda/device/driver.h>
#include <joist/cuda/driver.h>

#include <atomic>
#include <string>

#include <cuda_runtime_api.h>

namespace joist::cuda::driver {
namespace {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw EnvironmentError(
      {.where = "GPU",
       .what = std::string(what) + ": " + cudaGetErrorString(error),
       .remedy = "compute-sanitizer says which kernel it was; after such an error the process must be started again"});
}

cudaStream_t stream_of(Stream stream) { return static_cast<cudaStream_t>(stream); }
cudaEvent_t event_of(Event event) { return static_cast<cudaEvent_t>(event); }

std::atomic<int>& own_gpu() {
  static std::atomic<int> number{0};
  return number;
}

}  // namespace

void choose_gpu(int number) {
  own_gpu() = number;
  check(cudaSetDevice(number), "choosing a GPU");
}
void enter_thread() {
  static thread_local bool entered = false;
  if (!entered) check(cudaSetDevice(own_gpu()), "choosing a GPU");
  entered = true;
}

void* allocate(std::size_t bytes) {
  enter_thread();
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // is no longer the last one
    return nullptr;
  }
  check(error, "asking for memory");
  return memory;
}

// Waits for everything that runs, so nothing uses the memory any more.
void release(void* memory) noexcept { static_cast<void>(cudaFree(memory)); }

void* allocate_pinned(std::size_t bytes) {
  void* memory = nullptr;
  if (cudaMallocHost(&memory, bytes) == cudaSuccess) return memory;
  static_cast<void>(cudaGetLastError());
  return nullptr;
}

std::size_t free_memory() {
  std::size_t left = 0, all = 0;
  check(cudaMemGetInfo(&left, &all), "asking for free memory");
  return left;
}

Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return stream;
}
Event make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  return event;
}
void record(Event event, Stream stream) {
  check(cudaEventRecord(event_of(event), stream_of(stream)), "recording an event");
}
void wait(Stream stream, Event event) {
  check(cudaStreamWaitEvent(stream_of(stream), event_of(event), 0), "waiting for an event");
}
bool happened(Event event) {
  const cudaError_t error = cudaEventQuery(event_of(event));
  if (error == cudaErrorNotReady) {
    static_cast<void>(cudaGetLastError());  // no error, but the next launch would take it for one
    return false;
  }
  check(error, "asking for an event");
  return true;
}
void finish(Event event) { check(cudaEventSynchronize(event_of(event)), "waiting for the GPU"); }
void finish_all() { check(cudaDeviceSynchronize(), "waiting for the GPU"); }

void copy_to_host(void* to, const void* from, std::size_t bytes, Stream stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(stream)), "copying from the GPU");
}
void copy_to_device(void* to, const void* from, std::size_t bytes, Stream stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_of(stream)), "copying to the GPU");
}

}  // namespace joist::cuda::driver
