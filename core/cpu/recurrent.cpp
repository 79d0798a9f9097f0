// Per step one product with the packed recurrent weights and one pass of gate arithmetic, each thread for its own
// hidden units.
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/recurrent_walk.h>

namespace joist {
namespace recurrent {
namespace {

// The rows of w that belong to one gate, as a matrix [P, H] to multiply states with.
StepWeights gate(const Array& w_hh, std::int64_t q, std::int64_t hidden) {
  return StepWeights(w_hh.sliced(0, q * hidden, (q + 1) * hidden).transposed());
}

class Forward {
 public:
  Forward(const RecurrentOptions& options, const RecurrentArguments& a, const RecurrentResults& results)
      : walk_(options, a, results.y.shape()),
        gates_(dense(a.gates)),
        bias_(state_from(a.b_hh, {walk_.wide})),
        y_({results.y}, results.y.shape()),
        reserve_({results.reserve}, results.reserve.defined() ? results.reserve.shape() : Shape{0}),
        wants_reserve_(results.reserve.defined()),
        h_(state_from(a.h0, {walk_.batch, walk_.out})),
        next_(Array::empty({walk_.batch, walk_.out})),
        products_(Array::empty({walk_.batch, walk_.wide})) {
    for (std::int64_t q = 0; q < gates_of(options.cell); ++q) packed_.push_back(gate(a.w_hh, q, walk_.hidden));
    if (options.cell == Cell::lstm) c_ = state_from(a.c0, {walk_.batch, walk_.hidden});
    if (in_half(options, a)) {
      rounded_ = RoundedRows(walk_.batch, walk_.out);
      rounded_next_ = RoundedRows(walk_.batch, walk_.out);
      rounded_.take(h_.data<float>(), walk_.out, 0, walk_.batch, 0, walk_.out);
    }
    const bool projected = a.w_hr.defined();
    if (projected) projection_ = PackedMatrix(a.w_hr.transposed());
    if (projected || options.cell == Cell::gru_before) operand_ = state_from({}, {walk_.batch, walk_.hidden});
    for (std::int64_t s = 0; s < walk_.steps; ++s) {
      const std::int64_t t = walk_.time(s);
      if (projected) {
        plain_step(t, operand_);
        project(t);
      } else if (options.cell == Cell::gru_before) {
        reset_step(t);
      } else {
        plain_step(t, next_);
      }
      std::swap(h_, next_);
      std::swap(rounded_, rounded_next_);
    }
    y_.finish();
    if (wants_reserve_) reserve_.finish();
    if (results.h_last.defined()) copy_array(h_, {results.h_last});
    if (results.c_last.defined()) copy_array(c_, {results.c_last});
  }

 private:
  void multiply(std::size_t q, const Array& a, std::int64_t t, std::int64_t begin, std::int64_t end) const {
    const StepWeights& weights = packed_[q];
    weights.multiply({a.data<float>(), weights.depth(), rounded_.at(0), rounded_.row()}, walk_.rows(t),
                     products_.data<float>() + static_cast<std::int64_t>(q) * walk_.hidden, walk_.wide, begin, end,
                     false);
  }
  ForwardStep step(std::int64_t t, std::int64_t first, std::int64_t last, const Array& next) const {
    const std::int64_t row = t * walk_.batch;
    const bool projected = walk_.options.cell == Cell::lstm && operand_.defined();
    return {walk_.step(t, first, last),
            at(gates_, row, walk_.wide),
            products_.data<float>(),
            bias_.data<float>(),
            projected ? nullptr : h_.data<float>(),
            next.data<float>(),
            c_.defined() ? c_.data<float>() : nullptr,
            projected ? nullptr : at(y_.array, row, walk_.out),
            wants_reserve_ ? at(reserve_.array, row, walk_.kept) : nullptr};
  }
  std::int64_t work(std::int64_t t) const { return walk_.rows(t) * walk_.out * gates_of(walk_.options.cell); }

  void plain_step(std::int64_t t, const Array& next) const {
    over_columns(walk_.hidden, work(t), [&](auto begin, auto end, auto first, auto last) {
      for (std::size_t q = 0; q < packed_.size(); ++q) multiply(q, h_, t, begin, end);
      cell_forward(step(t, first, last, next));
      rounded_next_.take(next.data<float>(), walk_.out, 0, walk_.batch, first, last);
    });
  }
  void reset_step(std::int64_t t) const {
    over_columns(walk_.hidden, work(t), [&](auto begin, auto end, auto first, auto last) {
      for (std::size_t q = 0; q < 2; ++q) multiply(q, h_, t, begin, end);
      ForwardStep half = step(t, first, last, operand_);
      half.y = nullptr;
      cell_reset(half);
    });
    over_columns(walk_.hidden, work(t), [&](auto begin, auto end, auto first, auto last) {
      multiply(2, operand_, t, begin, end);
      cell_forward(step(t, first, last, next_));
    });
  }
  // From the LSTM's own output to the projected one.
  void project(std::int64_t t) const {
    over_columns(walk_.out, walk_.rows(t) * walk_.hidden, [&](auto begin, auto end, auto first, auto last) {
      projection_.multiply(operand_.data<float>(), walk_.hidden, walk_.rows(t), next_.data<float>(), walk_.out, begin,
                           end, false);
      for (std::int64_t b = 0; b < walk_.batch; ++b) {
        float* const next = at(next_, b, walk_.out);
        float* const y = at(y_.array, t * walk_.batch + b, walk_.out);
        const bool active = walk_.active(t, b);
        if (!active) std::copy(at(h_, b, walk_.out) + first, at(h_, b, walk_.out) + last, next + first);
        for (std::int64_t p = first; p < last; ++p) y[p] = active ? next[p] : 0.0F;
      }
    });
  }

  Walk walk_;
  Array gates_, bias_;
  Destination y_, reserve_;
  bool wants_reserve_;
  Array h_, next_, c_{}, operand_{}, products_;
  RoundedRows rounded_{}, rounded_next_{};  // h_ and next_ for products in bfloat16
  std::vector<StepWeights> packed_{};
  PackedMatrix projection_{};
};

void forward(const RecurrentOptions& options, const RecurrentArguments& arguments, const RecurrentResults& results) {
  Forward(options, arguments, results);
}

}  // namespace
}  // namespace recurrent

void fill_recurrent(Kernels& table) {
  table.recurrent.forward = recurrent::forward;
  table.recurrent.backward = recurrent::backward;
}

}  // namespace joist
