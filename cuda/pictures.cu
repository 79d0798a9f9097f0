// A thread per pixel, which it reads where the mirror image has it.
#include <joist/core/picture_change.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/pictures.h>

namespace joist::cuda {
namespace {

struct Places {
  std::int64_t picture, channel, row, column;
  explicit Places(const Array& x)
      : picture(x.strides()[0]), channel(x.strides()[1]), row(x.strides()[2]), column(x.strides()[3]) {}
  JOIST_DEVICE std::int64_t operator()(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return n * picture + y * row + x * column;
  }
};

}  // namespace

void change_pictures(const Array& pixels, const Array& changes, const Array& numbers) {
  const Typed<std::uint8_t> from(pixels);
  const Typed<float> by(changes), to(numbers);
  const Places in(pixels), out(numbers);
  const std::int64_t next = changes.strides()[0], member = changes.strides()[1];
  const std::int64_t height = pixels.shape(2), width = pixels.shape(3);
  each("change_pictures", pixels.shape(0) * height * width, [=] JOIST_DEVICE(std::int64_t i) {
    const std::int64_t x = i % width, y = i / width % height, n = i / width / height, row = n * next;
    const PictureChange change{by[row], by[row + member], by[row + 2 * member], by[row + 3 * member],
                               by[row + 4 * member]};
    const std::int64_t place =
        in(n, change.upside_down != 0 ? height - 1 - y : y, change.left_to_right != 0 ? width - 1 - x : x);
    const Colour colour = changed({static_cast<float>(from[place]), static_cast<float>(from[place + in.channel]),
                                   static_cast<float>(from[place + 2 * in.channel])},
                                  change);
    const std::int64_t pixel = out(n, y, x);
    to.set(pixel, colour.red / 255.0F);
    to.set(pixel + out.channel, colour.green / 255.0F);
    to.set(pixel + 2 * out.channel, colour.blue / 255.0F);
  });
}

}  // namespace joist::cuda
