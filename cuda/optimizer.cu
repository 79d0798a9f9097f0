// One pass over the flat buffer per step: every parameter of a model at once.
#include <joist/cuda/coefficients.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/reduce.h>

namespace joist::cuda {
namespace {

struct Memory {
  Floats at[3];
  explicit Memory(const StepMemory& memory) : at{Floats(memory[0]), Floats(memory[1]), Floats(memory[2])} {}
};

template <class Rule>
struct StepNumbers {
  Rule rule;
  double gradient, weight_decay, shrink;
};

// The coefficients are read once per thread.
template <class Rule>
struct StepBy {
  Coefficients<StepNumbers<Rule>> coefficients;
  Floats parameters, gradients;
  Memory remembered;
  std::int64_t count;
  JOIST_DEVICE void operator()(Block& block) const {
    if (!coefficients.are_wanted()) return;
    const StepNumbers<Rule> now = coefficients.now();
    const auto factor = static_cast<float>(now.gradient), decay = static_cast<float>(now.weight_decay),
               shrink = static_cast<float>(now.shrink);
    const std::int64_t step = block.count() * block.threads();
    for (std::int64_t i = block.index() * block.threads() + block.thread(); i < count; i += step) {
      const float p = parameters[i], g = factor * gradients[i] + decay * p;
      float s[3] = {0, 0, 0};
      for (int k = 0; k < 3; ++k)
        if (remembered.at[k].defined()) s[k] = remembered.at[k][i];
      parameters.set(i, scalar::updated(now.rule, p * shrink, g, s));
      for (int k = 0; k < 3; ++k)
        if (remembered.at[k].defined()) remembered.at[k].set(i, s[k]);
    }
  }
};

template <class Body>
void launch_passes(const char* name, const Body& body) {
  if (body.count > 0 && !body.coefficients.were_recorded())
    launch(name, {.blocks = blocks_for(body.count), .independent = true}, body);
}

void step(const OptimizerStep& step, const Array& parameter, const Array& gradient, const StepMemory& memory) {
  std::visit(
      [&]<class Rule>(const Rule& rule) {
        const StepNumbers<Rule> numbers{rule, step.gradient, step.weight_decay, step.shrink};
        launch_passes("step", StepBy<Rule>{Coefficients(numbers, parameter), Floats(parameter), Floats(gradient),
                                           Memory(memory), parameter.elements()});
      },
      step.rule);
}

struct Interpolate {
  Coefficients<double> coefficients;  // the weight
  Floats from, to;
  std::int64_t count;
  JOIST_DEVICE void operator()(Block& block) const {
    if (!coefficients.are_wanted()) return;
    const auto part = static_cast<float>(coefficients.now());
    const std::int64_t step = block.count() * block.threads();
    for (std::int64_t i = block.index() * block.threads() + block.thread(); i < count; i += step)
      to.set(i, to[i] + part * (from[i] - to[i]));
  }
};
void interpolate(const Array& x, double weight, const Array& y) {
  launch_passes("interpolate", Interpolate{Coefficients(weight, y), Floats(x), Floats(y), y.elements()});
}

// Two launches: a partial sum per block, then one block adds these. The order depends only on the length.
struct ProductPartials {
  Floats x, y;
  std::int64_t count;
  Typed<double> partial;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<double>(32);
    double own = 0;
    const std::int64_t step = block.count() * block.threads();
    for (std::int64_t i = block.index() * block.threads() + block.thread(); i < count; i += step)
      own += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    const double total = sum(block, room, own);
    if (block.thread() == 0) partial.set(block.index(), total);
  }
};
struct PartialsSum {
  Typed<double> partial;
  std::int64_t count;
  Typed<double> total;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<double>(32);
    double own = 0;
    for (std::int64_t i = block.thread(); i < count; i += block.threads()) own += partial[i];
    const double all = sum(block, room, own);
    if (block.thread() == 0) total.set(0, all);
  }
};
void product_sum(const Array& x, const Array& y, const Array& total) {
  const std::int64_t blocks = std::min<std::int64_t>(blocks_for(x.elements()), 512);
  const Array partial = Array::empty({blocks}, Dtype::float64, x.device());
  launch("product_sum", {.blocks = blocks, .shared_bytes = fold_bytes<double>},
         ProductPartials{Floats(x), Floats(y), x.elements(), Typed<double>(partial)});
  launch("product_sum", {.shared_bytes = fold_bytes<double>},
         PartialsSum{Typed<double>(partial), blocks, Typed<double>(total)});
}
void square_sum(const Array& x, const Array& total) { product_sum(x, x, total); }

}  // namespace

void fill_optimizer(Kernels& table) {
  table.optimizer.step = step;
  table.optimizer.interpolate = interpolate;
  table.optimizer.square_sum = square_sum;
  table.optimizer.product_sum = product_sum;
}

}  // namespace joist::cuda
