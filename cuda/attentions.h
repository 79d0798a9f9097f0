// What attention_by_library.cpp asks of a library of attention: device/cudnn_attention.cpp asks cuDNN, and
// emulator/attentions.cpp records the same descriptions and carries them out on the CPU.
#pragma once

#include <joist/core/dtype.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace joist::cuda {

/// An array [batch, head, row, width] as it lies; strides in elements, the last one 1.
struct HeadsLayout {
  std::array<std::int64_t, 4> lengths{}, strides{};
  auto operator<=>(const HeadsLayout&) const = default;
};

/// Forwards: y = softmax(scale q kᵀ) v, where causal over the keys j ≤ i of query i, and log_sum [batch, head, query],
/// row-major float32. Backwards: dq, dk and dv from all those and dy, which lies as y does. Heads of q are a multiple
/// of those of k and v; neighbours share a head. All but log_sum have one type of 16 bits, and addresses that are
/// multiples of attention_alignment.
struct AttentionShape {
  Dtype dtype = Dtype::bfloat16;
  bool backward = false, causal = false;
  float scale = 1;
  HeadsLayout q{}, k{}, v{}, y{}, dq{}, dk{}, dv{};
  auto operator<=>(const AttentionShape&) const = default;
};
constexpr std::int64_t attention_alignment = 16;
/// Widths of heads that the library takes: multiples of this, up to most_head_width.
constexpr std::int64_t head_width_step = 8, most_head_width = 128;

/// Addresses on the GPU. Forwards y and log_sum are written, backwards dq, dk and dv.
struct AttentionData {
  void *q = nullptr, *k = nullptr, *v = nullptr, *y = nullptr, *log_sum = nullptr, *dy = nullptr, *dq = nullptr,
       *dk = nullptr, *dv = nullptr;
};

/// How the library computes attention of one shape: found once, used many times.
class AttentionPlan {
 public:
  AttentionPlan() = default;
  AttentionPlan(const AttentionPlan&) = delete;
  AttentionPlan& operator=(const AttentionPlan&) = delete;
  virtual ~AttentionPlan() = default;
  /// Bytes that run() needs.
  virtual std::size_t workspace() const = 0;
  /// What the library chose, for people.
  virtual std::string text() const = 0;
  /// Puts the attention into a stream; `name` for messages.
  virtual void run(const char* name, const AttentionData& data, void* workspace, void* stream) const = 0;
};
/// The plan, or nullptr and why not: the library has no way to compute this. Throws EnvironmentError where the library
/// is missing or cannot be started.
std::unique_ptr<AttentionPlan> plan_attention(const AttentionShape& shape, std::string& why);

}  // namespace joist::cuda
