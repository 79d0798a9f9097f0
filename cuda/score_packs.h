// Rows of scores in registers. Keys that the causal rule or the window hides are not read.
#pragma once

#include <joist/cuda/packed_rows.h>
#include <joist/cuda/score_rows.h>

namespace joist::cuda {

template <class Packs>
struct PackedSoftmax {
  MaskedRows rows;
  Fours scores, weights;
  Floats log_sum;
  RowPlaces place;

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    Packs::each_row(block, rows.count(), [&](std::int64_t i) {
      const MaskedRows::Row row = rows.row(i);
      const std::int64_t base = i * rows.keys;
      float x[Packs::takes][4];
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) x[u][k] = unseen_score;
        if (j < rows.keys && !rows.hides(row, j, j + 3)) scores.read(base + j, x[u]);
      }
      float top = unseen_score;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        if (j >= rows.keys || rows.hides(row, j, j + 3)) continue;
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          x[u][k] = rows.score(row, j + k, x[u][k]);
          top = Larger{}(top, x[u][k]);
        }
      }
      top = Packs::fold_row(block, room, top, Larger{});
      if (top == unseen_score) top = 0;  // sees nothing
      float own = 0;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        JOIST_UNROLL for (int k = 0; k < 4; ++k) own += x[u][k] = std::exp(x[u][k] - top);
      }
      const float total = Packs::fold_row(block, room, own, Plus{});
      if (Packs::first_of(block, 0) == 0) log_sum.set(place(row), top + std::log(total));
      const float factor = total == 0 ? 0.0F : rows.kept_factor() / total;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        if (j >= rows.keys) continue;
        const std::uint32_t kept = rows.kept_of_four(row, j / 4);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) x[u][k] = kept >> k & 1U ? x[u][k] * factor : 0.0F;
        weights.write(base + j, x[u]);
      }
    });
  }
};

template <class Packs>
struct PackedSoftmaxBackward {
  MaskedRows rows;
  Fours scores, dweights;
  Floats log_sum;
  Fours weights, slopes;
  RowPlaces place;

  JOIST_DEVICE void operator()(Block& block) const {
    const auto room = block.shared<float>(32);
    Packs::each_row(block, rows.count(), [&](std::int64_t i) {
      const MaskedRows::Row row = rows.row(i);
      const std::int64_t base = i * rows.keys;
      const float log_total = log_sum[place(row)], factor = rows.kept_factor();
      float w[Packs::takes][4], d[Packs::takes][4];
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) w[u][k] = d[u][k] = 0;
        if (j >= rows.keys || rows.hides(row, j, j + 3)) continue;
        scores.read(base + j, w[u]);
        dweights.read(base + j, d[u]);
      }
      float own = 0;
      std::uint32_t all_kept = 0;
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        if (j >= rows.keys || rows.hides(row, j, j + 3)) continue;
        const std::uint32_t kept = rows.kept_of_four(row, j / 4);
        all_kept |= kept << (4 * u);
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          const float score = rows.score(row, j + k, w[u][k]);
          w[u][k] = score == unseen_score ? 0.0F : std::exp(score - log_total);
          d[u][k] = kept >> k & 1U ? d[u][k] * factor : 0.0F;
          if (w[u][k] != 0) own += w[u][k] * d[u][k];
        }
      }
      const float mean = Packs::fold_row(block, room, own, Plus{});
      JOIST_UNROLL for (int u = 0; u < Packs::takes; ++u) {
        const std::int64_t j = Packs::first_of(block, u);
        if (j >= rows.keys) continue;
        JOIST_UNROLL for (int k = 0; k < 4; ++k) {
          d[u][k] = w[u][k] == 0 ? 0.0F : rows.scale * (w[u][k] * (d[u][k] - mean));
          w[u][k] = all_kept >> (4 * u + k) & 1U ? w[u][k] * factor : 0.0F;
        }
        weights.write(base + j, w[u]);
        slopes.write(base + j, d[u]);
      }
    });
  }
};

}  // namespace joist::cuda
