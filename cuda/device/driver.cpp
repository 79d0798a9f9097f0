#include <joist/core/error.h>
#include <joist/cuda/device/driver.h>
#include <joist/cuda/driver.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include <cuda_runtime_api.h>
#include <unistd.h>

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

// NCCL tells machines apart by NCCL_HOSTID where it is set. Since 2.30 it may be told to take a GPU several times.
std::string gpu_name() {
  if (const char* many = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE"); many && std::string(many) == "1") return {};
  std::array<char, 32> place{};
  check(cudaDeviceGetPCIBusId(place.data(), static_cast<int>(place.size()), own_gpu()), "asking for a GPU's place");
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const char* const given = std::getenv("NCCL_HOSTID");
  return std::string("GPU ") + place.data() + " of " + (given ? given : host.data());
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

void release_pinned(void* memory) noexcept { static_cast<void>(cudaFreeHost(memory)); }

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

// Other threads may do what they like meanwhile.
void begin_capture(Stream stream) {
  check(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal), "recording a step");
}
Graph end_capture(Stream stream) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream_of(stream), &graph), "recording a step");
  cudaGraphExec_t ready = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&ready, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  check(error, "making a graph of a step");
  return ready;
}
void abandon_capture(Stream stream) noexcept {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(stream_of(stream), &graph) == cudaSuccess && graph)
    static_cast<void>(cudaGraphDestroy(graph));
  static_cast<void>(cudaGetLastError());  // of the capture, which is over
}
void launch(Graph graph, Stream stream) {
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_of(stream)), "beginning a recorded step");
}
void release_graph(Graph graph) noexcept {
  static_cast<void>(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)));
}

void copy_to_host(void* to, const void* from, std::size_t bytes, Stream stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(stream)), "copying from the GPU");
}
void copy_to_device(void* to, const void* from, std::size_t bytes, Stream stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_of(stream)), "copying to the GPU");
}

}  // namespace joist::cuda::driver
