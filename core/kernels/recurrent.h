// Recurrent layers over whole sequences.
#pragma once

#include <joist/core/kernels/kernel.h>

#include <cstdint>

namespace joist {

enum class Cell : std::uint8_t {
  tanh,       ///< h' = tanh(g)
  relu,       ///< h' = relu(g)
  lstm,       ///< gates i f g o: c' = σ(f) c + σ(i) tanh(g); h' = σ(o) tanh(c')
  gru,        ///< gates r z n, PyTorch: n = tanh(x_n + r · (w_n h + b_n)); h' = (1 - z) n + z h
  gru_before  ///< Keras' reset_after=False: n = tanh(x_n + w_n (r · h) + b_n)
};
/// Rows of the gate matrices in units of the hidden size.
constexpr std::int64_t gates_of(Cell cell) {
  return cell == Cell::lstm ? 4 : cell == Cell::gru || cell == Cell::gru_before ? 3 : 1;
}

struct RecurrentOptions {
  Cell cell = Cell::lstm;
  bool reverse = false;  ///< from the last step (of each sequence's own length) to the first
};

/// What backward needs beside y, in units of the hidden size. lstm: i f g o (activated) and c'; gru: r z n (activated)
/// and w_n h + b_n; gru_before: r z n (activated); else nothing.
constexpr std::int64_t reserve_of(Cell cell) {
  return cell == Cell::lstm ? 5 : cell == Cell::gru ? 4 : cell == Cell::gru_before ? 3 : 0;
}
inline Shape reserve_shape(Cell cell, const Shape& gates) {
  return gates.with(-1, gates[-1] / gates_of(cell) * reserve_of(cell));
}

/// One layer, one direction. T steps, B sequences, H hidden, P = H or the projection's size.
/// gates [T, B, G·H] = x · w_ihᵀ + b_ih, by one product before (undefined in backward); w_hh [G·H, P], on CPUs maybe
/// bfloat16 beside float32 (its factor is rounded, too; no w_hr, not gru_before), b_hh [G·H] or undefined; w_hr
/// [P, H] (LSTM with projection) or undefined; h0 [B, P] and c0 [B, H] (LSTM only) or undefined: zero; lengths int64
/// [B] in 0 … T or undefined: all T. Steps beyond a sequence's length give 0 and leave its state.
struct RecurrentArguments {
  Array gates{}, w_hh{}, b_hh{}, w_hr{}, h0{}, c0{}, lengths{};
};
/// Written by forward: y [T, B, P], h_last [B, P], c_last [B, H] (LSTM only), reserve (reserve_shape(), float32 where
/// the rest is float16 or bfloat16). h_last, c_last and reserve may be undefined: not wanted.
struct RecurrentResults {
  Array y{}, h_last{}, c_last{}, reserve{};
};
/// What forward wrote and backward reads.
struct RecurrentSaved {
  Array y{}, reserve{};
};
struct RecurrentGradients {
  Array dy{}, dh_last{}, dc_last{};  ///< undefined: zero
};
/// Undefined arrays: not wanted. dgates is 0 beyond a sequence's length.
struct RecurrentOuts {
  Out dgates{}, dw_hh{}, db_hh{}, dw_hr{}, dh0{}, dc0{};
};

struct RecurrentKernels {
  Kernel<void(const RecurrentOptions&, const RecurrentArguments&, const RecurrentResults&)> forward{"recurrent"};
  Kernel<void(const RecurrentOptions&, const RecurrentArguments&, const RecurrentSaved&, const RecurrentGradients&,
              const RecurrentOuts&)>
      backward{"recurrent_backward"};
};

}  // namespace joist
