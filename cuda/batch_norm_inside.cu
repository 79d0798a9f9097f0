// Batch normalization where channels lie innermost. Blocks share the places of the pictures; then a block per channel
// puts together what they found, in an order that does not change. Pictures are read by vectors where they can be
// (batch_norm_vectors.cu); of others a warp's lanes are channels, so that they read neighbours.
#include <joist/cuda/batch_norm.h>
#include <joist/cuda/lines.h>

namespace joist::cuda {
namespace {

/// How the places of pictures with channels innermost are shared: blocks of 32 channels by parts of the places.
struct Shares {
  std::int64_t channels = 0, places = 0, parts = 1;
  explicit Shares(const Array& x) : channels(x.shape(1)), places(x.elements() / std::max<std::int64_t>(x.shape(1), 1)) {
    parts = std::clamp<std::int64_t>(places / 64, 1, 128);
  }
  JOIST_HOST_DEVICE std::int64_t groups() const { return (channels + 31) / 32; }
  JOIST_DEVICE std::int64_t first(std::int64_t part) const { return part * places / parts; }
  Grid grid() const {
    return {.blocks = std::min(groups() * parts, most_blocks),
            .threads = threads_per_block,
            .shared_bytes = 2 * threads_per_block * static_cast<std::int64_t>(sizeof(float))};
  }
};
/// The sum over a block's threads of one lane, in their order.
JOIST_DEVICE inline float lane_sum(Block& block, const Shared<float>& room, float own) {
  room[block.thread()] = own;
  block.sync();
  float total = 0;
  for (int warp = 0; warp < block.warps(); ++warp) {
    const float one = room[warp * 32 + block.lane()];
    total += one;
  }
  block.sync();
  return total;
}

/// Mean and squared distances from it, of every part.
struct Moments {
  Shares shares;
  Walk<1> walk;
  Floats x;
  Typed<float> means, squares, counts;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(threads_per_block);
    for (std::int64_t item = block.index(); item < shares.groups() * shares.parts; item += block.count()) {
      const std::int64_t c = item % shares.groups() * 32 + block.lane(), part = item / shares.groups();
      const std::int64_t first = shares.first(part), last = shares.first(part + 1);
      const bool mine = c < shares.channels;
      Total own, own_squares;
      for (std::int64_t i = first + block.warp(); mine && i < last; i += block.warps()) own.add(x[walk(i).at[0] + c]);
      const float mean = lane_sum(block, room, own.value()) / static_cast<float>(last - first);
      for (std::int64_t i = first + block.warp(); mine && i < last; i += block.warps()) {
        const float d = x[walk(i).at[0] + c] - mean;
        own_squares.add(d * d);
      }
      const float square_sum = lane_sum(block, room, own_squares.value());
      if (mine && block.warp() == 0) {
        means.set(c * shares.parts + part, mean);
        squares.set(c * shares.parts + part, square_sum);
        if (c == 0) counts.set(part, static_cast<float>(last - first));
      }
    }
  }
};

/// Sums of dz and of dz · normalized, of every part.
struct SlopeSums {
  Shares shares;
  Walk<2> walk;  // x, dy
  Floats x, dy;
  VectorOrNumber gamma, beta, mean, inverse;
  Typed<float> sums, products;
  Activation activation;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(threads_per_block);
    for (std::int64_t item = block.index(); item < shares.groups() * shares.parts; item += block.count()) {
      const std::int64_t c = item % shares.groups() * 32 + block.lane(), part = item / shares.groups();
      const std::int64_t last = shares.first(part + 1);
      const bool mine = c < shares.channels;
      const float center = mine ? mean[c] : 0, scale = mine ? inverse[c] : 0, factor = mine ? gamma[c] : 0,
                  shift = mine ? beta[c] : 0;
      Total own_sum, own_product;
      for (std::int64_t i = shares.first(part) + block.warp(); mine && i < last; i += block.warps()) {
        const auto places = walk(i);
        const float normalized = (x[places.at[0] + c] - center) * scale;
        const float dz = dy[places.at[1] + c] * activation.slope(factor * normalized + shift);
        own_sum.add(dz);
        own_product.add(dz * normalized);
      }
      const float sum_total = lane_sum(block, room, own_sum.value()),
                  product_total = lane_sum(block, room, own_product.value());
      if (mine && block.warp() == 0) {
        sums.set(c * shares.parts + part, sum_total);
        products.set(c * shares.parts + part, product_total);
      }
    }
  }
};

Parts moments(const Array& x) {
  if (channels_in_vectors({&x})) return moments_by_vectors(x);
  const Shares shares(x);
  const Parts parts(shares.channels, shares.parts, x.device());
  launch("batch_norm", shares.grid(),
         Moments{shares, Walk<1>(x.shape().with(1, 1), {&x}), Floats(x), Typed<float>(parts.first),
                 Typed<float>(parts.second), Typed<float>(parts.counts)});
  return parts;
}
Parts slopes(const Array& x, const Array& dy, const Normalization& layer) {
  if (channels_in_vectors({&x, &dy})) return slopes_by_vectors(x, dy, layer);
  const Shares shares(x);
  const Parts parts(shares.channels, shares.parts, x.device());
  launch(
      "batch_norm_backward", shares.grid(),
      SlopeSums{shares, Walk<2>(x.shape().with(1, 1), {&x, &dy}), Floats(x), Floats(dy), VectorOrNumber(layer.gamma, 1),
                VectorOrNumber(layer.beta, 0), VectorOrNumber(layer.mean, 0), VectorOrNumber(layer.deviation, 0),
                Typed<float>(parts.first), Typed<float>(parts.second), layer.activation});
  return parts;
}

/// A block per channel; its threads share the parts.
Grid grid_over(const Parts& parts) {
  const std::int64_t count = parts.first.shape(1);
  return {.blocks = std::min(parts.first.shape(0), most_blocks * 8),
          .threads = count > 256  ? threads_per_block
                     : count > 64 ? 128
                                  : 32,
          .shared_bytes = fold_bytes<float>};
}

/// Puts the moments of the parts together: their distances, and those of their means (Chan, Golub & LeVeque 1979).
struct Statistics {
  std::int64_t channels, parts, places;
  Typed<float> means, squares, counts;
  VectorOrNumber mean, inverse, running_mean, running_variance;
  float epsilon, momentum;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    const auto n = static_cast<float>(places);
    for (std::int64_t c = block.index(); c < channels; c += block.count()) {
      Total own, distances;
      for (std::int64_t part = block.thread(); part < parts; part += block.threads())
        own.add(counts[part] * means[c * parts + part]);
      const float middle = sum(block, room, own.value()) / n;
      for (std::int64_t part = block.thread(); part < parts; part += block.threads()) {
        const float d = means[c * parts + part] - middle;
        distances.add(squares[c * parts + part] + counts[part] * d * d);
      }
      const float square_sum = sum(block, room, distances.value());
      if (block.thread() > 0) continue;
      mean.set(c, middle);
      inverse.set(c, 1 / std::sqrt(square_sum / n + epsilon));
      if (!running_mean.vector.defined()) continue;
      const float unbiased = square_sum / (n > 1 ? n - 1 : 1.0F);
      running_mean.set(c, (1 - momentum) * running_mean[c] + momentum * middle);
      running_variance.set(c, (1 - momentum) * running_variance[c] + momentum * unbiased);
    }
  }
};

/// Adds up the sums of the parts, into totals [2, channels] and the gradients that are wanted.
struct SlopeTotals {
  std::int64_t channels, parts;
  Typed<float> sums, products, totals;
  Result dgamma, dbeta;
  std::int64_t gamma_step, beta_step;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    for (std::int64_t c = block.index(); c < channels; c += block.count()) {
      Total own_sum, own_product;
      for (std::int64_t part = block.thread(); part < parts; part += block.threads()) {
        own_sum.add(sums[c * parts + part]);
        own_product.add(products[c * parts + part]);
      }
      const float total = sum(block, room, own_sum.value()), product = sum(block, room, own_product.value());
      if (block.thread() > 0) continue;
      totals.set(c, total);
      totals.set(channels + c, product);
      if (dgamma.defined()) dgamma.put(c * gamma_step, product);
      if (dbeta.defined()) dbeta.put(c * beta_step, total);
    }
  }
};

void gradient(const Array& x, const Array& dy, const Normalization& layer, const Array& totals, bool fixed_statistics,
              const Out& dx) {
  if (channels_in_vectors({&x, &dy, &dx.array}))
    return gradient_by_vectors(x, dy, layer, fixed_statistics ? Array() : totals, dx);
  const VectorOrNumber factors(layer.gamma, 1), shifts(layer.beta, 0), centers(layer.mean, 0),
      scales(layer.deviation, 0);
  const Strides channel = Shape::filled(x.rank(), 0).with(1, 1);
  const std::array<Array, 4> arrays{channels_behind(x), channels_behind(dy), channels_behind(dx.array),
                                    channels_behind(totals.strided(x.shape(), channel))};  // its place is the channel
  const Walk<4> walk(arrays[0].shape(), {&arrays[0], &arrays[1], &arrays[2], &arrays[3]});
  const Floats from(x), slopes(dy);
  const Typed<float> total(totals);
  const Result to(dx);
  const Activation activation = layer.activation;
  const std::int64_t channels = x.shape(1);
  const auto n = static_cast<float>(x.elements() / channels);
  each("batch_norm_backward", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    const std::int64_t c = places.at[3];
    const float normalized = (from[places.at[0]] - centers[c]) * scales[c];
    const float dz = slopes[places.at[1]] * activation.slope(factors[c] * normalized + shifts[c]);
    const float through = fixed_statistics ? 0.0F : (total[c] + normalized * total[channels + c]) / n;
    to.put(places.at[2], factors[c] * scales[c] * (dz - through));
  });
}

}  // namespace

void batch_statistics_inside(const Array& x, const BatchNormOptions& options, const Array& running_mean,
                             const Array& running_variance, const Array& mean, const Array& inverse_deviation) {
  const Parts parts = moments(x);
  launch("batch_norm", grid_over(parts),
         Statistics{x.shape(1), parts.first.shape(1), x.elements() / x.shape(1), Typed<float>(parts.first),
                    Typed<float>(parts.second), Typed<float>(parts.counts), VectorOrNumber(mean, 0),
                    VectorOrNumber(inverse_deviation, 0), VectorOrNumber(running_mean, 0),
                    VectorOrNumber(running_variance, 0), static_cast<float>(options.epsilon),
                    static_cast<float>(options.momentum)});
}

void batch_norm_backward_inside(const Array& x, const Array& dy, const Normalization& layer, bool fixed_statistics,
                                const Out& dx, const Out& dgamma, const Out& dbeta) {
  const Parts parts = slopes(x, dy, layer);
  const Array totals = Array::empty({2, x.shape(1)}, Dtype::float32, x.device());
  const auto step = [](const Out& out) { return out.array.defined() ? out.array.strides()[0] : 0; };
  launch("batch_norm_backward", grid_over(parts),
         SlopeTotals{x.shape(1), parts.first.shape(1), Typed<float>(parts.first), Typed<float>(parts.second),
                     Typed<float>(totals), Result(dgamma), Result(dbeta), step(dgamma), step(dbeta)});
  if (dx.array.defined()) gradient(x, dy, layer, totals, fixed_statistics, dx);
}

}  // namespace joist::cuda
