#include <joist/core/error.h>
#include <joist/core/picture_change.h>
#include <joist/core/registry.h>

namespace joist {
namespace {

constinit Registry<ChangePictures> registry;

void change_on_host(const Array& pixels, const Array& changes, const Array& numbers) {
  const auto* const rows = changes.data<float>();
  const auto* const from = pixels.data<std::uint8_t>();
  auto* const to = numbers.data<float>();
  const Shape &in = pixels.strides(), &out = numbers.strides(), &by = changes.strides();
  const std::int64_t height = pixels.shape(2), width = pixels.shape(3);
  for (std::int64_t n = 0; n < pixels.shape(0); ++n) {
    const auto row = [&](std::int64_t i) { return rows[n * by[0] + i * by[1]]; };
    const PictureChange change{row(0), row(1), row(2), row(3), row(4)};
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x) {
        const std::int64_t place = n * in[0] + (change.upside_down != 0 ? height - 1 - y : y) * in[2] +
                                   (change.left_to_right != 0 ? width - 1 - x : x) * in[3];
        const auto at = [&](std::int64_t c) { return static_cast<float>(from[place + c * in[1]]); };
        const Colour colour = changed({at(0), at(1), at(2)}, change);
        float* const pixel = to + n * out[0] + y * out[2] + x * out[3];
        pixel[0] = colour.red / 255.0F;
        pixel[out[1]] = colour.green / 255.0F;
        pixel[2 * out[1]] = colour.blue / 255.0F;
      }
  }
}

}  // namespace

void register_picture_changes(Device::Kind kind, ChangePictures change) { registry.set(kind, change); }

Array change_pictures(const Array& pixels, const Array& changes) {
  if (pixels.dtype() != Dtype::uint8 || changes.dtype() != Dtype::float32)
    throw DtypeError({.where = "change_pictures",
                      .what = std::string(name_of(pixels.dtype())) + " pixels, " +
                              std::string(name_of(changes.dtype())) + " changes",
                      .expected = "uint8 and float32"});
  if (pixels.rank() != 4 || pixels.shape(1) != 3 || changes.rank() != 2 || changes.shape(0) != pixels.shape(0) ||
      changes.shape(1) != PictureChange::numbers)
    throw ShapeError({.where = "change_pictures",
                      .what = "pixels " + pixels.shape().text() + ", changes " + changes.shape().text(),
                      .expected = "[n, 3, height, width] and [n, 5]"});
  const Device device = pixels.device();
  const Array numbers = Array::empty(pixels.shape(), Dtype::float32, device, pixels.order());
  (device.on_host() ? &change_on_host : registry.get(device))(pixels, changes, numbers);
  return numbers;
}

}  // namespace joist
