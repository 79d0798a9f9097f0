#include <joist/core/error.h>
#include <joist/core/plugin.h>
#include <joist/core/upload.h>

#include <array>
#include <atomic>

namespace joist {
namespace {

using Make = std::unique_ptr<Uploader> (*)();

std::atomic<Make>& entry(Device::Kind kind) {
  static std::array<std::atomic<Make>, Device::kinds> entries{};
  return entries[static_cast<std::size_t>(kind)];
}

}  // namespace

void register_uploader(Device::Kind kind, Make make) { entry(kind) = make; }

std::unique_ptr<Uploader> make_uploader(Device device) {
  if (device.on_host())
    throw UnsupportedError({.where = "uploads", .what = "the arrays are on the host", .expected = "another device"});
  if (entry(device.kind) == nullptr) require_backend(device);
  return entry(device.kind).load()();
}

}  // namespace joist
