// The plain kernels of recurrent layers against numbers worked out by hand: σ(0) = 1/2, σ(ln 3) = 3/4, tanh(ln 2) =
// 3/5.
#include <joist/core/kernels.h>
#include <joist/tests/support/reference_backend.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

const double ln2 = std::log(2.0), ln3 = std::log(3.0);

Array array(const Shape& shape, const std::vector<double>& values) {
  return Array::from(values, shape, use_reference());
}

struct Computed {
  Array y, h, c, reserve;
};
Computed run(const RecurrentOptions& options, const RecurrentArguments& arguments) {
  const Shape gates = arguments.gates.shape(), rows = gates.with(2, gates[2] / gates_of(options.cell));
  const auto unset = [](const Shape& shape) { return Array::empty(shape, Dtype::float64, use_reference()); };
  const Computed result{unset(rows), unset(rows.without(0)), unset(rows.without(0)),
                        unset(reserve_shape(options.cell, gates))};
  kernels(use_reference())
      .recurrent.forward(options, arguments,
                         {result.y, result.h, options.cell == Cell::lstm ? result.c : Array(), result.reserve});
  return result;
}

TEST(RecurrentByHand, Lstm) {
  const Computed result = run({.cell = Cell::lstm}, {.gates = array({1, 1, 4}, {0, 0, 0, ln3}),
                                                     .w_hh = array({4, 1}, {ln3, 0, 0, 0}),
                                                     .b_hh = array({4}, {0, 0, ln2, 0}),
                                                     .h0 = array({1, 1}, {1}),
                                                     .c0 = array({1, 1}, {0.4})});
  const double c = 0.5 * 0.4 + 0.75 * 0.6;
  EXPECT_NEAR(result.c.item(), c, 1e-15);
  EXPECT_NEAR(result.y.item(), 0.75 * std::tanh(c), 1e-15);
  EXPECT_EQ(result.h.item(), result.y.item());
  const std::vector<double> kept = result.reserve.to_vector<double>(), wanted{0.75, 0.5, 0.6, 0.75, c};
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(kept[i], wanted[i], 1e-15);
}

// Both conventions reach n = tanh(ln 2) with r = 1/2, h = 0.8: by r (w h + b) and by w (r h) + b.
TEST(RecurrentByHand, Gru) {
  for (const auto& [cell, bias] : {std::pair{Cell::gru, 2 * ln2 - 0.8}, std::pair{Cell::gru_before, ln2 - 0.4}}) {
    const Computed result = run({.cell = cell}, {.gates = array({1, 1, 3}, {0, ln3, 0}),
                                                 .w_hh = array({3, 1}, {0, 0, 1}),
                                                 .b_hh = array({3}, {0, 0, bias}),
                                                 .h0 = array({1, 1}, {0.8})});
    EXPECT_NEAR(result.y.item(), 0.25 * 0.6 + 0.75 * 0.8, 1e-15);
  }
}

TEST(RecurrentByHand, BackwardDirectionStartsAtEachSequencesEnd) {
  const Array lengths = Array::from(std::vector<std::int64_t>{3, 2}, {2}, use_reference());
  const Computed result =
      run({.cell = Cell::relu, .reverse = true},
          {.gates = array({3, 2, 1}, {1, 10, 2, 20, 4, 40}), .w_hh = array({1, 1}, {1}), .lengths = lengths});
  EXPECT_EQ(result.y.to_vector<double>(), (std::vector<double>{7, 30, 6, 20, 4, 0}));
  EXPECT_EQ(result.h.to_vector<double>(), (std::vector<double>{7, 30}));
}

TEST(RecurrentByHand, ForwardDirectionKeepsTheStateOfWhatEnded) {
  const Array lengths = Array::from(std::vector<std::int64_t>{0, 1}, {2}, use_reference());
  const Computed result = run({.cell = Cell::tanh}, {.gates = array({2, 2, 1}, {1, ln2, 2, 20}),
                                                     .w_hh = array({1, 1}, {0}),
                                                     .h0 = array({2, 1}, {-0.5, 0.5}),
                                                     .lengths = lengths});
  EXPECT_NEAR(result.y.to_vector<double>()[1], 0.6, 1e-15);
  EXPECT_EQ(result.y.to_vector<double>()[0], 0);
  EXPECT_EQ(result.y.to_vector<double>()[3], 0);
  EXPECT_EQ(result.h.to_vector<double>()[0], -0.5);
  EXPECT_NEAR(result.h.to_vector<double>()[1], 0.6, 1e-15);
}

}  // namespace
}  // namespace joist
