// The arithmetic of one step of a recurrent layer between its matrix products, for some columns of all sequences.
#pragma once

#include <joist/core/kernels/recurrent.h>

#include <cstdint>

namespace joist {

/// Hidden units first … last - 1. Rows are sequences; a row of `gates`, `products`, `bias` has G · hidden numbers, one
/// of `reserve` reserve_of(cell) · hidden, all others hidden. Rows b with lengths[b] <= time keep their state.
struct CellStep {
  Cell cell = Cell::lstm;
  std::int64_t time = 0, rows = 0, hidden = 0, first = 0, last = 0;
  const std::int64_t* lengths = nullptr;
  bool reverse = false;
};

struct ForwardStep {
  CellStep step{};
  const float* gates = nullptr;  // w_ih x + b_ih
  float* products = nullptr;     // w_hh h; cell_reset puts z here
  const float* bias = nullptr;   // b_hh
  const float* h = nullptr;      // before; null with a projection
  float* next = nullptr;         // after; with a projection its operand. cell_reset: r · h
  float* c = nullptr;            // before and after
  float* y = nullptr;            // null with a projection
  float* reserve = nullptr;      // null: not wanted
};
void cell_forward(const ForwardStep& step);
/// gru_before: r and z, then, after the product of r · h, the rest.
void cell_reset(const ForwardStep& step);

struct BackwardStep {
  CellStep step{};
  const float* y = nullptr;
  const float* dy = nullptr;  // null: 0, or added already
  const float* reserve = nullptr;
  const float* earlier = nullptr;  // reserve of the step before in the direction's order (not read at its first step)
  const float* c0 = nullptr;       // null: 0
  const float* h = nullptr;        // before (gru)
  const float* dm = nullptr;       // with a projection: of its operand; else null
  float* dh = nullptr;             // in: of h after; out: the part that needs no product
  float* dc = nullptr;             // of c after, then of c before
  float* dgates = nullptr;
  float* dproducts = nullptr;  // gru: of w_hh h + b_hh
  float* m = nullptr;          // with a projection: its operand. gru_before: r · h
};
void cell_backward(const BackwardStep& step);
/// gru_before, with the gradient of r · h in `dm`: r's gate and the rest of dh.
void cell_reset_backward(const BackwardStep& step);

}  // namespace joist
