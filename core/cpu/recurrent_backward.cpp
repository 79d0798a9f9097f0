// Backwards in time, per step gate arithmetic and one product; the weights' gradients by one product over all steps at
// the end.
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/recurrent_walk.h>

namespace joist::recurrent {
namespace {

// [T, B, …] as [T · B, …]
Array flat(const Array& x) { return x.view({x.shape(0) * x.shape(1), x.shape(2)}); }

Array rounded(const Array& x) {
  const Array y = Array::empty(x.shape(), Dtype::bfloat16);
  copy_array(x, {y});
  return y;
}

class Backward {
 public:
  Backward(const RecurrentOptions& options, const RecurrentArguments& a, const RecurrentSaved& saved,
           const RecurrentGradients& gradients, const RecurrentOuts& outs)
      : walk_(options, a, saved.y.shape()),
        y_(dense(saved.y)),
        reserve_(dense(saved.reserve)),
        dy_(dense(gradients.dy)),
        c0_(dense(a.c0)),
        dgates_(outs.dgates, {walk_.steps, walk_.batch, walk_.wide}),
        dh_(state_from(gradients.dh_last, {walk_.batch, walk_.out})) {
    const bool gru = options.cell == Cell::gru, before = options.cell == Cell::gru_before;
    projected_ = a.w_hr.defined();
    half_ = in_half(options, a);
    if (half_) rounded_ = RoundedRows(walk_.steps * walk_.batch, walk_.wide);
    recurrent_ = StepWeights(before ? a.w_hh.sliced(0, 0, 2 * walk_.hidden) : a.w_hh);
    if (before) candidate_ = PackedMatrix(a.w_hh.sliced(0, 2 * walk_.hidden, 3 * walk_.hidden));
    if (projected_) projection_ = PackedMatrix(a.w_hr);
    if (options.cell == Cell::lstm) dc_ = state_from(gradients.dc_last, {walk_.batch, walk_.hidden});
    if (gru) dproducts_ = Array::empty(dgates_.array.shape());
    if (projected_ || before) {
      m_ = Array::empty({walk_.steps, walk_.batch, walk_.hidden});
      dm_ = state_from({}, {walk_.batch, walk_.hidden});
    }
    if (projected_) dprojected_ = Array::empty({walk_.steps, walk_.batch, walk_.out});
    if (gru || before || outs.dw_hh.array.defined()) states_before(dense(a.h0));
    for (std::int64_t s = walk_.steps - 1; s >= 0; --s) step(walk_.time(s));
    write(outs);
  }

 private:
  // [T, B, P]: the state that entered each step.
  void states_before(const Array& h0) {
    before_ = Array::empty(y_.shape());
    parallel_for(walk_.steps * walk_.batch, 1 + 4096 / (1 + walk_.out), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t t = row / walk_.batch, b = row % walk_.batch;
        float* const to = at(before_, row, walk_.out);
        const float* from = nullptr;
        if (walk_.begins(t, b))
          from = h0.defined() ? at(h0, b, walk_.out) : nullptr;
        else if (walk_.active(t, b))
          from = at(y_, row + (walk_.options.reverse ? walk_.batch : -walk_.batch), walk_.out);
        if (from)
          std::copy(from, from + walk_.out, to);
        else
          std::fill(to, to + walk_.out, 0.0F);
      }
    });
  }

  BackwardStep cell_step(std::int64_t t, std::int64_t first, std::int64_t last) const {
    const std::int64_t row = t * walk_.batch;
    const std::int64_t earlier = std::clamp<std::int64_t>(walk_.options.reverse ? t + 1 : t - 1, 0, walk_.steps - 1);
    return {walk_.step(t, first, last),
            projected_ ? nullptr : at(y_, row, walk_.out),
            at(dy_, row, walk_.out),
            at(reserve_, row, walk_.kept),
            at(reserve_, earlier * walk_.batch, walk_.kept),
            numbers(c0_),
            projected_ ? nullptr : at(before_, row, walk_.out),
            projected_ ? dm_.data<float>() : nullptr,
            projected_ ? nullptr : dh_.data<float>(),
            at(dc_, 0, 0),
            at(dgates_.array, row, walk_.wide),
            at(dproducts_, row, walk_.wide),
            at(m_, row, walk_.hidden)};
  }

  void step(std::int64_t t) const {
    const std::int64_t rows = walk_.rows(t), row = t * walk_.batch;
    if (projected_) unproject(t);
    const Array& products = dproducts_.defined() ? dproducts_ : dgates_.array;
    over_columns(walk_.hidden, 32 * rows, [&](auto, auto, auto first, auto last) {
      cell_backward(cell_step(t, first, last));
      for (std::int64_t q = 0; q < walk_.wide; q += walk_.hidden)
        rounded_.take(at(products, row, walk_.wide), walk_.wide, row, walk_.batch, q + first, q + last);
    });
    if (candidate_.panels() > 0)
      over_columns(walk_.hidden, rows * walk_.hidden, [&](auto begin, auto end, auto first, auto last) {
        candidate_.multiply(at(dgates_.array, row, walk_.wide) + 2 * walk_.hidden, walk_.wide, rows, dm_.data<float>(),
                            walk_.hidden, begin, end, false);
        BackwardStep half = cell_step(t, first, last);
        half.dm = dm_.data<float>();
        half.m = nullptr;
        cell_reset_backward(half);
      });
    over_columns(walk_.out, rows * recurrent_.depth(), [&](auto begin, auto end, auto, auto) {
      recurrent_.multiply({at(products, row, walk_.wide), walk_.wide, rounded_.at(row), rounded_.row()}, rows,
                          dh_.data<float>(), walk_.out, begin, end, true);
    });
  }

  // From the gradient of the projected state to that of its operand.
  void unproject(std::int64_t t) const {
    const std::int64_t rows = walk_.rows(t);
    for (std::int64_t b = 0; b < walk_.batch; ++b) {
      float* const to = at(dprojected_, t * walk_.batch + b, walk_.out);
      float* const dh = at(dh_, b, walk_.out);
      const float* const dy = at(dy_, t * walk_.batch + b, walk_.out);
      for (std::int64_t p = 0; p < walk_.out; ++p) {
        to[p] = walk_.active(t, b) ? dh[p] + (dy ? dy[p] : 0.0F) : 0.0F;
        if (walk_.active(t, b)) dh[p] = 0;
      }
    }
    over_columns(walk_.hidden, rows * walk_.out, [&](auto begin, auto end, auto, auto) {
      projection_.multiply(at(dprojected_, t * walk_.batch, walk_.out), walk_.out, rows, dm_.data<float>(),
                           walk_.hidden, begin, end, false);
    });
  }

  // In the order of the inputs: two that are one tensor add up.
  void write(const RecurrentOuts& outs) const {
    const auto& table = half_ ? half_kernels() : cpu_kernels();
    dgates_.finish();
    const Array products = flat(dproducts_.defined() ? dproducts_ : dgates_.array);
    const Array factor = half_ ? rounded_.columns(walk_.wide) : products;
    if (const Out& dw = outs.dw_hh; dw.array.defined()) {
      const auto product = [&](std::int64_t first, std::int64_t last, const Array& operand) {
        table.matmul.product(factor.sliced(1, first, last).transposed(), half_ ? rounded(flat(operand)) : flat(operand),
                             {}, {dw.array.sliced(0, first, last), dw.accumulate});
      };
      const std::int64_t plain = candidate_.panels() > 0 ? 2 * walk_.hidden : walk_.wide;
      product(0, plain, before_);
      if (plain < walk_.wide) product(plain, walk_.wide, m_);
    }
    if (const Out& db = outs.db_hh; db.array.defined())
      table.reduction.sum(products, 1.0, {db.array.inserted(0), db.accumulate});
    if (outs.dw_hr.array.defined()) table.matmul.product(flat(dprojected_).transposed(), flat(m_), {}, outs.dw_hr);
    if (outs.dh0.array.defined()) copy_array(dh_, outs.dh0);
    if (outs.dc0.array.defined()) copy_array(dc_, outs.dc0);
  }

  Walk walk_;
  Array y_, reserve_, dy_, c0_;
  Destination dgates_;
  Array dh_, dc_{}, dm_{}, dproducts_{}, dprojected_{}, m_{}, before_{};
  RoundedRows rounded_{};  // the gradients of the products, for products in bfloat16
  StepWeights recurrent_{};
  PackedMatrix candidate_{}, projection_{};
  bool projected_ = false, half_ = false;
};

}  // namespace

void backward(const RecurrentOptions& options, const RecurrentArguments& arguments, const RecurrentSaved& saved,
              const RecurrentGradients& gradients, const RecurrentOuts& outs) {
  Backward(options, arguments, saved, gradients, outs);
}

}  // namespace joist::recurrent
