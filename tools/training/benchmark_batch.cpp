#include <joist/core/formats/hdf5.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/tools/training/benchmark_batch.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr int boxes_per_picture = 8;

std::vector<std::vector<TrueBox>> made_up_boxes(std::int64_t batch, std::int64_t size, std::int64_t classes) {
  Random random({.seed = 1, .stream = Stream::test});
  std::vector<std::vector<TrueBox>> truth(static_cast<std::size_t>(batch));
  const auto side = static_cast<float>(size);
  for (auto& boxes : truth)
    for (int i = 0; i < boxes_per_picture; ++i) {
      const float width = random.uniform(0.05F, 0.35F) * side, height = random.uniform(0.05F, 0.35F) * side;
      const float x = random.uniform(0, side - width), y = random.uniform(0, side - height);
      boxes.push_back(
          {x, y, x + width, y + height, static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes)))});
    }
  return truth;
}

Array made_up_numbers(const Shape& shape, std::int64_t below, std::uint64_t seed) {
  Random random({.seed = seed, .stream = Stream::test});
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(shape.elements()));
  for (std::int64_t& number : numbers)
    number = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(below)));
  return Array::from(numbers, shape);
}

// The arrays of a file, each checked when it is taken.
class BatchFile {
 public:
  explicit BatchFile(const std::string& path) : path_(path), archive_(read_hdf5(path)) {}

  // `shape` has -1 where any length will do.
  Array take(const char* name, Dtype dtype, const Shape& shape, const char* axes) const {
    const Array* found = archive_.find(name);
    if (!found) refuse(fmt::format("no array \"{}\"", name), name, dtype, axes);
    bool fits = found->dtype() == dtype && found->rank() == shape.rank() && found->elements() > 0;
    for (int i = 0; fits && i < shape.rank(); ++i) fits = shape[i] < 0 || shape[i] == found->shape(i);
    if (!fits)
      refuse(fmt::format("\"{}\" is {} {}", name, name_of(found->dtype()), found->shape().text()), name, dtype, axes);
    return *found;
  }
  Array take_numbers(const char* name, const Shape& shape, const char* axes, std::int64_t below) const {
    const Array found = take(name, Dtype::int64, shape, axes);
    for (const std::int64_t number : found.to_vector<std::int64_t>())
      if (number < 0 || number >= below)
        throw DataError({.where = path_,
                         .what = fmt::format("{} in \"{}\"", number, name),
                         .expected = fmt::format("0 to {}", below - 1),
                         .remedy = "--classes"});
    return found;
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const char* name, Dtype dtype, const char* axes) const {
    throw DataError(
        {.where = path_, .what = what, .expected = fmt::format("\"{}\" of {} {}", name, name_of(dtype), axes)});
  }
  std::string path_;
  Archive archive_;
};

std::vector<std::vector<TrueBox>> boxes_of(const std::string& path, const Array& boxes, const Array& categories) {
  const std::vector<float> corners = boxes.to_vector<float>();
  const std::vector<std::int64_t> classes = categories.to_vector<std::int64_t>();
  const auto per_picture = static_cast<std::size_t>(boxes.shape(1));
  std::vector<std::vector<TrueBox>> truth(static_cast<std::size_t>(boxes.shape(0)));
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const float* corner = corners.data() + 4 * i;
    if (!std::all_of(corner, corner + 4, [](float x) { return std::isfinite(x); }) || corner[2] <= corner[0] ||
        corner[3] <= corner[1])
      throw DataError(
          {.where = path,
           .what = fmt::format("box {} of \"boxes\" is {}, {}, {}, {}", i, corner[0], corner[1], corner[2], corner[3]),
           .expected = "x1 < x2, y1 < y2"});
    truth[i / per_picture].push_back({corner[0], corner[1], corner[2], corner[3], classes[i]});
  }
  return truth;
}

}  // namespace

BenchmarkBatch BenchmarkBatch::made_up(TaskKind task, std::int64_t batch, std::int64_t channels, std::int64_t size,
                                       std::int64_t classes) {
  BenchmarkBatch made;
  if (task == TaskKind::sequence) {
    made.inputs = made_up_numbers({batch, size}, classes, 3);
    made.targets = made_up_numbers({batch * size}, classes, 2);
    return made;
  }
  made.inputs = Array::empty({batch, channels, size, size}, Dtype::float32, cpu, Order::channels_last);
  kernels(cpu).random.uniform({.seed = 3, .stream = Stream::test}, 0, 1, made.inputs);
  if (task == TaskKind::detect)
    made.truth = made_up_boxes(batch, size, classes);
  else
    made.targets = made_up_numbers({batch}, classes, 2);
  return made;
}

BenchmarkBatch BenchmarkBatch::read(const std::string& path, TaskKind task, std::int64_t channels,
                                    std::int64_t classes) {
  const BatchFile file(path);
  BenchmarkBatch found;
  if (task == TaskKind::sequence) {
    found.inputs = file.take_numbers("inputs", {-1, -1}, "[batch, length]", classes);
    const Array targets = file.take_numbers("targets", found.inputs.shape(), "[batch, length] as inputs", classes);
    found.targets = reshape(Tensor(targets), {-1}).value();
    return found;
  }
  const Array pictures = file.take("inputs", Dtype::float32, {-1, channels, -1, -1}, "[batch, channel, size, size]");
  if (pictures.shape(2) != pictures.shape(3))
    throw DataError({.where = path, .what = "pictures " + pictures.shape().text(), .expected = "square pictures"});
  found.inputs = contiguous(Tensor(pictures), Order::channels_last).value();
  const std::int64_t batch = pictures.shape(0);
  if (task == TaskKind::classify) {
    found.targets = file.take_numbers("targets", {batch}, "[batch] as inputs", classes);
    return found;
  }
  const Array boxes = file.take("boxes", Dtype::float32, {batch, -1, 4}, "[batch as inputs, boxes, 4]");
  found.truth =
      boxes_of(path, boxes, file.take_numbers("targets", {batch, boxes.shape(1)}, "[batch, boxes] as boxes", classes));
  return found;
}

}  // namespace joist
