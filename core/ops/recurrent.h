// Recurrent layers over sequences: whole stacks, single steps, packed sequences.
#pragma once

#include <joist/core/gradient.h>

#include <span>
#include <vector>

namespace joist {

/// One layer in one direction. G = 1 (rnn), 4 (lstm: i f g o) or 3 (gru: r z n) blocks of H = hidden rows.
struct RecurrentWeights {
  Tensor w_ih{};  ///< [G·H, in]
  Tensor w_hh{};  ///< [G·H, H], with projection [G·H, P]
  Tensor b_ih{};  ///< [G·H] or undefined
  Tensor b_hh{};  ///< [G·H] or undefined
  Tensor w_hr{};  ///< [P, H]: projection of an LSTM's hidden state; undefined: none
};

struct SequenceOptions {
  bool bidirectional = false;  ///< the weights alternate: layer 0 forward, layer 0 backward, layer 1 forward, …
  bool batch_first = false;    ///< x and output are [batch, time, …]
  double dropout = 0;          ///< of each layer's output but the last's, drawn from the thread's random key
  bool training = false;       ///< whether dropout acts
  bool reset_after = true;     ///< gru: r times the product (PyTorch); false: the product of r times h (Keras' name)
};

/// S = layers · directions, D = directions, P = H or the projection's size.
struct SequenceOutput {
  Tensor output{};  ///< [time, batch, D·P] (batch_first: [batch, time, D·P]); 0 beyond a sequence's length
  Tensor h{};       ///< [S, batch, P]: after each sequence's last step (backward direction: its first)
  Tensor c{};       ///< [S, batch, H]: LSTM only
};

/// x [time, batch, in], or [time, in] for one sequence, whose results lack the batch axis too; h0 [S, batch, P] and c0
/// [S, batch, H], undefined: zero. lengths: int64 [batch] in 1 … time, in any order: the results are those of PyTorch's
/// pack_padded_sequence, layer and pad_packed_sequence (total_length = time); undefined: all of x.
/// Throws ShapeError naming the weight that does not fit, UsageError for options, DataError for a length out of range.
SequenceOutput rnn_tanh(const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& h0 = {},
                        const Tensor& lengths = {}, const SequenceOptions& options = {});
SequenceOutput rnn_relu(const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& h0 = {},
                        const Tensor& lengths = {}, const SequenceOptions& options = {});
SequenceOutput lstm(const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& h0 = {},
                    const Tensor& c0 = {}, const Tensor& lengths = {}, const SequenceOptions& options = {});
SequenceOutput gru(const Tensor& x, std::span<const RecurrentWeights> weights, const Tensor& h0 = {},
                   const Tensor& lengths = {}, const SequenceOptions& options = {});

/// One step: x [batch, in], h [batch, H] -> [batch, H]; or vectors without batch. Undefined states: zero.
Tensor rnn_tanh_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& weights);
Tensor rnn_relu_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& weights);
Tensor gru_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& weights, bool reset_after = true);
struct CellState {
  Tensor h{}, c{};
};
CellState lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c, const RecurrentWeights& weights);

/// Sequences of different lengths without padding, step by step and longest first: PyTorch's PackedSequence. The
/// functions above need none of it: they take `lengths`.
struct PackedSequence {
  Tensor data{};                                ///< [sum of lengths, ...]
  Tensor batch_sizes{};                         ///< int64 [longest]: how many sequences have that step
  Tensor sorted_indices{}, unsorted_indices{};  ///< int64 [batch]: order of the sequences in data, and back
};
/// x [time, batch, ...] (batch_first: [batch, time, ...]), lengths int64 [batch] in 1 … time. enforce_sorted: throws
/// UsageError unless lengths decrease.
PackedSequence pack_padded_sequence(const Tensor& x, const Tensor& lengths, bool batch_first = false,
                                    bool enforce_sorted = true);
struct PaddedSequence {
  Tensor data{};     ///< [time, batch, ...] (batch_first: [batch, time, ...])
  Tensor lengths{};  ///< int64 [batch]
};
/// time is the longest length, or total_length where that is given (0: not).
PaddedSequence pad_packed_sequence(const PackedSequence& packed, bool batch_first = false, double padding_value = 0,
                                   std::int64_t total_length = 0);
/// Sequences [length, ...] of different lengths under one another: [longest, batch, ...] (batch_first: [batch, longest,
/// ...]).
Tensor pad_sequence(std::span<const Tensor> sequences, bool batch_first = false, double padding_value = 0);

}  // namespace joist
