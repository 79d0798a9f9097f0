#include <joist/core/error.h>
#include <joist/core/registry.h>
#include <joist/core/upload.h>

namespace joist {
namespace {

using Make = std::unique_ptr<Uploader> (*)();

constinit Registry<Make> registry;

}  // namespace

void register_uploader(Device::Kind kind, Make make) { registry.set(kind, make); }

std::unique_ptr<Uploader> make_uploader(Device device) {
  if (device.on_host())
    throw UnsupportedError({.where = "uploads", .what = "the arrays are on the host", .expected = "another device"});
  return registry.get(device)();
}

}  // namespace joist
