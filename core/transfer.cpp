#include <joist/core/error.h>
#include <joist/core/registry.h>
#include <joist/core/transfer.h>

#include <cstring>

namespace joist {
namespace {

constinit Registry<const Transfers*> registry;

}  // namespace

void register_transfers(Device::Kind kind, const Transfers& transfers) { registry.set(kind, new Transfers(transfers)); }

std::size_t free_bytes(Device device) {
  if (device.on_host()) return 0;
  const auto ask = registry.get(device)->free_bytes;
  return ask ? ask() : 0;
}

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
  if (to_device.on_host() && from_device.on_host()) {
    std::memcpy(to, from, bytes);
  } else if (to_device.on_host()) {
    registry.get(from_device)->to_host(to, from, bytes);
  } else if (from_device.on_host()) {
    registry.get(to_device)->to_device(to, from, bytes);
  } else {
    throw UnsupportedError({.where = "copy from " + from_device.text() + " to " + to_device.text(),
                            .what = "no way from one GPU to another",
                            .remedy = "through the host: to(to(x, cpu), device)"});
  }
}

Array on_host(const Array& array) {
  return !array.defined() || array.device().on_host() ? array : on_device(array, cpu);
}

Array on_device(const Array& array, Device device) {
  if (!array.defined() || array.device() == device) return array;
  if (array.elements() == 0) return Array::empty(array.shape(), array.dtype(), device);
  std::int64_t low = 0, high = 1;  // in elements from the first
  for (int axis = 0; axis < array.rank(); ++axis) {
    const std::int64_t reach = (array.shape(axis) - 1) * array.strides()[axis];
    (reach < 0 ? low : high) += reach;
  }
  const Array copy = Array::empty({high - low}, array.dtype(), device);
  const auto offset = low * static_cast<std::int64_t>(size_of(array.dtype()));
  copy_bytes(copy.raw(), device, static_cast<const char*>(array.raw()) + offset, array.device(), copy.bytes());
  return copy.strided(array.shape(), array.strides(), -low);
}

}  // namespace joist
