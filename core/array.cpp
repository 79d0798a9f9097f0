#include <joist/core/array.h>
#include <joist/core/half.h>
#include <joist/core/transfer.h>

#include <algorithm>

namespace joist {
namespace {

// Sorted by stride, do the axes longer than 1 tile one gapless block?
bool gapless(const Shape& shape, const Strides& strides) {
  std::array<std::pair<std::int64_t, std::int64_t>, Shape::max_rank> axes{};
  int count = 0;
  for (int i = 0; i < shape.rank(); ++i)
    if (shape[i] != 1) axes[static_cast<std::size_t>(count++)] = {strides[i], shape[i]};
  std::sort(axes.begin(), axes.begin() + count);
  std::int64_t step = 1;
  for (int i = 0; i < count; ++i) {
    const auto [stride, length] = axes[static_cast<std::size_t>(i)];
    if (stride != step) return false;
    step *= length;
  }
  return true;
}

bool strides_equal(const Shape& shape, const Strides& a, const Strides& b) {
  for (int i = 0; i < shape.rank(); ++i)
    if (shape[i] != 1 && a[i] != b[i]) return false;
  return true;
}

}  // namespace

Array Array::empty(const Shape& shape, Dtype dtype, Device device, Order order) {
  for (std::int64_t length : shape)
    if (length < 0) throw ShapeError({.what = "negative length in shape " + shape.text()});
  Array array;
  array.shape_ = shape;
  array.strides_ = order == Order::channels_last ? channels_last(shape) : row_major(shape);
  array.elements_ = shape.elements();
  array.dtype_ = dtype;
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(array.elements_, static_cast<std::int64_t>(size_of(dtype)), &bytes))
    throw ShapeError({.what = "shape " + shape.text() + " takes more bytes than 63 bits can count"});
  array.storage_ = std::make_shared<Storage>(static_cast<std::size_t>(bytes), device);
  return array;
}

Array Array::like(const Array& other, const Shape& shape) {
  // A permuted dense array (a transposed matrix, say) keeps its order when the shape stays.
  if (shape == other.shape_ && other.is_dense() && !other.is_row_major() && !other.is_channels_last()) {
    Array array = empty(shape, other.dtype_, other.device());
    array.strides_ = other.strides_;
    return array;
  }
  return empty(shape, other.dtype_, other.device(), shape.rank() == 4 ? other.order() : Order::row_major);
}

template <class T>
Array Array::from(std::span<const T> values, const Shape& shape, Device device) {
  if (static_cast<std::int64_t>(values.size()) != shape.elements())
    throw ShapeError({.what = std::to_string(values.size()) + " values for shape " + shape.text(),
                      .expected = std::to_string(shape.elements()) + " values"});
  Array array = empty(shape, dtype_of<T>, device);
  copy_bytes(array.raw(), device, values.data(), cpu, values.size_bytes());
  return array;
}
template Array Array::from<float>(std::span<const float>, const Shape&, Device);
template Array Array::from<double>(std::span<const double>, const Shape&, Device);
template Array Array::from<std::int64_t>(std::span<const std::int64_t>, const Shape&, Device);
template Array Array::from<std::int32_t>(std::span<const std::int32_t>, const Shape&, Device);
template Array Array::from<std::int8_t>(std::span<const std::int8_t>, const Shape&, Device);
template Array Array::from<std::uint8_t>(std::span<const std::uint8_t>, const Shape&, Device);

Array Array::borrow(void* data, const Shape& shape, Dtype dtype, std::shared_ptr<const void> owner, Device device) {
  Array array;
  array.shape_ = shape;
  array.strides_ = row_major(shape);
  array.elements_ = shape.elements();
  array.dtype_ = dtype;
  array.storage_ = std::make_shared<Storage>(data, static_cast<std::size_t>(array.elements_) * size_of(dtype), device,
                                             std::move(owner));
  return array;
}

void* Array::raw() const noexcept {
  if (!storage_) return nullptr;
  return static_cast<char*>(storage_->data()) + static_cast<std::size_t>(offset_) * size_of(dtype_);
}

double Array::item() const {
  if (elements_ != 1)
    throw ShapeError({.where = "item", .what = "shape " + shape_.text(), .expected = "exactly one element"});
  if (!device().on_host()) return on_host(*this).item();
  switch (dtype_) {
    case Dtype::float32: return static_cast<double>(*data<float>());
    case Dtype::float64: return *data<double>();
    case Dtype::int64: return static_cast<double>(*data<std::int64_t>());
    case Dtype::int32: return static_cast<double>(*data<std::int32_t>());
    case Dtype::int8: return static_cast<double>(*data<std::int8_t>());
    case Dtype::uint8: return static_cast<double>(*data<std::uint8_t>());
    case Dtype::boolean: return *data<bool>() ? 1.0 : 0.0;
    case Dtype::float16: return static_cast<double>(static_cast<float>(*data<Float16>()));
    case Dtype::bfloat16: return static_cast<double>(static_cast<float>(*data<BFloat16>()));
  }
  throw DtypeError({.where = "item", .what = "an unknown element type"});
}

template <class T>
std::vector<T> Array::to_vector() const {
  const Array here = on_host(*this);
  const T* values = here.data<T>();
  std::vector<T> result;
  result.reserve(static_cast<std::size_t>(elements_));
  for_each_index(shape_, [&](const Shape& index) { result.push_back(values[offset_of(index, strides_)]); });
  return result;
}
template std::vector<float> Array::to_vector<float>() const;
template std::vector<double> Array::to_vector<double>() const;
template std::vector<std::int64_t> Array::to_vector<std::int64_t>() const;
template std::vector<std::int32_t> Array::to_vector<std::int32_t>() const;
template std::vector<std::int8_t> Array::to_vector<std::int8_t>() const;
template std::vector<std::uint8_t> Array::to_vector<std::uint8_t>() const;
template std::vector<bool> Array::to_vector<bool>() const;

bool Array::is_row_major() const noexcept { return strides_equal(shape_, strides_, row_major(shape_)); }

bool Array::is_channels_last() const noexcept {
  return rank() == 4 && strides_equal(shape_, strides_, channels_last(shape_));
}

bool Array::is_dense() const noexcept { return gapless(shape_, strides_); }

Order Array::order() const noexcept {
  if (rank() != 4) return Order::row_major;
  if (is_channels_last()) return Order::channels_last;  // also where both orders hold: pictures are channels-last
  // A slice of a channels-last array has gaps but still lies channel-innermost.
  if (strides_[1] == 1 && shape_[1] > 1 && (shape_[3] == 1 || strides_[3] >= shape_[1])) return Order::channels_last;
  return Order::row_major;
}

Array Array::strided(const Shape& shape, const Strides& strides, std::int64_t offset) const {
  Array array = *this;
  array.shape_ = shape;
  array.strides_ = strides;
  array.offset_ += offset;
  array.elements_ = shape.elements();
  return array;
}

Array Array::view(const Shape& shape) const {
  if (shape.elements() != elements_)
    throw ShapeError({.where = "view",
                      .what = "shape " + shape_.text() + " as " + shape.text(),
                      .expected = std::to_string(elements_) + " elements"});
  if (is_row_major()) return strided(shape, row_major(shape));
  // Splitting or merging neighbouring axes: walk both shapes, groups of equal products must be contiguous inside.
  Strides strides = shape;
  int old_axis = rank() - 1, new_axis = shape.rank() - 1;
  while (new_axis >= 0) {
    if (shape[new_axis] == 1) {
      strides[new_axis--] = 1;
      continue;
    }
    while (old_axis >= 0 && shape_[old_axis] == 1) --old_axis;
    std::int64_t merged = shape_[old_axis];
    const std::int64_t step = strides_[old_axis];
    std::int64_t split = shape[new_axis];
    strides[new_axis] = step;
    while (merged != split) {
      if (merged < split) {
        const int inner = old_axis--;
        while (old_axis >= 0 && shape_[old_axis] == 1) --old_axis;
        if (old_axis < 0 || strides_[old_axis] != strides_[inner] * shape_[inner])
          throw ShapeError({.where = "view",
                            .what = "strides " + strides_.text() + " of shape " + shape_.text() +
                                    " cannot be seen as " + shape.text() + " without a copy",
                            .remedy = "use reshape"});
        merged *= shape_[old_axis];
      } else {
        --new_axis;
        strides[new_axis] = step * split;
        split *= shape[new_axis];
      }
    }
    --old_axis;
    --new_axis;
  }
  return strided(shape, strides);
}

Array Array::permuted(std::span<const int> axes) const {
  if (static_cast<int>(axes.size()) != rank())
    throw ShapeError({.where = "permute", .what = std::to_string(axes.size()) + " axes for shape " + shape_.text()});
  Shape shape = shape_;
  Strides strides = strides_;
  std::array<bool, Shape::max_rank> seen{};
  for (int i = 0; i < rank(); ++i) {
    const int from = shape_.axis(axes[static_cast<std::size_t>(i)]);
    if (std::exchange(seen[static_cast<std::size_t>(from)], true))
      throw ShapeError({.where = "permute", .what = "axis " + std::to_string(from) + " stands twice"});
    shape[i] = shape_[from];
    strides[i] = strides_[from];
  }
  return strided(shape, strides);
}

Array Array::transposed() const {
  Shape shape = shape_;
  Strides strides = strides_;
  std::swap(shape[-1], shape[-2]);
  std::swap(strides[-1], strides[-2]);
  return strided(shape, strides);
}

Array Array::sliced(int axis, std::int64_t start, std::int64_t stop, std::int64_t step) const {
  const std::int64_t length = shape_[axis];
  if (step < 1 || start < 0 || stop < start || stop > length)
    throw ShapeError({.where = "slice",
                      .what = std::to_string(start) + ":" + std::to_string(stop) + ":" + std::to_string(step) +
                              " of axis " + std::to_string(axis) + " of shape " + shape_.text(),
                      .expected = "0 <= start <= stop <= " + std::to_string(length) + " and step >= 1"});
  Strides strides = strides_;
  strides[axis] *= step;
  return strided(shape_.with(axis, (stop - start + step - 1) / step), strides, start * strides_[axis]);
}

Array Array::selected(int axis, std::int64_t index) const {
  const Array one = sliced(axis, index, index + 1);
  return one.strided(one.shape_.without(axis), one.strides_.without(axis));
}

Array Array::expanded(const Shape& shape) const {
  Strides strides = Shape::filled(shape.rank(), 0);
  const int added = shape.rank() - rank();
  for (int i = 0; i < rank(); ++i) {
    if (added < 0 || (shape_[i] != shape[i + added] && shape_[i] != 1))
      throw ShapeError({.where = "expand",
                        .what = "shape " + shape_.text() + " to " + shape.text(),
                        .expected = "equal lengths, or 1, on every axis counted from the end"});
    strides[i + added] = shape_[i] == 1 && shape[i + added] != 1 ? 0 : strides_[i];
  }
  return strided(shape, strides);
}

Array Array::inserted(int axis) const {
  const Shape shape = shape_.inserted(axis, 1);
  const int at = shape.axis(axis);
  return strided(shape, strides_.inserted(at, at < rank() ? strides_[at] * shape_[at] : 1));
}

// What data<T>() asks first: a pointer into a GPU's memory is nothing that the host could read.
void Array::require_dtype(Dtype dtype) const {
  if (!device().on_host())
    throw UnsupportedError({.what = "elements of an array on " + device().text() + " read one by one on the host",
                            .remedy = "to(x, cpu)"});
  if (dtype != dtype_)
    throw DtypeError({.what = "array of " + std::string(name_of(dtype_)) + " and shape " + shape_.text() + " read as " +
                              std::string(name_of(dtype))});
}

}  // namespace joist
