// One pass over the flat buffer per step: every parameter of a model at once.
#include <joist/cuda/coefficients.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/pack.h>
#include <joist/cuda/reduce.h>

#include <algorithm>

namespace joist::cuda {
namespace {

template <class Rule>
struct StepNumbers {
  Rule rule;
  double gradient, weight_decay, shrink;
};

// The coefficients are read once per thread. Four elements are read before the first is needed, so that memory is kept
// busy; `Numbers`: Typed<float>, as parameters usually are, or Floats.
template <class Rule, class Numbers>
struct StepBy {
  static constexpr int at_once = 4;
  Coefficients<StepNumbers<Rule>> coefficients;
  Numbers parameters, gradients, remembered[3];
  std::int64_t count;
  JOIST_DEVICE void operator()(Block& block) const {
    if (!coefficients.are_wanted()) return;
    const StepNumbers<Rule> now = coefficients.now();
    const auto factor = static_cast<float>(now.gradient), decay = static_cast<float>(now.weight_decay),
               shrink = static_cast<float>(now.shrink);
    const std::int64_t step = block.count() * block.threads();
    for (std::int64_t first = block.index() * block.threads() + block.thread(); first < count;
         first += at_once * step) {
      float p[at_once], g[at_once], s[at_once][3];
      JOIST_UNROLL for (int u = 0; u < at_once; ++u) {
        const std::int64_t i = first + u * step;
        const bool there = i < count;
        p[u] = there ? parameters[i] : 0.0F;
        g[u] = there ? gradients[i] : 0.0F;
        JOIST_UNROLL for (int k = 0; k < 3; ++k) {
          s[u][k] = there && remembered[k].defined() ? remembered[k][i] : 0.0F;
        }
      }
      JOIST_UNROLL for (int u = 0; u < at_once; ++u) {
        const std::int64_t i = first + u * step;
        if (i >= count) break;
        parameters.set(i, scalar::updated(now.rule, p[u] * shrink, factor * g[u] + decay * p[u], s[u]));
        JOIST_UNROLL for (int k = 0; k < 3; ++k) {
          if (remembered[k].defined()) remembered[k].set(i, s[u][k]);
        }
      }
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
        const auto by = [&]<class Numbers>(Numbers) {
          launch_passes("step", StepBy<Rule, Numbers>{Coefficients(numbers, parameter),
                                                      Numbers(parameter),
                                                      Numbers(gradient),
                                                      {Numbers(memory[0]), Numbers(memory[1]), Numbers(memory[2])},
                                                      parameter.elements()});
        };
        const auto is_float = [](const Array& x) { return !x.defined() || x.dtype() == Dtype::float32; };
        if (is_float(parameter) && is_float(gradient) && std::all_of(memory.begin(), memory.end(), is_float))
          by(Typed<float>());
        else
          by(Floats());
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
