#include <joist/cuda/elements.h>
#include <joist/cuda/functions.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/verdict.h>

#include <cmath>
#include <limits>

namespace joist::cuda {
namespace {

JOIST_DEVICE bool is_finite(double x) { return std::fabs(x) <= std::numeric_limits<double>::max(); }

// Mostly there is nothing to do, which is read once per thread.
struct Scale {
  Floats gradients;
  std::int64_t count;
  Typed<double> verdict;
  JOIST_DEVICE void operator()(Block& block) const {
    const Affine scale{.scale = verdict[verdict_scale]};
    if (scale.scale == 0) return;
    const std::int64_t step = block.count() * block.threads();
    for (std::int64_t i = block.index() * block.threads() + block.thread(); i < count; i += step)
      gradients.set(i, scalar::value(scale, gradients[i]));
  }
};

}  // namespace

// Root and quotient of doubles are rounded alike by GPUs and processors.
void clip_by_norm(const Array& gradients, double limit, const Array& loss, const Array& verdict) {
  const Array squares = Array::empty({1}, Dtype::float64, gradients.device());
  kernels(gradients).optimizer.square_sum(gradients, squares);
  const Typed<double> total(squares), to(verdict);
  const Elements from(loss);
  each("judge", 1, [=] JOIST_DEVICE(std::int64_t) {
    const double value = from.get<double>(0), norm = std::sqrt(total[0]);
    const bool taken = is_finite(value) && is_finite(norm);
    to.set(verdict_loss, value);
    to.set(verdict_norm, norm);
    to.set(verdict_taken, taken ? 1.0 : 0.0);
    to.set(verdict_scale, taken && norm > limit ? limit / (norm + 1e-6) : 0.0);
  });
  launch("scale_gradients", {.blocks = blocks_for(gradients.elements()), .independent = true},
         Scale{Floats(gradients), gradients.elements(), to});
}

}  // namespace joist::cuda
