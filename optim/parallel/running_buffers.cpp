#include <joist/core/kernels.h>
#include <joist/optim/parallel/running_buffers.h>

#include <algorithm>

namespace joist::parallel {
namespace {

template <class Move>
void for_each_place(const std::vector<Tensor>& tensors, const Array& flat, const Move& move) {
  std::int64_t next = 0;
  for (const Tensor& tensor : tensors) {
    const Array& value = tensor.value();
    move(value, flat.sliced(0, next, next + value.elements()).strided(value.shape(), row_major(value.shape()), 0));
    next += value.elements();
  }
}

Array zeros(std::int64_t elements, Device device) {
  const Array array = Array::empty({elements}, Dtype::float32, device);
  if (elements > 0) kernels(array).elementwise.fill(0, array);
  return array;
}

}  // namespace

RunningBuffers::RunningBuffers(std::span<const Field> fields) {
  std::vector<const TensorState*> seen;
  for (const Field& field : fields) {
    if (field.trainable || std::find(seen.begin(), seen.end(), field.tensor.state()) != seen.end()) continue;
    seen.push_back(field.tensor.state());
    const Dtype dtype = field.tensor.dtype();
    if (dtype == Dtype::float32) {
      floating_.push_back(field.tensor);
      numbers_ += field.tensor.value().elements();
    } else if (dtype == Dtype::int64) {
      integers_.push_back(field.tensor);
      counters_ += field.tensor.value().elements();
    } else if (is_floating(dtype)) {
      throw UnsupportedError({.where = field.name,
                              .what = "unsupported: a buffer of " + std::string(name_of(dtype)) + " shared by ranks",
                              .expected = "float32"});
    }
  }
}

// The model may have gone to a GPU since.
Device RunningBuffers::device() const { return floating_.empty() ? cpu : floating_.front().device(); }

RunningBuffers::Values RunningBuffers::take() const {
  Values values{.numbers = zeros(numbers_, device())};
  for_each_place(floating_, values.numbers, [](const Array& value, const Array& place) {
    kernels(value).elementwise.copy(value, {place, false});
  });
  for (const Tensor& tensor : integers_)
    for (const std::int64_t number : tensor.value().to_vector<std::int64_t>()) values.counters.push_back(number);
  return values;
}

void RunningBuffers::put(const Values& values) const {
  for_each_place(floating_, values.numbers, [](const Array& value, const Array& place) {
    kernels(value).elementwise.copy(place, {value, false});
    value.bump_version();
  });
  std::size_t next = 0;
  for (const Tensor& tensor : integers_) {
    const auto count = static_cast<std::size_t>(tensor.value().elements());
    const std::vector<std::int64_t> numbers(values.counters.begin() + static_cast<std::ptrdiff_t>(next),
                                            values.counters.begin() + static_cast<std::ptrdiff_t>(next + count));
    const Array from = Array::from(numbers, tensor.shape());
    kernels(from).elementwise.copy(from, {tensor.value(), false});
    tensor.value().bump_version();
    next += count;
  }
}

Array RunningBuffers::movement(const Values& start, const Values& part, double weight) const {
  const Array moved = zeros(numbers_, device());
  if (numbers_ == 0) return moved;
  const auto& table = kernels(moved).elementwise;
  table.binary(Subtract{}, part.numbers, start.numbers, {moved, false});
  table.unary(Affine{.scale = weight}, moved, {moved, false});
  return moved;
}

void RunningBuffers::move(Communicator& world, const Values& start, const Array& movement,
                          std::span<const Values> parts) const {
  Values values{.numbers = zeros(numbers_, device()), .counters = start.counters};
  if (numbers_ > 0) kernels(movement).elementwise.binary(Add{}, start.numbers, movement, {values.numbers, false});
  for (const Values& part : parts)
    for (std::size_t i = 0; i < values.counters.size(); ++i)
      values.counters[i] = std::max(values.counters[i], part.counters[i]);
  if (counters_ > 0 && world.size() > 1) {
    const Array most = Array::from(values.counters, {counters_});
    world.all_reduce("counters of normalizations", most, Reduce::max).wait();
    values.counters = most.to_vector<std::int64_t>();
  }
  put(values);
}

}  // namespace joist::parallel
