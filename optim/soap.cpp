#include <joist/core/gradient.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/optim/soap.h>
#include <joist/optim/vectors.h>

#include <cmath>

namespace joist {
namespace {

// Row-major, as memory of an array that was made so.
void interpolate(const Tensor& towards, double weight, const Array& y) {
  const Shape flat{y.elements()};
  kernels(y).optimizer.interpolate(contiguous(towards).value().view(flat), weight, y.view(flat));
}

Tensor turned(const Tensor& x) { return transpose(x, 0, 1); }

// Into the eigenbasis, and back.
Tensor projected(Tensor x, const Array& rows, const Array& columns) {
  if (rows.defined()) x = matmul(turned(Tensor(rows)), x);
  return columns.defined() ? matmul(x, Tensor(columns)) : x;
}
Tensor projected_back(Tensor x, const Array& rows, const Array& columns) {
  if (rows.defined()) x = matmul(Tensor(rows), x);
  return columns.defined() ? matmul(x, turned(Tensor(columns))) : x;
}

}  // namespace

OptionTable SoapOptions::table() {
  return {{"lr", lr, not_negative},
          {"beta1", beta1, below_one},
          {"beta2", beta2, below_one},
          {"shampoo_beta", shampoo_beta, below_one},
          {"eps", eps, not_negative},
          {"weight_decay", weight_decay, not_negative},
          {"precondition_frequency", precondition_frequency, {.low = 1}},
          {"max_precondition_dim", max_precondition_dim, not_negative},
          {"correct_bias", correct_bias},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

Soap::Soap(FlatParameters& parameters, const SoapOptions& options, GroupOptions<SoapOptions> own)
    : Groupwise(parameters, options, std::move(own)),
      first_moment_(add_buffer("first_moment")),
      second_moment_(add_buffer("second_moment")) {
  for (std::size_t group = 0; group < groups().size(); ++group)
    for (const FlatParameters::Slice& slice : slices_of(parameters, group)) {
      Memory memory{.m = slice.elements};
      const std::int64_t longest = options_of(group).max_precondition_dim;
      if (slice.tensor.rank() > 1 && slice.elements > 0) {
        memory.m = slice.tensor.shape(0);
        memory.n = slice.elements / memory.m;
        const auto side = [&](std::int64_t length, const std::string& name) {
          if (length > longest) return Side{};
          return Side{add_array(name + "_outer", slice, {length, length}),
                      add_array(name + "_basis", slice, {length, length})};
        };
        memory.rows = side(memory.m, "row");
        memory.columns = side(memory.n, "column");
      }
      memory_.push_back(memory);
    }
}

void Soap::update(std::size_t group, const SoapOptions& o) {
  const NoGradient quiet;
  const FlatParameters::Slice* first = parameters().slices().data();
  for (const FlatParameters::Slice& slice : slices_of(parameters(), group)) {
    const Memory& memory = memory_[static_cast<std::size_t>(&slice - first)];
    Tensor gradient = reshape(Tensor(parameters().part(parameters().gradients(), slice)), {memory.m, memory.n});
    if (o.maximize) gradient = -gradient;
    if (steps() > 1) move(slice, memory, gradient, o);
    look(slice, memory, gradient, o);
  }
}

// The moments lie row-major in their slices, whatever the parameter's order.
void Soap::move(const FlatParameters::Slice& slice, const Memory& memory, const Tensor& gradient,
                const SoapOptions& o) {
  const auto t = static_cast<double>(steps() - 1);
  const Shape shape{memory.m, memory.n};
  const Array mean = vector_of(first_moment_, slice).view(shape),
              square_mean = vector_of(second_moment_, slice).view(shape);
  const Array &rows = memory.rows.basis, &columns = memory.columns.basis;
  interpolate(gradient, 1 - o.beta1, mean);
  interpolate(square(projected(gradient, rows, columns)), 1 - o.beta2, square_mean);
  const Tensor direction = projected(Tensor(mean), rows, columns) / (sqrt(Tensor(square_mean)) + o.eps);
  const Tensor step = reshape(projected_back(direction, rows, columns), slice.tensor.shape());
  const double correction = o.correct_bias ? std::sqrt(1 - std::pow(o.beta2, t)) / (1 - std::pow(o.beta1, t)) : 1;
  const Array values = parameters().part(parameters().values(), slice);
  add(-o.lr * correction, step.value(), values);
  if (o.weight_decay != 0) scale(1 - o.lr * o.weight_decay, values, values);
}

void Soap::look(const FlatParameters::Slice& slice, const Memory& memory, const Tensor& gradient,
                const SoapOptions& o) {
  const double weight = 1 - (o.shampoo_beta > 0 ? o.shampoo_beta : o.beta2);
  const Side &rows = memory.rows, &columns = memory.columns;
  if (rows.outer.defined()) interpolate(matmul(gradient, turned(gradient)), weight, rows.outer);
  if (columns.outer.defined()) interpolate(matmul(turned(gradient), gradient), weight, columns.outer);
  if (steps() == 1) {
    for (const Side& side : {rows, columns})
      if (side.outer.defined()) assign(flip(eigh(Tensor(side.outer)).vectors, {1}).value(), side.basis);
    return;
  }
  if ((steps() - 1) % o.precondition_frequency != 0) return;
  // One step of orthogonal iteration from the old basis, sorted by what it finds; the second moment is sorted along.
  int axis = 0;
  for (const Side& side : {rows, columns}) {
    if (side.outer.defined()) {
      const Tensor basis(side.basis), product = matmul(Tensor(side.outer), basis);
      const Tensor order = argsort(sum(basis * product, 0), -1, true);
      assign(qr(index_select(product, 1, order)).q.value(), side.basis);
      const Array moments = vector_of(second_moment_, slice).view({memory.m, memory.n});
      assign(index_select(Tensor(copy_of(moments)), axis, order).value(), moments);
    }
    ++axis;
  }
}

}  // namespace joist
