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

/// One layer, one direction. T steps, B sequences, H hidden, P = H or the projection's size.
/// gates [T, B, G·H] = x · w_ihᵀ + b_ih, computed by one product before; w_hh [G·H, P], b_hh [G·H] or undefined; w_hr
/// [P, H] (LSTM with projection) or undefined; h0 [B, P], c0 [B, H] (LSTM only); lengths int64 [B] or undefined (all
/// T): steps beyond a sequence's length give 0 and leave its state. y [T, B, P], h_last [B, P], c_last [B, H]. reserve:
/// what backward needs beside y; its shape is reserve_shape().
struct RecurrentArguments {
  Array gates{}, w_hh{}, b_hh{}, w_hr{}, h0{}, c0{}, lengths{};
};
struct RecurrentResults {
  Array y{}, h_last{}, c_last{}, reserve{};
};
struct RecurrentGradients {
  Array dy{}, dh_last{}, dc_last{};  ///< undefined: zero
};
/// Undefined arrays: not wanted.
struct RecurrentOuts {
  Out dgates{}, dw_hh{}, db_hh{}, dw_hr{}, dh0{}, dc0{};
};

struct RecurrentKernels {
  Kernel<void(const RecurrentOptions&, const RecurrentArguments&, const RecurrentResults&)> forward{"recurrent"};
  Kernel<void(const RecurrentOptions&, const RecurrentArguments&, const RecurrentResults&, const RecurrentGradients&,
              const RecurrentOuts&)>
      backward{"recurrent_backward"};
};

}  // namespace joist
