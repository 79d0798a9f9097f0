// No atomic additions: what lands at one place is added by one thread, in ascending order, so that results repeat.
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/types.h>

namespace joist::cuda {
namespace {

template <class T>
void take_rows_as(const Array& x, const Array& index, const Out& y) {
  const Shape& shape = y.array.shape();
  // Along the first axis the place comes from the index.
  const Array rows = x.sliced(0, 0, std::min<std::int64_t>(x.shape(0), 1)).expanded(shape);
  Strides strides = Shape::filled(shape.rank(), 0);
  strides[0] = index.strides()[0];
  const Array indices = index.strided(shape, strides);
  const std::int64_t apart = x.strides()[0];
  const Elements from(x), to(y.array);
  const Typed<std::int64_t> at(index);
  const Walk<3> walk(shape, {&rows, &indices, &y.array});
  const bool accumulate = y.accumulate;
  each("take_rows", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    T value = from.get<T>(places.at[0] + at[places.at[1]] * apart);
    if (accumulate) value = static_cast<T>(value + to.get<T>(places.at[2]));
    to.set(places.at[2], value);
  });
}
void take_rows(const Array& x, const Array& index, const Out& y) {
  if (y.array.elements() == 0) return;
  with_wide_type(x.dtype(), [&](auto type) { take_rows_as<decltype(type)>(x, index, y); });
}

// A block per row of dy: that of the first of equal indices adds them all.
struct TakeRowsBackward {
  Walk<2> row;  // one row of dy and of dx
  std::int64_t rows, dy_apart, dx_apart, index_step;
  Floats dy;
  Typed<std::int64_t> index;
  Result dx;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<int>(32);
    for (std::int64_t i = block.index(); i < rows; i += block.count()) {
      const std::int64_t wanted = index[i * index_step];
      int earlier = 0;
      for (std::int64_t j = block.thread(); j < i; j += block.threads())
        if (index[j * index_step] == wanted) earlier = 1;
      if (sum(block, room, earlier) != 0) continue;
      for (std::int64_t k = block.thread(); k < row.count(); k += block.threads()) {
        const auto places = row(k);
        Total total;
        for (std::int64_t j = i; j < rows; ++j)
          if (index[j * index_step] == wanted) total.add(dy[places.at[0] + j * dy_apart]);
        dx.put(places.at[1] + wanted * dx_apart, total.value());
      }
    }
  }
};
void take_rows_backward(const Array& dy, const Array& index, const Out& dx) {
  if (!dx.accumulate) cuda_kernels().elementwise.fill(0, dx.array);
  if (dy.elements() == 0) return;
  const Walk<2> row(dy.shape().with(0, 1), {&dy, &dx.array});
  launch("take_rows_backward",
         {.blocks = std::min(dy.shape(0), most_blocks),
          .threads = row.count() > 32 ? threads_per_block : 32,
          .shared_bytes = fold_bytes<int>},
         TakeRowsBackward{row, dy.shape(0), dy.strides()[0], dx.array.strides()[0], index.strides()[0], Floats(dy),
                          Typed<std::int64_t>(index), Result({dx.array, true})});
}

template <class T>
void gather_as(const Array& x, int axis, const Array& index, const Out& y) {
  // x seen with the index's shape; along the axis the place comes from the index.
  Strides strides = x.strides();
  strides[axis] = 0;
  const Array lines = x.strided(index.shape(), strides);
  const std::int64_t step = x.strides()[axis];
  const Elements from(x), to(y.array);
  const Typed<std::int64_t> at(index);
  const Walk<3> walk(index.shape(), {&lines, &index, &y.array});
  const bool accumulate = y.accumulate;
  each("gather", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    T value = from.get<T>(places.at[0] + at[places.at[1]] * step);
    if (accumulate) value = static_cast<T>(value + to.get<T>(places.at[2]));
    to.set(places.at[2], value);
  });
}
void gather(const Array& x, int axis, const Array& index, const Out& y) {
  with_wide_type(x.dtype(), [&](auto type) { gather_as<decltype(type)>(x, axis, index, y); });
}

template <class T>
JOIST_DEVICE bool beats(T challenger, T best) {
  return challenger > best || (challenger != challenger && best == best);
}
template <class T>
JOIST_DEVICE T combined(Scatter how, T target, T value) {
  switch (how) {
    case Scatter::replace: return value;
    case Scatter::add: return target + value;
    case Scatter::multiply: return target * value;
    case Scatter::maximum: return beats(value, target) ? value : target;
    case Scatter::minimum: return beats(-value, -target) ? value : target;
  }
  return value;
}
// Two elements meet only on one line along the axis: a thread per line.
template <class T>
void scatter_as(Scatter how, const Array& source, int axis, const Array& index, const Array& y) {
  Strides strides = y.strides();
  strides[axis] = 0;
  const Array lines = y.strided(source.shape(), strides);
  const std::int64_t length = source.shape(axis), source_step = source.strides()[axis],
                     index_step = index.strides()[axis], step = y.strides()[axis];
  const Elements from(source), to(y);
  const Typed<std::int64_t> at(index);
  const Walk<3> walk(source.shape().with(axis, 1), {&source, &index, &lines});
  each("scatter", walk.count(), [=] JOIST_DEVICE(std::int64_t line) {
    const auto places = walk(line);
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t place = places.at[2] + at[places.at[1] + i * index_step] * step;
      to.set(place, combined(how, to.get<T>(place), from.get<T>(places.at[0] + i * source_step)));
    }
  });
}
void scatter(Scatter how, const Array& source, int axis, const Array& index, const Array& y) {
  if (source.elements() == 0) return;
  with_wide_type(source.dtype(), [&](auto type) { scatter_as<decltype(type)>(how, source, axis, index, y); });
}

}  // namespace

void fill_indexing(Kernels& table) {
  table.indexing.take_rows = take_rows;
  table.indexing.take_rows_backward = take_rows_backward;
  table.indexing.gather = gather;
  table.indexing.scatter = scatter;
}

}  // namespace joist::cuda
