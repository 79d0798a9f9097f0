// The recording fake of cuDNN's attention: keeps the description and carries out exactly that, on the CPU in double,
// when its turn in the stream comes. It refuses what the library refuses or leaves undefined.
#include <joist/core/error.h>
#include <joist/core/half.h>
#include <joist/cuda/attentions.h>
#include <joist/cuda/emulator/attentions.h>
#include <joist/cuda/emulator/calls.h>
#include <joist/cuda/emulator/memory.h>
#include <joist/cuda/emulator/numbers.h>
#include <joist/cuda/emulator/streams.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace joist::cuda {
namespace {

using emulator::DeviceMemory;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw InternalError({.where = "emulated attention " + where, .what = what});
}

void require_sense(const AttentionShape& shape) {
  const auto &q = shape.q.lengths, &k = shape.k.lengths, &v = shape.v.lengths, &y = shape.y.lengths;
  if (!is_half(shape.dtype)) refuse("plan", "an element type that the library does not compute with");
  if (q[0] != k[0] || q[0] != v[0] || q[0] != y[0] || q[1] != y[1] || q[2] != y[2] || k[1] != v[1] || k[2] != v[2] ||
      q[3] != k[3] || v[3] != y[3] || q[1] % k[1] != 0)
    refuse("plan", "lengths that do not fit each other");
  if (q[2] == 1 && k[2] == 1) refuse("plan", "one query of one key");
  for (const std::int64_t width : {q[3], v[3]})
    if (width % head_width_step != 0 || width > most_head_width)
      refuse("plan", "heads of width " + std::to_string(width));
  std::vector<const HeadsLayout*> layouts{&shape.q, &shape.k, &shape.v, &shape.y};
  if (shape.backward) {
    layouts.insert(layouts.end(), {&shape.dq, &shape.dk, &shape.dv});
    if (shape.dq.lengths != q || shape.dk.lengths != k || shape.dv.lengths != v)
      refuse("plan", "gradients of other lengths than the operands");
  }
  for (const HeadsLayout* layout : layouts) {
    if (layout->strides[3] != 1) refuse("plan", "rows with gaps inside");
    for (std::size_t axis = 0; axis < 3; ++axis)
      if (layout->lengths[axis] < 1 || layout->strides[axis] < 1 || layout->strides[axis] % head_width_step != 0)
        refuse("plan", "a length or a step that the library does not take");
  }
}

/// One array of a call.
class Heads {
 public:
  Heads(const HeadsLayout& layout, Dtype dtype, void* data) : layout_(layout), dtype_(dtype), data_(data) {}
  double get(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) const {
    return emulator::load_number(dtype_, place(b, h, row, i));
  }
  void set(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i, double value) const {
    emulator::store_number(dtype_, place(b, h, row, i), value);
  }
  /// All its elements' offsets from the beginning of the GPU's memory.
  void collect(const char* name, const char* what, std::set<const void*>& places) const {
    const auto& n = layout_.lengths;
    if (reinterpret_cast<std::uintptr_t>(data_) % attention_alignment != 0)
      refuse(name, std::string(what) + " is not aligned as the plan was told");
    for (std::int64_t b = 0; b < n[0]; ++b)
      for (std::int64_t h = 0; h < n[1]; ++h)
        for (std::int64_t row = 0; row < n[2]; ++row) {
          const char* begin = static_cast<const char*>(data_) + offset(b, h, row, 0);
          if (DeviceMemory::inside(begin) == begin ||
              !DeviceMemory::instance().holds(begin, static_cast<std::size_t>(n[3]) * size_of(dtype_)))
            refuse(name, std::string(what) + " does not lie in the GPU's memory");
          for (std::int64_t i = 0; i < n[3]; ++i)
            if (!places.insert(static_cast<const char*>(data_) + offset(b, h, row, i)).second)
              refuse(name, std::string(what) + " is written over itself or something else");
        }
  }

 private:
  std::int64_t offset(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) const {
    const auto& s = layout_.strides;
    return (b * s[0] + h * s[1] + row * s[2] + i * s[3]) * static_cast<std::int64_t>(size_of(dtype_));
  }
  char* place(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) const {
    return DeviceMemory::inside(static_cast<char*>(data_) + offset(b, h, row, i));
  }
  HeadsLayout layout_;
  Dtype dtype_;
  void* data_;
};

/// Numbers of one result, which many terms go to.
struct Sums {
  const HeadsLayout& layout;
  std::vector<double> numbers;
  explicit Sums(const HeadsLayout& of)
      : layout(of), numbers(static_cast<std::size_t>(of.lengths[0] * of.lengths[1] * of.lengths[2] * of.lengths[3])) {}
  double& at(std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t i) {
    const auto& n = layout.lengths;
    return numbers[static_cast<std::size_t>(((b * n[1] + h) * n[2] + row) * n[3] + i)];
  }
  void write(const Heads& heads) {
    const auto& n = layout.lengths;
    for (std::int64_t b = 0; b < n[0]; ++b)
      for (std::int64_t h = 0; h < n[1]; ++h)
        for (std::int64_t row = 0; row < n[2]; ++row)
          for (std::int64_t i = 0; i < n[3]; ++i) heads.set(b, h, row, i, at(b, h, row, i));
  }
};

void compute(const AttentionShape& shape, const AttentionData& data) {
  const auto heads_of = [&](const HeadsLayout& layout, void* memory) { return Heads(layout, shape.dtype, memory); };
  const Heads q = heads_of(shape.q, data.q), k = heads_of(shape.k, data.k), v = heads_of(shape.v, data.v),
              y = heads_of(shape.y, data.y), dy = heads_of(shape.y, data.dy);
  const auto& n = shape.q.lengths;
  const std::int64_t keys = shape.k.lengths[2], width = n[3], value_width = shape.v.lengths[3],
                     group = n[1] / shape.k.lengths[1];
  Sums dq(shape.q), dk(shape.k), dv(shape.v);
  for (std::int64_t b = 0; b < n[0]; ++b)
    for (std::int64_t h = 0; h < n[1]; ++h)
      for (std::int64_t row = 0; row < n[2]; ++row) {
        const std::int64_t other = h / group, seen = shape.causal ? std::min(keys, row + 1) : keys;
        char* const kept = DeviceMemory::inside(static_cast<char*>(data.log_sum) + ((b * n[1] + h) * n[2] + row) * 4);
        std::vector<double> weights(static_cast<std::size_t>(seen));
        double top = -std::numeric_limits<double>::infinity(), total = 0;
        for (std::int64_t j = 0; j < seen; ++j) {
          double score = 0;
          for (std::int64_t i = 0; i < width; ++i) score += q.get(b, h, row, i) * k.get(b, other, j, i);
          weights[static_cast<std::size_t>(j)] = score * static_cast<double>(shape.scale);
          top = std::max(top, weights[static_cast<std::size_t>(j)]);
        }
        if (shape.backward) {
          const double log_sum = emulator::load_number(Dtype::float32, kept);
          for (double& weight : weights) weight = std::exp(weight - log_sum);
        } else {
          for (double& weight : weights) total += weight = std::exp(weight - top);
          for (double& weight : weights) weight /= total;
          emulator::store_number(Dtype::float32, kept, top + std::log(total));
          for (std::int64_t i = 0; i < value_width; ++i) {
            double sum = 0;
            for (std::int64_t j = 0; j < seen; ++j) sum += weights[static_cast<std::size_t>(j)] * v.get(b, other, j, i);
            y.set(b, h, row, i, sum);
          }
          continue;
        }
        double mean = 0;
        for (std::int64_t i = 0; i < value_width; ++i) mean += dy.get(b, h, row, i) * y.get(b, h, row, i);
        for (std::int64_t j = 0; j < seen; ++j) {
          const double weight = weights[static_cast<std::size_t>(j)];
          double slope = -mean;
          for (std::int64_t i = 0; i < value_width; ++i) {
            slope += dy.get(b, h, row, i) * v.get(b, other, j, i);
            dv.at(b, other, j, i) += weight * dy.get(b, h, row, i);
          }
          slope *= weight * static_cast<double>(shape.scale);
          for (std::int64_t i = 0; i < width; ++i) {
            dq.at(b, h, row, i) += slope * k.get(b, other, j, i);
            dk.at(b, other, j, i) += slope * q.get(b, h, row, i);
          }
        }
      }
  if (!shape.backward) return;
  dq.write(heads_of(shape.dq, data.dq));
  dk.write(heads_of(shape.dk, data.dk));
  dv.write(heads_of(shape.dv, data.dv));
}

class RecordedAttention final : public AttentionPlan {
 public:
  explicit RecordedAttention(const AttentionShape& shape) : shape_(shape) {}
  // Not a round number, and full of numbers that were never asked for.
  std::size_t workspace() const override { return 259; }
  std::string text() const override { return "emulated"; }

  void run(const char* name, const AttentionData& data, void* workspace, void* stream) const override {
    emulator::count_call("attention by cuDNN");
    emulator::count_call(name);
    std::set<const void*> read, written;
    const auto heads = [&](const HeadsLayout& layout, void* memory) { return Heads(layout, shape_.dtype, memory); };
    const auto reads = [&](const HeadsLayout& layout, void* memory, const char* what) {
      std::set<const void*> own;  // operands may be one array
      heads(layout, memory).collect(name, what, own);
      read.insert(own.begin(), own.end());
    };
    reads(shape_.q, data.q, "q");
    reads(shape_.k, data.k, "k");
    reads(shape_.v, data.v, "v");
    if (shape_.backward) {
      reads(shape_.y, data.y, "y");
      reads(shape_.y, data.dy, "dy");
      heads(shape_.dq, data.dq).collect(name, "dq", written);
      heads(shape_.dk, data.dk).collect(name, "dk", written);
      heads(shape_.dv, data.dv).collect(name, "dv", written);
    } else {
      heads(shape_.y, data.y).collect(name, "y", written);
    }
    if (std::ranges::any_of(written, [&](const void* place) { return read.contains(place); }))
      refuse(name, "a result is written over an operand");
    const auto& n = shape_.q.lengths;
    const auto rows = static_cast<std::size_t>(n[0] * n[1] * n[2]) * 4;
    for (const auto& [memory, bytes] : {std::pair{data.log_sum, rows}, std::pair{workspace, this->workspace()}})
      if (!memory || DeviceMemory::inside(memory) == memory || !DeviceMemory::instance().holds(memory, bytes))
        refuse(name, "the logarithms or the workspace do not lie in the GPU's memory");
    emulator::enqueue(stream, name, [shape = shape_, data, workspace, bytes = this->workspace()] {
      std::memset(DeviceMemory::inside(workspace), 0x7E, bytes);
      compute(shape, data);
    });
  }

 private:
  AttentionShape shape_;
};

}  // namespace

std::unique_ptr<AttentionPlan> plan_attention(const AttentionShape& shape, std::string& why) {
  require_sense(shape);
  const emulator::AttentionAbilities& can = emulator::attention_abilities();
  if (shape.backward ? can.backward : can.forward) return std::make_unique<RecordedAttention>(shape);
  why = "the emulated cuDNN was told not to";
  return nullptr;
}

namespace emulator {
AttentionAbilities& attention_abilities() {
  static AttentionAbilities now;
  return now;
}
}  // namespace emulator

}  // namespace joist::cuda
