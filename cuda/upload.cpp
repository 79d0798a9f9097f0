// Two places on the GPU in turn, each with pinned memory beside it: while the kernels read one, the other is filled in
// a stream of its own. Events: `copied`, which the kernels' stream waits for, and `released`, after the last kernel
// that may read a place, which the copies' stream waits for.
#include <joist/core/error.h>
#include <joist/cuda/driver.h>
#include <joist/cuda/runtime.h>
#include <joist/cuda/upload.h>

#include <array>
#include <cstring>

namespace joist::cuda {
namespace {

constexpr std::size_t alignment = 256;

struct Place {
  Array there{};               // bytes
  std::vector<Array> given{};  // what was made of it
  char* here = nullptr;
  std::size_t bytes = 0;
  driver::Event copied = driver::make_event(), released = driver::make_event();
};

class GpuUploader final : public Uploader {
 public:
  ~GpuUploader() override {
    for (Place& place : places_) {
      try {
        driver::finish(place.copied);
      } catch (const Error&) {  // the GPU has failed; whoever asks it next hears so
      }
      driver::release_pinned(place.here);
    }
  }

  void begin(std::span<const Array> arrays) override {
    Place& place = places_[turn_];
    std::vector<std::size_t> starts;
    std::size_t bytes = 0;
    for (const Array& array : arrays) {
      if (!array.is_dense() || !array.device().on_host())
        throw ShapeError({.where = "upload", .what = "an array with gaps, or not on the host", .expected = "dense"});
      starts.push_back(bytes);
      bytes += (array.bytes() + alignment - 1) / alignment * alignment;
    }
    driver::finish(place.copied);  // of the last time
    if (bytes > place.bytes) grow(place, bytes);
    for (std::size_t i = 0; i < arrays.size(); ++i)
      std::memcpy(place.here + starts[i], arrays[i].raw(), arrays[i].bytes());
    for (const Array& array : place.given) array.bump_version();  // a tape that still needs it finds it changed
    place.given.clear();
    driver::wait(stream_, place.released);
    if (bytes > 0) driver::copy_to_device(place.there.raw(), place.here, bytes, stream_);
    driver::record(place.copied, stream_);
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const Array& array = arrays[i];
      if (array.elements() == 0) {
        place.given.push_back(Array::empty(array.shape(), array.dtype(), device_));
        continue;
      }
      // Shares the place's memory, and its life.
      const Array part = Array::borrow(static_cast<char*>(place.there.raw()) + starts[i], {array.elements()},
                                       array.dtype(), std::make_shared<Array>(place.there), device_);
      place.given.push_back(part.strided(array.shape(), array.strides()));
    }
    begun_ = true;
  }

  std::vector<Array> take() override {
    if (!begun_) throw UsageError({.where = "upload", .what = "nothing is on its way", .expected = "begin() before"});
    begun_ = false;
    const driver::Stream kernels = current_stream();
    driver::record(places_[1 - turn_].released, kernels);  // what was taken before is not asked for any more
    driver::wait(kernels, places_[turn_].copied);
    turn_ = 1 - turn_;
    return places_[1 - turn_].given;
  }

 private:
  void grow(Place& place, std::size_t bytes) {
    driver::release_pinned(place.here);
    place = {.copied = place.copied, .released = place.released};
    place.here = static_cast<char*>(driver::allocate_pinned(bytes));
    if (!place.here)
      throw EnvironmentError(
          {.where = "memory for batches on their way to the GPU",
           .what = "the system refused " + std::to_string(bytes >> 10) + " KiB that may not be moved",
           .remedy = "a larger `ulimit -l`, a smaller --batch, or fewer other programs"});
    place.there = Array::empty({static_cast<std::int64_t>(bytes)}, Dtype::uint8, device_);
    place.bytes = bytes;
    // Kernels that were given before may still use this memory for what it held.
    driver::record(place.released, current_stream());
  }

  const Device device_{Device::Kind::cuda, 0};
  const driver::Stream stream_ = (driver::enter_thread(), driver::make_stream());
  std::array<Place, 2> places_{};
  std::size_t turn_ = 0;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<Uploader> make_uploader() { return std::make_unique<GpuUploader>(); }

}  // namespace joist::cuda
