// Recurrent layers: per step one product with the recurrent weights and one kernel of gate arithmetic (recurrent.cu);
// the weights' gradients by one product over the whole sequence at the end. The product with the inputs of all steps
// came before (core/ops/recurrent.cpp). States are of y's type, what products read of w_hh's: under autocast another.
#include <joist/core/transfer.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/matmul.h>
#include <joist/cuda/recurrent.h>

#include <algorithm>

namespace joist::cuda {
namespace {

constexpr const char* forward_name = "recurrent";
constexpr const char* backward_name = "recurrent_backward";

/// Sizes and the order of time.
struct Sizes {
  RecurrentOptions options;
  std::int64_t steps, batch, out, wide, hidden;
  Device device;
  Array lengths{};
  Sizes(const RecurrentOptions& given, const RecurrentArguments& a, const Array& y)
      : options(given),
        steps(y.shape(0)),
        batch(y.shape(1)),
        out(y.shape(2)),
        wide(a.w_hh.shape(0)),
        hidden(wide / gates_of(given.cell)),
        device(y.device()) {
    if (a.lengths.defined()) lengths = on_device(a.lengths, device);
  }
  std::int64_t time(std::int64_t s) const { return options.reverse ? steps - 1 - s : s; }
  CellStep step(std::int64_t t) const { return {options, t, steps, lengths}; }
  Array memory(const Shape& shape, Dtype dtype = Dtype::float32) const { return Array::empty(shape, dtype, device); }
  Array part(const Array& rows, std::int64_t first, std::int64_t last) const {
    return rows.sliced(1, first * hidden, last * hidden);
  }
};

Array as(const Array& x, Dtype dtype) {
  if (!x.defined() || x.dtype() == dtype) return x;
  const Array y = Array::empty(x.shape(), dtype, x.device());
  copy_elements(x, {y});
  return y;
}
Array at(const Array& x, std::int64_t t) { return x.defined() ? x.selected(0, t) : x; }
/// A state to begin with, in memory of its own.
Array state_from(const Array& start, const Array& state) {
  if (start.defined())
    copy_elements(start, {state});
  else
    cuda_kernels().elementwise.fill(0, state);
  return state;
}

class Forward {
 public:
  Forward(const RecurrentOptions& options, const RecurrentArguments& a, const RecurrentResults& results)
      : sizes_(options, a, results.y),
        a_(a),
        results_(results),
        bias_(as(a.b_hh, Dtype::float32)),
        w_hh_(gapless(a.w_hh)),
        products_(sizes_.memory({sizes_.batch, sizes_.wide})),
        h_(state_from(a.h0, sizes_.memory({sizes_.batch, sizes_.out}, results.y.dtype()))) {
    const Dtype type = w_hh_.dtype();
    if (type != h_.dtype()) operand_ = as(h_, type);
    if (options.cell == Cell::lstm) c_ = state_from(a.c0, sizes_.memory({sizes_.batch, sizes_.hidden}));
    if (options.cell == Cell::gru_before) m_ = sizes_.memory({sizes_.batch, sizes_.hidden}, type);
    if (a.w_hr.defined()) m_ = sizes_.memory({sizes_.batch, sizes_.hidden}, a.w_hr.dtype());
    for (std::int64_t s = 0; s < sizes_.steps; ++s) step(sizes_.time(s));
    if (results.h_last.defined()) copy_elements(h_, {results.h_last});
    if (results.c_last.defined()) copy_elements(c_, {results.c_last});
  }

 private:
  // products = operand · w_hhᵀ + b_hh, for some of the gates.
  void multiply_gates(const Array& operand, std::int64_t first, std::int64_t last) const {
    multiply(forward_name, operand, w_hh_.sliced(0, first * sizes_.hidden, last * sizes_.hidden).transposed(),
             bias_.defined() ? bias_.sliced(0, first * sizes_.hidden, last * sizes_.hidden) : bias_,
             {sizes_.part(products_, first, last)});
  }
  void step(std::int64_t t) {
    const CellStep step = sizes_.step(t);
    const std::int64_t gates = gates_of(step.options.cell);
    const Array y = at(results_.y, t);
    // Where all sequences are of one length, y is the state.
    const Array next = sizes_.lengths.defined() ? h_ : y;
    CellForward cell{.gates = at(a_.gates, t),
                     .products = products_,
                     .h = h_,
                     .c = c_,
                     .y = y,
                     .state = sizes_.lengths.defined() ? h_ : Array(),
                     .operand = operand_,
                     .reserve = at(results_.reserve, t)};
    const Array& operand = operand_.defined() ? operand_ : h_;
    if (step.options.cell == Cell::gru_before) {
      CellForward reset = cell;
      reset.operand = m_;
      multiply_gates(operand, 0, 2);
      cell_reset(step, reset);
      multiply_gates(m_, 2, 3);
    } else {
      multiply_gates(operand, 0, gates);
    }
    if (a_.w_hr.defined()) {
      cell.y = cell.state = Array();
      cell.operand = m_;
      cell_forward(step, cell);
      const Array projected = sizes_.lengths.defined() ? sizes_.memory(y.shape()) : y;
      multiply(forward_name, m_, a_.w_hr.transposed(), {}, {projected});
      if (sizes_.lengths.defined()) project(step, projected, y, h_);
      if (operand_.defined()) copy_elements(next, {operand_});
    } else {
      cell_forward(step, cell);
    }
    h_ = next;
  }

  Sizes sizes_;
  const RecurrentArguments& a_;
  const RecurrentResults& results_;
  Array bias_, w_hh_, products_, h_, operand_{}, c_{}, m_{};  // operand_: h_ as w_hh's type
};

void forward(const RecurrentOptions& options, const RecurrentArguments& arguments, const RecurrentResults& results) {
  if (results.y.elements() > 0) Forward(options, arguments, results);
}

/// [T, B, …] as [T · B, …]
Array flat(const Array& x) { return x.view({x.shape(0) * x.shape(1), x.shape(2)}); }

class Backward {
 public:
  Backward(const RecurrentOptions& options, const RecurrentArguments& a, const RecurrentSaved& saved,
           const RecurrentGradients& gradients, const RecurrentOuts& outs)
      : sizes_(options, a, saved.y),
        a_(a),
        saved_(saved),
        dy_(gradients.dy),
        outs_(outs),
        w_hh_(gapless(a.w_hh)),
        dh_(state_from(gradients.dh_last, sizes_.memory({sizes_.batch, sizes_.out}))) {
    const bool before = options.cell == Cell::gru_before;
    const Dtype type = w_hh_.dtype();
    const Shape all{sizes_.steps, sizes_.batch, sizes_.hidden};
    // Only for gru do the gates' two summands have different gradients.
    shared_ = options.cell != Cell::gru && outs.dgates.array.defined() && !outs.dgates.accumulate &&
              outs.dgates.array.is_row_major();
    dproducts_ = shared_ ? outs.dgates.array : sizes_.memory(all.with(2, sizes_.wide), saved.y.dtype());
    factor_ = dproducts_.dtype() == type ? dproducts_ : sizes_.memory(dproducts_.shape(), type);
    if (options.cell == Cell::lstm) dc_ = state_from(gradients.dc_last, sizes_.memory(all.without(0)));
    if (before || a.w_hr.defined()) {
      dm_ = sizes_.memory(all.without(0));
      m_ = sizes_.memory(all, before ? type : a.w_hr.dtype());
    }
    if (a.w_hr.defined()) dprojected_ = sizes_.memory(saved.y.shape(), a.w_hr.dtype());
    for (std::int64_t s = sizes_.steps - 1; s >= 0; --s) step(sizes_.time(s));
    write();
  }

 private:
  void step(std::int64_t t) const {
    const CellStep step = sizes_.step(t);
    const bool projected = a_.w_hr.defined(), before = step.options.cell == Cell::gru_before;
    const std::int64_t earlier = std::clamp<std::int64_t>(step.options.reverse ? t + 1 : t - 1, 0, sizes_.steps - 1);
    CellBackward cell{.y = projected ? Array() : at(saved_.y, t),
                      .dy = projected ? Array() : at(dy_, t),
                      .reserve = at(saved_.reserve, t),
                      .earlier_y = projected ? Array() : at(saved_.y, earlier),
                      .earlier_reserve = at(saved_.reserve, earlier),
                      .h0 = projected ? Array() : a_.h0,
                      .c0 = a_.c0,
                      .dh = dh_,
                      .dc = dc_,
                      .dgates = {at(outs_.dgates.array, t), outs_.dgates.accumulate},
                      .dproducts = shared_ ? Array() : at(dproducts_, t),
                      .factor = factor_.raw() == dproducts_.raw() ? Array() : at(factor_, t),
                      .m = at(m_, t)};
    if (projected) {
      take_gradient(step, at(dy_, t), dh_, at(dprojected_, t));
      multiply(backward_name, at(dprojected_, t), a_.w_hr, {}, {dm_});
      cell.dm = dm_;
    }
    cell_backward(step, cell);
    const Array factor = at(factor_, t);
    const std::int64_t plain = before ? 2 : gates_of(step.options.cell);
    if (before) {
      multiply(backward_name, sizes_.part(factor, 2, 3), w_hh_.sliced(0, 2 * sizes_.hidden, 3 * sizes_.hidden), {},
               {dm_});
      cell.dm = dm_;
      cell_reset_backward(step, cell);
    }
    multiply(backward_name, sizes_.part(factor, 0, plain), w_hh_.sliced(0, 0, plain * sizes_.hidden), {}, {dh_, true});
  }

  // In the order of the inputs: two that are one tensor add up.
  void write() const {
    if (const Out& dw = outs_.dw_hh; dw.array.defined()) {
      const Array before = sizes_.memory(saved_.y.shape(), w_hh_.dtype());
      states_before(sizes_.step(0), saved_.y, a_.h0, before);
      const auto product = [&](std::int64_t first, std::int64_t last, const Array& operand) {
        multiply(backward_name, sizes_.part(flat(factor_), first, last).transposed(), flat(operand), {},
                 {dw.array.sliced(0, first * sizes_.hidden, last * sizes_.hidden), dw.accumulate});
      };
      const std::int64_t plain = sizes_.options.cell == Cell::gru_before ? 2 : gates_of(sizes_.options.cell);
      product(0, plain, before);
      if (plain < gates_of(sizes_.options.cell)) product(plain, plain + 1, m_);
    }
    if (const Out& db = outs_.db_hh; db.array.defined())
      cuda_kernels().reduction.sum(flat(dproducts_), 1.0, {db.array.inserted(0), db.accumulate});
    if (outs_.dw_hr.array.defined()) multiply(backward_name, flat(dprojected_).transposed(), flat(m_), {}, outs_.dw_hr);
    if (outs_.dh0.array.defined()) copy_elements(dh_, outs_.dh0);
    if (outs_.dc0.array.defined()) copy_elements(dc_, outs_.dc0);
  }

  Sizes sizes_;
  const RecurrentArguments& a_;
  const RecurrentSaved& saved_;
  Array dy_;
  const RecurrentOuts& outs_;
  Array w_hh_, dh_, dc_{}, dm_{}, dproducts_{}, factor_{}, m_{}, dprojected_{};
  bool shared_ = false;  // dproducts_ are the gates' gradients themselves
};

void backward(const RecurrentOptions& options, const RecurrentArguments& arguments, const RecurrentSaved& saved,
              const RecurrentGradients& gradients, const RecurrentOuts& outs) {
  Backward(options, arguments, saved, gradients, outs);
}

}  // namespace

void fill_recurrent(Kernels& table) {
  table.recurrent.forward = forward;
  table.recurrent.backward = backward;
}

}  // namespace joist::cuda
