// What the code around recurrent layers (layers.cpp) asks of a library of them: device/cudnn_rnn.cpp asks cuDNN's RNN
// API, and emulator/sequences.cpp records the same descriptions and carries them out on the CPU. The rules are cuDNN's:
// weights lie in one space, wherever the library says; forward in training fills a reserve, which backward_data reads
// and changes and backward_weights reads after it; weights' gradients are added.
#pragma once

#include <joist/core/dtype.h>
#include <joist/core/kernels/recurrent.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace joist::cuda {

/// One layer over padded sequences [steps, batch, width] without gaps. All arrays and weights have one type; gru is
/// that with the reset gate after the product. out: hidden, or less, where an LSTM's states are projected.
struct SequenceShape {
  Cell cell = Cell::lstm;
  bool bidirectional = false, bias = true, training = false;
  bool tf32 = false;  ///< float32 operands may be rounded
  Dtype dtype = Dtype::float32;
  std::int64_t steps = 0, batch = 0, in = 0, hidden = 0, out = 0;
  std::vector<std::int32_t> lengths{};  ///< of each sequence, at most `steps`
  std::int64_t directions() const { return bidirectional ? 2 : 1; }
};

/// A matrix [rows, columns] of the weight space, or a bias, which has one column. No rows: there is none.
struct WeightPlace {
  std::size_t offset = 0;  ///< in bytes
  std::int64_t rows = 0, columns = 0;
};
struct WeightPlaces {
  WeightPlace matrix{}, bias{};
};

/// Addresses on the GPU; h, c and their gradients are [directions, batch, width] without gaps, nullptr: zero, or not
/// wanted.
struct SequenceForward {
  const void *x = nullptr, *h0 = nullptr, *c0 = nullptr, *weights = nullptr;
  void *y = nullptr, *h_last = nullptr, *c_last = nullptr;
  void *workspace = nullptr, *reserve = nullptr;
};
struct SequenceBackward {
  const void *x = nullptr, *y = nullptr, *h0 = nullptr, *c0 = nullptr, *weights = nullptr;
  const void *dy = nullptr, *dh_last = nullptr, *dc_last = nullptr;
  void *dx = nullptr, *dh0 = nullptr, *dc0 = nullptr;  ///< dx is always written
  void* dweights = nullptr;                            ///< added to
  void *workspace = nullptr, *reserve = nullptr;
};

class SequencePlan {
 public:
  SequencePlan() = default;
  SequencePlan(const SequencePlan&) = delete;
  SequencePlan& operator=(const SequencePlan&) = delete;
  virtual ~SequencePlan() = default;
  /// Bytes of the weight space, of what a call needs while it runs, and of the reserve (0 unless training).
  virtual std::size_t weights() const = 0;
  virtual std::size_t workspace() const = 0;
  virtual std::size_t reserve() const = 0;
  /// Where the weights of a direction lie in a space at this address. part 0 … G - 1: w_ih and b_ih of a gate, in the
  /// order of core/kernels/recurrent.h; G … 2·G - 1: w_hh and b_hh; 2·G: w_hr.
  virtual WeightPlaces places(const void* weights, std::int64_t direction, std::int64_t part) const = 0;
  /// Put work into a stream; `name` for messages.
  virtual void forward(const char* name, const SequenceForward& data, void* stream) const = 0;
  virtual void backward_data(const char* name, const SequenceBackward& data, void* stream) const = 0;
  virtual void backward_weights(const char* name, const SequenceBackward& data, void* stream) const = 0;
};
/// Throws EnvironmentError where the library is missing, UnsupportedError where it has no way to compute this.
std::unique_ptr<SequencePlan> plan_sequence(const SequenceShape& shape);

/// Whether the library is asked at all: for the whole process, from the next layer on. At first yes, unless the
/// environment says JOIST_CUDNN=0; then, as for all that the library does not have, recurrent.cpp computes layers.
bool& library_computes_layers();

}  // namespace joist::cuda
