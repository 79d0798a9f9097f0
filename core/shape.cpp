#include <joist/core/shape.h>

#include <algorithm>

namespace joist {

Shape::Shape(std::span<const std::int64_t> lengths) {
  if (lengths.size() > max_rank)
    throw ShapeError({.what = "a shape of " + std::to_string(lengths.size()) + " axes", .expected = "at most 8 axes"});
  std::copy(lengths.begin(), lengths.end(), lengths_.begin());
  rank_ = static_cast<int>(lengths.size());
}

Shape Shape::filled(int rank, std::int64_t length) {
  std::array<std::int64_t, max_rank> lengths{};
  lengths.fill(length);
  return Shape(std::span<const std::int64_t>(lengths.data(), static_cast<std::size_t>(rank)));
}

void Shape::refuse(int axis) const {
  throw ShapeError({.what = "axis " + std::to_string(axis) + " of shape " + text(),
                    .expected = rank_ == 0
                                    ? "an axis, of which it has none"
                                    : "an axis from " + std::to_string(-rank_) + " to " + std::to_string(rank_ - 1),
                    .remedy = "-1 is the last axis; unsqueeze() adds one"});
}

std::int64_t Shape::elements() const { return elements(0, rank_); }

std::int64_t Shape::elements(int first, int last) const {
  std::int64_t count = 1;
  for (int i = first; i < last; ++i)
    if (__builtin_mul_overflow(count, lengths_[static_cast<std::size_t>(i)], &count))
      throw ShapeError({.what = "shape " + text() + " has more elements than 63 bits can count"});
  return count;
}

Shape Shape::with(int axis, std::int64_t length) const {
  Shape result = *this;
  result[axis] = length;
  return result;
}

Shape Shape::without(int axis) const {
  Shape result = *this;
  const std::size_t at = index(axis);
  std::copy(lengths_.begin() + static_cast<std::ptrdiff_t>(at) + 1, lengths_.end(),
            result.lengths_.begin() + static_cast<std::ptrdiff_t>(at));
  --result.rank_;
  result.lengths_[static_cast<std::size_t>(result.rank_)] = 0;
  return result;
}

Shape Shape::inserted(int axis, std::int64_t length) const {
  if (rank_ == max_rank) throw ShapeError({.what = "a ninth axis for shape " + text(), .expected = "at most 8 axes"});
  Shape result = *this;
  ++result.rank_;
  const std::size_t at = result.index(axis);
  std::copy_backward(lengths_.begin() + static_cast<std::ptrdiff_t>(at), lengths_.begin() + rank_,
                     result.lengths_.begin() + rank_ + 1);
  result.lengths_[at] = length;
  return result;
}

std::string Shape::text() const {
  std::string text = "[";
  for (int i = 0; i < rank_; ++i) text += (i ? ", " : "") + std::to_string(lengths_[static_cast<std::size_t>(i)]);
  return text + "]";
}

Strides row_major(const Shape& shape) {
  Strides strides = shape;
  std::int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= std::max<std::int64_t>(shape[i], 1);
  }
  return strides;
}

Strides channels_last(const Shape& shape) {
  if (shape.rank() != 4) return row_major(shape);
  const std::int64_t channels = std::max<std::int64_t>(shape[1], 1);
  const std::int64_t height = std::max<std::int64_t>(shape[2], 1), width = std::max<std::int64_t>(shape[3], 1);
  return {channels * height * width, 1, width * channels, channels};
}

Shape broadcast(const Shape& a, const Shape& b, const char* operation) {
  Shape result = a.rank() >= b.rank() ? a : b;
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    if (a[-i] != b[-i] && a[-i] != 1 && b[-i] != 1)
      throw ShapeError({.where = operation,
                        .what = "shapes " + a.text() + " and " + b.text() + " do not broadcast: axis " +
                                std::to_string(-i) + " is " + std::to_string(a[-i]) + " and " + std::to_string(b[-i]),
                        .expected = "equal lengths, or 1, on every axis counted from the end",
                        .remedy = "reshape() so that axes of length 1 stand where one of them shall be repeated"});
    result[-i] = a[-i] == 1 ? b[-i] : a[-i];
  }
  return result;
}

}  // namespace joist
