#include <joist/data/augment/affine.h>
#include <joist/data/augment/pixels.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace joist {
namespace {

// Positions are fixed point with 32 fractional bits: steps add up exactly along a row, and two neighbours on the canvas
// compare the same number with their common border.
constexpr int fraction_bits = 32;
constexpr std::int64_t one = std::int64_t{1} << fraction_bits;

std::int64_t fixed(double value) { return std::llround(value * static_cast<double>(one)); }
std::int64_t fixed(int value) { return std::int64_t{value} << fraction_bits; }

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {  // b > 0
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

struct Range {
  std::int64_t begin, end;
};

// The x in `range` with low <= start + x · step < high.
Range within(Range range, std::int64_t start, std::int64_t step, std::int64_t low, std::int64_t high) {
  if (step == 0) return start >= low && start < high ? range : Range{0, 0};
  Range found{};
  if (step > 0) {
    found = {-floor_divide(start - low, step), -floor_divide(start - high, step)};
  } else {
    found = {floor_divide(start - high, -step) + 1, floor_divide(start - low, -step) + 1};
  }
  return {std::max(range.begin, found.begin), std::min(range.end, found.end)};
}

// Three bytes in 16-bit lanes of one word: one multiplication then weighs all three.
std::uint64_t lanes(const std::uint8_t* pixel) {
  return pixel[0] | std::uint64_t{pixel[1]} << 16 | std::uint64_t{pixel[2]} << 32;
}

// a + (b - a) · share / 256, rounded, in each lane. A lane stays below 2^16: 255 · 256 + 128.
std::uint64_t between(std::uint64_t a, std::uint64_t b, std::uint64_t share) {
  return (a * (256 - share) + b * share + 0x0000'0080'0080'0080) >> 8 & 0x0000'00FF'00FF'00FF;
}

struct Axis {
  std::int64_t last;   // index of the last pixel
  std::int64_t index;  // of the pixel before the position
  std::int64_t next;   // 1, or 0 at the end
  std::uint64_t share;

  explicit Axis(int length) : last(length - 1), index(0), next(0), share(0) {}
  void move_to(std::int64_t position) {
    position = std::clamp(position, std::int64_t{0}, last << fraction_bits);
    index = position >> fraction_bits;
    next = index < last;
    share = static_cast<std::uint64_t>(position >> (fraction_bits - 8)) & 255;
  }
};

// Where neither axis depends on the other, all rows look at the same columns: each row of the picture is brought to
// these columns once, and two of them make a row of the output. The numbers are those of the general loop.
class StraightRows {
 public:
  StraightRows(const Picture& picture, std::int64_t at_x, std::int64_t step_x, std::size_t count)
      : picture_(picture), count_(count) {
    Memory& m = memory();
    m.offsets.resize(count);
    m.shares.resize(count);
    Axis column(picture.width);
    for (std::size_t i = 0; i < count; ++i, at_x += step_x) {
      column.move_to(at_x);
      m.offsets[i] = static_cast<std::int32_t>(column.index * 3);
      m.shares[i] = static_cast<std::uint32_t>(column.share | column.share << 16);
    }
    for (auto& row : m.rows) row.resize(count);
  }

  void write(const Axis& row, std::uint8_t* to) {
    const std::uint32_t* upper = blended(row.index);
    const std::uint32_t* lower = row.share == 0 ? upper : blended(row.index + row.next);
    pixels::blend_rows(upper, lower, static_cast<std::uint32_t>(row.share), count_, to);
  }

 private:
  // Kept by each thread: drawing takes no memory.
  struct Memory {
    std::vector<std::int32_t> offsets{};
    std::vector<std::uint32_t> shares{};
    std::vector<std::uint32_t> rows[2]{};
    std::vector<std::uint8_t> last_row{};
  };
  static Memory& memory() {
    thread_local Memory memory;
    return memory;
  }

  const std::uint32_t* blended(std::int64_t index) {
    Memory& m = memory();
    const auto slot = static_cast<std::size_t>(index & 1);
    if (held_[slot] == index) return m.rows[slot].data();
    const std::uint8_t* row = picture_.at(0, static_cast<int>(index));
    const std::size_t bytes = static_cast<std::size_t>(picture_.width) * 3;
    constexpr std::size_t beyond = 8;  // a little is read after the last pixel of a row
    if (row + bytes + beyond > picture_.pixels.data() + picture_.pixels.size()) {
      m.last_row.assign(bytes + beyond, 0);
      std::copy_n(row, bytes, m.last_row.data());
      row = m.last_row.data();
    }
    pixels::blend_columns(row, m.offsets.data(), m.shares.data(), count_, m.rows[slot].data());
    held_[slot] = index;
    return m.rows[slot].data();
  }

  const Picture& picture_;
  std::size_t count_;
  std::int64_t held_[2] = {-1, -1};
};

}  // namespace

AffineMap operator*(const AffineMap& first, const AffineMap& second) noexcept {
  const auto [cx, cy] = first(second.c, second.f);
  return {first.a * second.a + first.b * second.d, first.a * second.b + first.b * second.e, cx,
          first.d * second.a + first.e * second.d, first.d * second.b + first.e * second.e, cy};
}

AffineMap inverse(const AffineMap& map) noexcept {
  const double scale = 1 / map.determinant();
  const AffineMap turned{map.e * scale, -map.b * scale, 0, -map.d * scale, map.a * scale, 0};
  const auto [x, y] = turned(map.c, map.f);
  return {turned.a, turned.b, -x, turned.d, turned.e, -y};
}

LabelledBox mapped(const LabelledBox& box, const AffineMap& map) noexcept {
  const AffineMap::Point corners[] = {map(box.x1, box.y1), map(box.x2, box.y1), map(box.x1, box.y2),
                                      map(box.x2, box.y2)};
  const auto x = std::minmax({corners[0].x, corners[1].x, corners[2].x, corners[3].x});
  const auto y = std::minmax({corners[0].y, corners[1].y, corners[2].y, corners[3].y});
  return {static_cast<float>(x.first), static_cast<float>(y.first), static_cast<float>(x.second),
          static_cast<float>(y.second), box.category};
}

LabelledBox clipped(const LabelledBox& box, float x1, float y1, float x2, float y2) noexcept {
  return {std::clamp(box.x1, x1, x2), std::clamp(box.y1, y1, y2), std::clamp(box.x2, x1, x2),
          std::clamp(box.y2, y1, y2), box.category};
}

void draw(const Placed& placed, const AffineMap& to_canvas, Picture& out) {
  const Picture& picture = *placed.picture;
  const auto stride = static_cast<std::ptrdiff_t>(picture.width) * 3;
  const std::int64_t step_x = fixed(to_canvas.a), step_y = fixed(to_canvas.d);
  // From a canvas position to an index of the picture: centres of pixels are at .5.
  const std::int64_t offset_x = fixed(placed.left) + one / 2, offset_y = fixed(placed.top) + one / 2;
  Axis column(picture.width), row(picture.height);
  if (to_canvas.b == 0 && to_canvas.d == 0) {
    const std::int64_t start_x = fixed(to_canvas(0.5, 0).x);
    const Range range = within({0, out.width}, start_x, step_x, fixed(placed.x1), fixed(placed.x2));
    if (range.begin >= range.end) return;
    StraightRows rows(picture, start_x + range.begin * step_x - offset_x, step_x,
                      static_cast<std::size_t>(range.end - range.begin));
    for (int y = 0; y < out.height; ++y) {
      const std::int64_t at_y = fixed(to_canvas(0.5, y + 0.5).y);
      if (at_y < fixed(placed.y1) || at_y >= fixed(placed.y2)) continue;
      row.move_to(at_y - offset_y);
      rows.write(row, out.at(static_cast<int>(range.begin), y));
    }
    return;
  }
  for (int y = 0; y < out.height; ++y) {
    const auto start = to_canvas(0.5, y + 0.5);
    const std::int64_t start_x = fixed(start.x), start_y = fixed(start.y);
    Range range{0, out.width};
    range = within(range, start_x, step_x, fixed(placed.x1), fixed(placed.x2));
    range = within(range, start_y, step_y, fixed(placed.y1), fixed(placed.y2));
    if (range.begin >= range.end) continue;
    std::uint8_t* to = out.at(static_cast<int>(range.begin), y);
    std::int64_t at_x = start_x + range.begin * step_x - offset_x, at_y = start_y + range.begin * step_y - offset_y;
    for (std::int64_t x = range.begin; x < range.end; ++x, to += 3, at_x += step_x, at_y += step_y) {
      column.move_to(at_x);
      row.move_to(at_y);
      const std::uint8_t* upper = picture.pixels.data() + row.index * stride + column.index * 3;
      const std::uint8_t* lower = upper + row.next * stride;
      const std::ptrdiff_t right = column.next * 3;
      const std::uint64_t mix = between(between(lanes(upper), lanes(upper + right), column.share),
                                        between(lanes(lower), lanes(lower + right), column.share), row.share);
      to[0] = static_cast<std::uint8_t>(mix);
      to[1] = static_cast<std::uint8_t>(mix >> 16);
      to[2] = static_cast<std::uint8_t>(mix >> 32);
    }
  }
}

}  // namespace joist
