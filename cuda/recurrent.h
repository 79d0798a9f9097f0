// The arithmetic of a recurrent layer between its products (recurrent.cpp): a thread for every hidden unit of every
// sequence, all gates of a step in one kernel. Arrays are of one step unless a comment says otherwise, and may have any
// strides; undefined: not there, or not wanted. Formulas: core/kernels/recurrent.h.
#pragma once

#include <joist/core/kernels.h>

namespace joist::cuda {

/// This family's part of the table.
void fill_recurrent(Kernels& table);

/// A step at `time` of `steps`. Sequences that are shorter keep their state. lengths: int64 [B] on the GPU.
struct CellStep {
  RecurrentOptions options{};
  std::int64_t time = 0, steps = 0;
  Array lengths{};
};

struct CellForward {
  Array gates{};     ///< [B, G·H]: w_ih x + b_ih
  Array products{};  ///< [B, G·H]: w_hh h + b_hh
  Array h{};         ///< [B, H] before
  Array c{};         ///< [B, H] before and after, float32
  Array y{};         ///< [B, H]: h after, and 0 for sequences that have no such step
  Array state{};     ///< [B, H]: h after, maybe the same memory as h
  Array operand{};   ///< [B, H]: h after, or what the projection multiplies, as the next product reads it
  Array reserve{};   ///< [B, reserve_of(cell) · H]
};
/// For gru_before all but the product of w_n with r · h is done before, by cell_reset.
void cell_forward(const CellStep& step, const CellForward& arrays);
/// operand = r · h; z is put into its place of `products`.
void cell_reset(const CellStep& step, const CellForward& arrays);
/// y = a step's projected state [B, P], and state the same: h after.
void project(const CellStep& step, const Array& projected, const Array& y, const Array& state);

struct CellBackward {
  Array y{}, dy{}, reserve{};            ///< y not with a projection
  Array earlier_y{}, earlier_reserve{};  ///< of the step before in the direction's order; not read at its first step
  Array h0{}, c0{};
  Array dm{};         ///< [B, H] with a projection: of its operand. cell_reset_backward: of r · h
  Array dh{};         ///< [B, H] float32. In: of h after; out: of h before, what does not come through a product
  Array dc{};         ///< [B, H] float32: of c after, then of c before
  Out dgates{};       ///< [B, G·H]
  Array dproducts{};  ///< [B, G·H]: of w_hh h + b_hh
  Array factor{};     ///< the same, as products read it
  Array m{};          ///< [B, H] with a projection: its operand. gru_before: r · h
};
void cell_backward(const CellStep& step, const CellBackward& arrays);
/// gru_before, with the gradient of r · h in `dm`: r's gate, and the rest of dh.
void cell_reset_backward(const CellStep& step, const CellBackward& arrays);
/// d = dh + dy, of sequences that have the step, whose dh becomes 0; else d = 0. [B, P] each.
void take_gradient(const CellStep& step, const Array& dy, const Array& dh, const Array& d);

/// before [T, B, P] = the state that enters each step, 0 where there is none; y whole.
void states_before(const CellStep& step, const Array& y, const Array& h0, const Array& before);

}  // namespace joist::cuda
