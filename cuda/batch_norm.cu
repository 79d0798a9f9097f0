// A block per channel; where channels lie innermost, blocks share the pictures (batch_norm_inside.cu). The usual
// activations are part of the same pass; any other takes one more.
#include <joist/cuda/batch_norm.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>

namespace joist::cuda {
namespace {

/// The elements of one channel in several arrays [batch, channel, …].
template <int operands>
struct Channels {
  Walk<operands> walk;
  std::int64_t count = 0;
  std::int64_t step[operands] = {};
  explicit Channels(const std::array<const Array*, operands>& arrays)
      : walk(arrays[0]->shape().with(1, 1), arrays), count(arrays[0]->shape(1)) {
    for (int k = 0; k < operands; ++k) step[k] = arrays[static_cast<std::size_t>(k)]->strides()[1];
  }
  Grid grid() const {
    return {.blocks = std::min(count, most_blocks),
            .threads = walk.count() > 128 ? threads_per_block : 32,
            .shared_bytes = fold_bytes<float>};
  }
};

struct Train {
  Channels<2> channels;
  Floats x;
  VectorOrNumber gamma, beta;
  VectorOrNumber running_mean, running_variance, mean, inverse;
  Result y;
  float epsilon, momentum;
  Activation activation;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    const float n = static_cast<float>(channels.walk.count());
    for (std::int64_t c = block.index(); c < channels.count; c += block.count()) {
      const std::int64_t from = c * channels.step[0], to = c * channels.step[1];
      Total own;
      for (std::int64_t i = block.thread(); i < channels.walk.count(); i += block.threads())
        own.add(x[channels.walk(i).at[0] + from]);
      const float center = sum(block, room, own.value()) / n;
      Total squares;
      for (std::int64_t i = block.thread(); i < channels.walk.count(); i += block.threads()) {
        const float d = x[channels.walk(i).at[0] + from] - center;
        squares.add(d * d);
      }
      const float square_sum = sum(block, room, squares.value());
      const float scale = 1 / std::sqrt(square_sum / n + epsilon);
      if (block.thread() == 0) {
        mean.set(c, center);
        inverse.set(c, scale);
        if (running_mean.vector.defined()) {
          const float unbiased = square_sum / (n > 1 ? n - 1 : 1.0F);
          running_mean.set(c, (1 - momentum) * running_mean[c] + momentum * center);
          running_variance.set(c, (1 - momentum) * running_variance[c] + momentum * unbiased);
        }
      }
      if (!y.defined()) continue;  // the statistics alone are wanted
      for (std::int64_t i = block.thread(); i < channels.walk.count(); i += block.threads()) {
        const auto places = channels.walk(i);
        y.put(places.at[1] + to, activation.value(gamma[c] * (x[places.at[0] + from] - center) * scale + beta[c]));
      }
    }
  }
};

// y = activation(γ (x - mean) inverse + β)
void normalize(const Array& x, const Normalization& layer, const Out& out) {
  if (x.elements() > 0 && channels_in_vectors({&x, &out.array})) return normalize_by_vectors(x, layer, out);
  const Array &gamma = layer.gamma, &beta = layer.beta, &mean = layer.mean, &deviation = layer.deviation;
  const auto wide = [&](const Array& vector) {
    if (!vector.defined()) return x;  // a place for nothing
    Strides strides = Shape::filled(x.rank(), 0);
    strides[1] = vector.strides()[0];
    return vector.strided(x.shape(), strides);
  };
  std::array<Array, 6> arrays{x, wide(mean), wide(deviation), wide(gamma), wide(beta), out.array};
  if (channels_inside(x))
    for (Array& array : arrays) array = channels_behind(array);
  const Walk<6> walk(arrays[0].shape(), {&arrays[0], &arrays[1], &arrays[2], &arrays[3], &arrays[4], &arrays[5]});
  const Floats from(x), center(mean), spread(deviation), factor(gamma), shift(beta);
  const Result to(out);
  const auto small = static_cast<float>(layer.epsilon);
  const bool variance = layer.variance;
  const Activation activation = layer.activation;
  each("batch_norm_evaluate", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto p = walk(i);
    const float s = spread[p.at[2]], scale = variance ? 1 / std::sqrt(s + small) : s;
    const float z = (factor.defined() ? factor[p.at[3]] : 1.0F) * (from[p.at[0]] - center[p.at[1]]) * scale +
                    (shift.defined() ? shift[p.at[4]] : 0.0F);
    to.put(p.at[5], activation.value(z));
  });
}

void train(const Array& x, const Array& gamma, const Array& beta, const BatchNormOptions& options,
           const Array& running_mean, const Array& running_variance, const Out& y, const Array& mean,
           const Array& inverse_deviation) {
  const auto activation = Activation::of(options.activation);
  const bool writes = y.array.defined();
  const Array plain = activation || !writes ? y.array : Array::like(y.array);
  if (channels_inside(x) && x.elements() > 0) {
    batch_statistics_inside(x, options, running_mean, running_variance, mean, inverse_deviation);
    if (!writes) return;
    normalize(x,
              {.gamma = gamma,
               .beta = beta,
               .mean = mean,
               .deviation = inverse_deviation,
               .activation = activation.value_or(Activation{})},
              activation ? y : Out{plain});
    if (!activation) cuda_kernels().elementwise.unary(options.activation, plain, y);
    return;
  }
  const Channels<2> channels({&x, writes ? &plain : &x});
  launch("batch_norm", channels.grid(),
         Train{channels, Floats(x), VectorOrNumber(gamma, 1), VectorOrNumber(beta, 0), VectorOrNumber(running_mean, 0),
               VectorOrNumber(running_variance, 0), VectorOrNumber(mean, 0), VectorOrNumber(inverse_deviation, 0),
               activation ? Result(y) : Result(Out{plain}), static_cast<float>(options.epsilon),
               static_cast<float>(options.momentum), activation.value_or(Activation{})});
  if (!activation && writes) cuda_kernels().elementwise.unary(options.activation, plain, y);
}

void evaluate(const Array& x, const Array& gamma, const Array& beta, const BatchNormOptions& options, const Array& mean,
              const Array& variance, const Out& y) {
  const auto activation = Activation::of(options.activation);
  const Array plain = activation ? y.array : Array::like(y.array);
  normalize(x, {gamma, beta, mean, variance, true, options.epsilon, activation.value_or(Activation{})},
            activation ? y : Out{plain});
  if (!activation) cuda_kernels().elementwise.unary(options.activation, plain, y);
}

struct Backward {
  Channels<3> channels;  // x, dy, dx
  Floats x, dy;
  VectorOrNumber gamma, beta, mean, inverse;
  Result dx, dgamma, dbeta;
  std::int64_t dgamma_step, dbeta_step;
  Activation activation;
  bool fixed_statistics;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    const float n = static_cast<float>(channels.walk.count());
    for (std::int64_t c = block.index(); c < channels.count; c += block.count()) {
      const std::int64_t from = c * channels.step[0], slopes = c * channels.step[1], to = c * channels.step[2];
      const float center = mean[c], scale = inverse[c], factor = gamma[c], shift = beta[c];
      Total own_gamma, own_beta;
      for (std::int64_t i = block.thread(); i < channels.walk.count(); i += block.threads()) {
        const auto places = channels.walk(i);
        const float normalized = (x[places.at[0] + from] - center) * scale;
        const float dz = dy[places.at[1] + slopes] * activation.slope(factor * normalized + shift);
        own_beta.add(dz);
        own_gamma.add(dz * normalized);
      }
      const float gamma_total = sum(block, room, own_gamma.value()), beta_total = sum(block, room, own_beta.value());
      if (block.thread() == 0) {
        if (dgamma.defined()) dgamma.put(c * dgamma_step, gamma_total);
        if (dbeta.defined()) dbeta.put(c * dbeta_step, beta_total);
      }
      if (!dx.defined()) continue;
      for (std::int64_t i = block.thread(); i < channels.walk.count(); i += block.threads()) {
        const auto places = channels.walk(i);
        const float normalized = (x[places.at[0] + from] - center) * scale;
        const float dz = dy[places.at[1] + slopes] * activation.slope(factor * normalized + shift);
        const float through = fixed_statistics ? 0.0F : (beta_total + normalized * gamma_total) / n;
        dx.put(places.at[2] + to, factor * scale * (dz - through));
      }
    }
  }
};

void backward(const Array& x, const Array& dy, const Array& gamma, const Array& beta, const Array& mean,
              const Array& inverse_deviation, const BatchNormOptions& options, bool fixed_statistics, const Out& dx,
              const Out& dgamma, const Out& dbeta) {
  auto activation = Activation::of(options.activation);
  Array slopes = dy;
  if (!activation) {
    const Array z = Array::like(x);
    normalize(x, {.gamma = gamma, .beta = beta, .mean = mean, .deviation = inverse_deviation}, {z});
    slopes = Array::like(dy);
    cuda_kernels().elementwise.unary_backward(options.activation, z, dy, {slopes});
    activation = Activation{};
  }
  if (channels_inside(x) && channels_inside(slopes) && x.elements() > 0)
    return batch_norm_backward_inside(
        x, slopes,
        {.gamma = gamma, .beta = beta, .mean = mean, .deviation = inverse_deviation, .activation = *activation},
        fixed_statistics, dx, dgamma, dbeta);
  const auto step = [](const Out& out) { return out.array.defined() ? out.array.strides()[0] : 0; };
  const Channels<3> channels({&x, &slopes, dx.array.defined() ? &dx.array : &x});
  launch("batch_norm_backward", channels.grid(),
         Backward{channels, Floats(x), Floats(slopes), VectorOrNumber(gamma, 1), VectorOrNumber(beta, 0),
                  VectorOrNumber(mean, 0), VectorOrNumber(inverse_deviation, 0), Result(dx), Result(dgamma),
                  Result(dbeta), step(dgamma), step(dbeta), *activation, fixed_statistics});
}

}  // namespace

void fill_batch_norm(Kernels& table) {
  table.batch_norm.train = train;
  table.batch_norm.evaluate = evaluate;
  table.batch_norm.backward = backward;
}

}  // namespace joist::cuda
