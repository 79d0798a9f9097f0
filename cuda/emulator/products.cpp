// The recording fake of cuBLASLt: keeps the description of a product and carries out exactly that, on the CPU in
// double, when its turn in the stream comes. It refuses what the library refuses or leaves undefined.
#include <joist/core/error.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/emulator/numbers.h>
#include <joist/cuda/emulator/streams.h>
#include <joist/cuda/products.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

namespace joist::cuda {
namespace {

[[noreturn]] void refuse(const char* where, const std::string& what) {
  throw InternalError({.where = std::string("emulated product ") + where, .what = what});
}

// A matrix's bytes; touches every element that is read or written.
class Matrix {
 public:
  Matrix(const MatrixLayout& layout, const void* data, std::int64_t batch)
      : layout_(layout), data_(emulator::DeviceMemory::inside(data)), offset_(batch * layout.batch_stride) {}
  double get(std::int64_t i, std::int64_t j) const { return emulator::load_number(layout_.dtype, at(i, j)); }
  void set(std::int64_t i, std::int64_t j, double value) const {
    emulator::store_number(layout_.dtype, at(i, j), value);
  }

 private:
  char* at(std::int64_t i, std::int64_t j) const {
    return data_ + (offset_ + i + j * layout_.leading) * static_cast<std::int64_t>(size_of(layout_.dtype));
  }
  MatrixLayout layout_;
  char* data_;
  std::int64_t offset_;
};

struct Range {
  const char *begin, *end;
  Range(const void* data, const MatrixLayout& layout, std::int64_t batches) {
    begin = static_cast<const char*>(data);
    const std::int64_t last =
        layout.rows - 1 + (layout.columns - 1) * layout.leading + (batches - 1) * layout.batch_stride;
    end = begin + (last + 1) * static_cast<std::int64_t>(size_of(layout.dtype));
  }
  Range(const void* data, std::size_t bytes) : begin(static_cast<const char*>(data)), end(begin + bytes) {}
};

class RecordedProduct final : public ProductPlan {
 public:
  explicit RecordedProduct(const ProductShape& shape) : shape_(shape) {
    const MatrixLayout &a = shape.a, &b = shape.b, &y = shape.y;
    const std::int64_t depth = shape.transpose_a ? a.rows : a.columns;
    const bool fits = (shape.transpose_a ? a.columns : a.rows) == y.rows &&
                      (shape.transpose_b ? b.rows : b.columns) == y.columns &&
                      (shape.transpose_b ? b.columns : b.rows) == depth;
    if (!fits) refuse("plan", "the matrices do not fit each other");
    for (const MatrixLayout* layout : {&a, &b, &y}) {
      if (layout->rows < 1 || layout->columns < 1) refuse("plan", "a matrix without elements");
      if (layout->leading < layout->rows) refuse("plan", "the leading dimension is shorter than a column");
    }
    if (a.dtype != b.dtype || (y.dtype != a.dtype && y.dtype != Dtype::float32))
      refuse("plan", "element types that the library does not combine");
    if (shape.batches < 1) refuse("plan", "no products");
    // Results of different products lie apart: one behind the other, or interleaved by columns.
    const std::int64_t column_span = (shape.batches - 1) * y.batch_stride + y.rows;
    const bool behind = y.batch_stride >= y.rows + (y.columns - 1) * y.leading;
    const bool between = y.batch_stride >= y.rows && (y.columns == 1 || column_span <= y.leading);
    if (shape.batches > 1 && !behind && !between) refuse("plan", "the results lie upon each other");
  }

  // Not a round number, and full of numbers that were never asked for.
  std::size_t workspace() const override { return 257; }

  void run(const char* name, const ProductData& data, void* workspace, void* stream) const override {
    emulator::count_call(name);
    const auto on_gpu = [&](const void* address, std::int64_t alignment, const char* what) {
      if (!address || emulator::DeviceMemory::inside(address) == address)
        refuse(name, std::string(what) + " does not lie in the GPU's memory");
      if (reinterpret_cast<std::uintptr_t>(address) % static_cast<std::uintptr_t>(alignment) != 0)
        refuse(name, std::string(what) + " is not aligned as the plan was told");
    };
    on_gpu(data.a, shape_.a.alignment, "the first matrix");
    on_gpu(data.b, shape_.b.alignment, "the second matrix");
    on_gpu(data.y, shape_.y.alignment, "the result");
    on_gpu(workspace, 1, "the workspace");
    if (shape_.bias) on_gpu(data.bias, shape_.bias_alignment, "the bias");
    const Range result(data.y, shape_.y, shape_.batches);
    std::vector<Range> others{Range(data.a, shape_.a, shape_.batches), Range(data.b, shape_.b, shape_.batches),
                              Range(workspace, this->workspace())};
    if (shape_.bias) others.emplace_back(data.bias, static_cast<std::size_t>(shape_.y.rows) * size_of(shape_.y.dtype));
    // Views of one array may be nested in each other without sharing elements; an operand that begins where the result
    // does is surely overwritten while it is read, and the workspace is nobody else's.
    for (const Range& other : others)
      if (other.begin == result.begin) refuse(name, "the result is written over what is read");
    if (others[2].begin < result.end && result.begin < others[2].end) refuse(name, "the workspace lies in the result");
    emulator::enqueue(stream, name, [shape = shape_, data, workspace, bytes = this->workspace()] {
      std::memset(emulator::DeviceMemory::inside(workspace), 0x7E, bytes);
      for (std::int64_t batch = 0; batch < shape.batches; ++batch) multiply(shape, data, batch);
    });
  }

 private:
  static void multiply(const ProductShape& shape, const ProductData& data, std::int64_t batch) {
    const Matrix a(shape.a, data.a, batch), b(shape.b, data.b, batch), y(shape.y, data.y, batch);
    const Matrix bias({.dtype = shape.y.dtype, .rows = shape.y.rows, .columns = 1, .leading = shape.y.rows}, data.bias,
                      0);
    const std::int64_t depth = shape.transpose_a ? shape.a.rows : shape.a.columns;
    const auto rounded = [&](double value) { return shape.tf32 ? emulator::rounded_to_tf32(value) : value; };
    std::vector<double> left(static_cast<std::size_t>(shape.y.rows * depth)), right(static_cast<std::size_t>(depth));
    for (std::int64_t i = 0; i < shape.y.rows; ++i)
      for (std::int64_t k = 0; k < depth; ++k)
        left[static_cast<std::size_t>(i * depth + k)] = rounded(shape.transpose_a ? a.get(k, i) : a.get(i, k));
    for (std::int64_t j = 0; j < shape.y.columns; ++j) {
      for (std::int64_t k = 0; k < depth; ++k)
        right[static_cast<std::size_t>(k)] = rounded(shape.transpose_b ? b.get(j, k) : b.get(k, j));
      for (std::int64_t i = 0; i < shape.y.rows; ++i) {
        double sum = shape.adds ? y.get(i, j) : 0;  // what is overwritten is not read
        for (std::int64_t k = 0; k < depth; ++k)
          sum += left[static_cast<std::size_t>(i * depth + k)] * right[static_cast<std::size_t>(k)];
        y.set(i, j, shape.bias ? sum + bias.get(i, 0) : sum);
      }
    }
  }

  ProductShape shape_;
};

}  // namespace

std::unique_ptr<ProductPlan> plan_product(const ProductShape& shape) {
  return std::make_unique<RecordedProduct>(shape);
}

namespace emulator {
namespace {
struct Calls {
  std::mutex mutex{};
  std::map<std::string, std::uint64_t> count{};
};
Calls& calls() {
  static Calls all;
  return all;
}
}  // namespace

std::map<std::string, std::uint64_t> library_calls() {
  const std::lock_guard lock(calls().mutex);
  return calls().count;
}
void count_call(const std::string& name) {
  const std::lock_guard lock(calls().mutex);
  ++calls().count[name];
}
}  // namespace emulator

}  // namespace joist::cuda
