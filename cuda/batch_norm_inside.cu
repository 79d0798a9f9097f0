// Batch normalization where channels lie innermost: a warp's lanes are channels, so that they read neighbours, and
// blocks share the places of the pictures. Sums of the parts are added in their order.
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
/// A float for every part and channel.
Array parts_of(const Shares& shares, const Array& like) {
  return Array::empty({shares.parts, shares.channels}, Dtype::float32, like.device());
}

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
  Typed<float> means, squares;
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
        means.set(part * shares.channels + c, mean);
        squares.set(part * shares.channels + c, square_sum);
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
        sums.set(part * shares.channels + c, sum_total);
        products.set(part * shares.channels + c, product_total);
      }
    }
  }
};

}  // namespace

void batch_statistics_inside(const Array& x, const BatchNormOptions& options, const Array& running_mean,
                             const Array& running_variance, const Array& mean, const Array& inverse_deviation) {
  const Shares shares(x);
  const Array means = parts_of(shares, x), squares = parts_of(shares, x);
  launch("batch_norm", shares.grid(),
         Moments{shares, Walk<1>(x.shape().with(1, 1), {&x}), Floats(x), Typed<float>(means), Typed<float>(squares)});
  const Typed<float> part_means(means), part_squares(squares);
  const VectorOrNumber running(running_mean, 0), running_square(running_variance, 0), center(mean, 0),
      inverse(inverse_deviation, 0);
  const auto epsilon = static_cast<float>(options.epsilon), momentum = static_cast<float>(options.momentum);
  // Chan, Golub & LeVeque 1979: the parts' distances, and those of their means.
  each("batch_norm", shares.channels, [=] JOIST_DEVICE(std::int64_t c) {
    const auto n = static_cast<float>(shares.places);
    Total sum_of_means;
    for (std::int64_t part = 0; part < shares.parts; ++part) {
      const auto count = static_cast<float>(shares.first(part + 1) - shares.first(part));
      sum_of_means.add(count * part_means[part * shares.channels + c]);
    }
    const float middle = sum_of_means.value() / n;
    Total distances;
    for (std::int64_t part = 0; part < shares.parts; ++part) {
      const auto count = static_cast<float>(shares.first(part + 1) - shares.first(part));
      const float d = part_means[part * shares.channels + c] - middle;
      distances.add(part_squares[part * shares.channels + c] + count * d * d);
    }
    const float square_sum = distances.value();
    center.set(c, middle);
    inverse.set(c, 1 / std::sqrt(square_sum / n + epsilon));
    if (running.vector.defined()) {
      const float unbiased = square_sum / (n > 1 ? n - 1 : 1.0F);
      running.set(c, (1 - momentum) * running[c] + momentum * middle);
      running_square.set(c, (1 - momentum) * running_square[c] + momentum * unbiased);
    }
  });
}

void batch_norm_backward_inside(const Array& x, const Array& dy, const Array& gamma, const Array& beta,
                                const Array& mean, const Array& inverse_deviation, const Activation& activation,
                                bool fixed_statistics, const Out& dx, const Out& dgamma, const Out& dbeta) {
  const Shares shares(x);
  const Array sums = parts_of(shares, x), products = parts_of(shares, x);
  const Array totals = Array::empty({2, shares.channels}, Dtype::float32, x.device());
  const VectorOrNumber factors(gamma, 1), shifts(beta, 0), centers(mean, 0), scales(inverse_deviation, 0);
  launch("batch_norm_backward", shares.grid(),
         SlopeSums{shares, Walk<2>(x.shape().with(1, 1), {&x, &dy}), Floats(x), Floats(dy), factors, shifts, centers,
                   scales, Typed<float>(sums), Typed<float>(products), activation});
  const Typed<float> part_sums(sums), part_products(products), total(totals);
  const Result to_gamma(dgamma), to_beta(dbeta);
  const std::int64_t gamma_step = dgamma.array.defined() ? dgamma.array.strides()[0] : 0,
                     beta_step = dbeta.array.defined() ? dbeta.array.strides()[0] : 0;
  each("batch_norm_backward", shares.channels, [=] JOIST_DEVICE(std::int64_t c) {
    Total beta_total, gamma_total;
    for (std::int64_t part = 0; part < shares.parts; ++part) {
      beta_total.add(part_sums[part * shares.channels + c]);
      gamma_total.add(part_products[part * shares.channels + c]);
    }
    total.set(c, beta_total.value());
    total.set(shares.channels + c, gamma_total.value());
    if (to_gamma.defined()) to_gamma.put(c * gamma_step, gamma_total.value());
    if (to_beta.defined()) to_beta.put(c * beta_step, beta_total.value());
  });
  if (!dx.array.defined()) return;
  const Strides channel = Shape::filled(x.rank(), 0).with(1, 1);
  const std::array<Array, 4> arrays{channels_behind(x), channels_behind(dy), channels_behind(dx.array),
                                    channels_behind(totals.strided(x.shape(), channel))};  // its place is the channel
  const Walk<4> walk(arrays[0].shape(), {&arrays[0], &arrays[1], &arrays[2], &arrays[3]});
  const Floats from(x), slopes(dy);
  const Result to(dx);
  const auto n = static_cast<float>(shares.places);
  each("batch_norm_backward", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    const std::int64_t c = places.at[3];
    const float normalized = (from[places.at[0]] - centers[c]) * scales[c];
    const float dz = slopes[places.at[1]] * activation.slope(factors[c] * normalized + shifts[c]);
    const float through = fixed_statistics ? 0.0F : (total[c] + normalized * total[shares.channels + c]) / n;
    to.put(places.at[2], factors[c] * scales[c] * (dz - through));
  });
}

}  // namespace joist::cuda
