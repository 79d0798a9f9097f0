#include <joist/cuda/kernels.h>
#include <joist/cuda/layer_norm_packs.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/sums.h>

namespace joist::cuda {
namespace {

// A block per row; the variance is that of differences from the mean, in a second pass.
struct LayerNormRows {
  Walk<2> rows;
  std::int64_t length, x_step, y_step, mean_step, inverse_step;
  Floats x;
  VectorOrNumber gamma, beta;
  Result y;
  Floats mean, inverse;
  float epsilon;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    const float n = static_cast<float>(length);
    for (std::int64_t row = block.index(); row < rows.count(); row += block.count()) {
      const auto base = rows(row);
      float center = 0;
      if (mean.defined()) {
        Total own;
        for (std::int64_t j = block.thread(); j < length; j += block.threads()) own.add(x[base.at[0] + j * x_step]);
        center = sum(block, room, own.value()) / n;
      }
      Total own;
      for (std::int64_t j = block.thread(); j < length; j += block.threads()) {
        const float d = x[base.at[0] + j * x_step] - center;
        own.add(d * d);
      }
      const float scale = 1 / std::sqrt(sum(block, room, own.value()) / n + epsilon);
      if (block.thread() == 0) {
        if (mean.defined()) mean.set(row * mean_step, center);
        inverse.set(row * inverse_step, scale);
      }
      for (std::int64_t j = block.thread(); j < length; j += block.threads())
        y.put(base.at[1] + j * y_step, gamma[j] * (x[base.at[0] + j * x_step] - center) * scale + beta[j]);
    }
  }
};
Grid grid_of(std::int64_t rows, std::int64_t length) {
  return {.blocks = std::min(rows, most_blocks),
          .threads = length > 128 ? threads_per_block : 32,
          .shared_bytes = fold_bytes<float>};
}
void forward(const Array& x, const Array& gamma, const Array& beta, const LayerNormOptions& options, const Out& y,
             const Array& mean, const Array& inverse_deviation) {
  const std::int64_t rows = x.shape(0), length = x.shape(1);
  const bool packed =
      has_four_rows(x) && has_four_rows(y.array) && !y.accumulate && has_four_columns(gamma) &&
      has_four_columns(beta) && with_packs(length, [&](auto shape) {
        launch("layer_norm", shape.grid(rows),
               PackedLayerNorm<decltype(shape)>{rows, length, FourRows(x), Fours(gamma), Fours(beta), FourRows(y.array),
                                                options.root ? RowNumbers() : RowNumbers(mean),
                                                RowNumbers(inverse_deviation), static_cast<float>(options.epsilon)});
      });
  if (packed) return;
  launch("layer_norm", grid_of(rows, length),
         LayerNormRows{Walk<2>({rows, 1}, {&x, &y.array}), length, x.strides()[1], y.array.strides()[1],
                       options.root ? 0 : mean.strides()[0], inverse_deviation.strides()[0], Floats(x),
                       VectorOrNumber(gamma, 1), VectorOrNumber(beta, 0), Result(y),
                       options.root ? Floats() : Floats(mean), Floats(inverse_deviation),
                       static_cast<float>(options.epsilon)});
}

// dx = (γ dy - mean(γ dy) - x̂ mean(γ dy x̂)) / deviation
struct LayerNormBackwardRows {
  Walk<3> rows;
  std::int64_t length, x_step, dy_step, dx_step, mean_step, inverse_step;
  Floats x, dy;
  VectorOrNumber gamma;
  Floats mean, inverse;
  Result dx;
  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    const float n = static_cast<float>(length);
    for (std::int64_t row = block.index(); row < rows.count(); row += block.count()) {
      const auto base = rows(row);
      const float center = mean.defined() ? mean[row * mean_step] : 0.0F, scale = inverse[row * inverse_step];
      Total slopes, products;
      for (std::int64_t j = block.thread(); j < length; j += block.threads()) {
        const float g = gamma[j] * dy[base.at[1] + j * dy_step];
        slopes.add(g);
        products.add(g * (x[base.at[0] + j * x_step] - center) * scale);
      }
      const float slope_mean = mean.defined() ? sum(block, room, slopes.value()) / n : 0.0F;
      const float product_mean = sum(block, room, products.value()) / n;
      for (std::int64_t j = block.thread(); j < length; j += block.threads()) {
        const float normalized = (x[base.at[0] + j * x_step] - center) * scale;
        dx.put(base.at[2] + j * dx_step,
               scale * (gamma[j] * dy[base.at[1] + j * dy_step] - slope_mean - normalized * product_mean));
      }
    }
  }
};

/// Terms of dgamma: dy · x̂. Of dbeta: dy.
struct ColumnTerm {
  Floats x, dy, mean, inverse;
  bool normalized;
  JOIST_DEVICE float operator()(const Walk<4>::Places& places) const {
    const float slope = dy[places.at[1]];
    if (!normalized) return slope;
    const float center = mean.defined() ? mean[places.at[2]] : 0.0F;
    return slope * (x[places.at[0]] - center) * inverse[places.at[3]];
  }
};
void sum_columns(const Array& x, const Array& dy, const Array& mean, const Array& inverse_deviation,
                 const LayerNormOptions& options, const Out& dgamma, const Out& dbeta) {
  const Array centers = (options.root ? inverse_deviation : mean).inserted(1).expanded(x.shape()),
              scales = inverse_deviation.inserted(1).expanded(x.shape());
  const Floats center = options.root ? Floats() : Floats(mean);
  for (const bool normalized : {true, false}) {
    const Out& out = normalized ? dgamma : dbeta;
    if (out.array.defined())
      sum_lines<4>("layer_norm_backward", {&x, &dy, &centers, &scales},
                   ColumnTerm{Floats(x), Floats(dy), center, Floats(inverse_deviation), normalized}, 1,
                   {out.array.inserted(0), out.accumulate});
  }
}
void backward(const Array& x, const Array& dy, const Array& gamma, const Array& mean, const Array& inverse_deviation,
              const LayerNormOptions& options, const Out& dx, const Out& dgamma, const Out& dbeta) {
  const std::int64_t rows = x.shape(0), length = x.shape(1);
  // Before dx, which may lie where dy does.
  const bool fours = has_four_rows(x) && has_four_rows(dy) && length % 4 == 0;
  if (fours && rows >= 32 && (dgamma.array.defined() || dbeta.array.defined())) {
    const ColumnParts body(x, dy, options.root ? Array() : mean, inverse_deviation);
    const Array parts = body.run("layer_norm_backward", x.device());
    if (dgamma.array.defined())
      cuda_kernels().reduction.sum(parts.selected(1, 0), 1, {dgamma.array.inserted(0), dgamma.accumulate});
    if (dbeta.array.defined())
      cuda_kernels().reduction.sum(parts.selected(1, 1), 1, {dbeta.array.inserted(0), dbeta.accumulate});
  } else {
    sum_columns(x, dy, mean, inverse_deviation, options, dgamma, dbeta);
  }
  if (!dx.array.defined()) return;
  const bool packed =
      fours && has_four_rows(dx.array) && has_four_columns(gamma) && with_packs(length, [&](auto shape) {
        launch(
            "layer_norm_backward", shape.grid(rows),
            PackedLayerNormBackward<decltype(shape)>{rows, length, FourRows(x), FourRows(dy), Fours(gamma),
                                                     options.root ? RowNumbers() : RowNumbers(mean),
                                                     RowNumbers(inverse_deviation), FourRows(dx.array), dx.accumulate});
      });
  if (packed) return;
  const Floats center = options.root ? Floats() : Floats(mean);
  launch("layer_norm_backward", grid_of(rows, length),
         LayerNormBackwardRows{Walk<3>({rows, 1}, {&x, &dy, &dx.array}), length, x.strides()[1], dy.strides()[1],
                               dx.array.strides()[1], options.root ? 0 : mean.strides()[0],
                               inverse_deviation.strides()[0], Floats(x), Floats(dy), VectorOrNumber(gamma, 1), center,
                               Floats(inverse_deviation), Result(dx)});
}

}  // namespace

void fill_layer_norm(Kernels& table) {
  table.layer_norm.forward = forward;
  table.layer_norm.backward = backward;
}

}  // namespace joist::cuda
