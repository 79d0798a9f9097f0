#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/pooled_normalization.h>
#include <joist/core/cpu/reduction.h>

#include <algorithm>
#include <vector>

namespace joist::normalized {
namespace {

using batch_norm::Matrices;
using batch_norm::most_columns;

constexpr std::int64_t most_rows = 64;  // of which add_column_sums() makes one sum in float

// Tiles of a picture's pixels: body(tile, its place among all elements, its first channel).
template <class Body>
void for_tiles(const Input& input, std::int64_t picture, const Body& body) {
  const std::int64_t channels = input.channels(), pixels = input.x.shape().elements(2, 4);
  for (std::int64_t row = 0; row < pixels; row += most_rows)
    for (std::int64_t channel = 0; channel < channels; channel += most_columns) {
      const std::int64_t at = (picture * pixels + row) * channels;
      body(input.tile(input.x.data<float>() + at, channels, std::min(most_rows, pixels - row), channel,
                      std::min(most_columns, channels - channel)),
           at + channel, channel);
    }
}

}  // namespace

void forward_pooled(const Input& input, const Array& y, const Array& mean) {
  const std::int64_t channels = input.channels();
  const double share = 1.0 / static_cast<double>(input.x.shape().elements(2, 4));
  parallel_for(input.x.shape(0), 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>(channels));
    for (std::int64_t picture = begin; picture < end; ++picture) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for_tiles(input, picture, [&](Matrices tile, std::int64_t at, std::int64_t channel) {
        tile.out = y.data<float>() + at;
        tile.out_row = channels;
        input.fused.normalize(input.fused.activation, tile);
        add_column_sums({tile.out, channels}, tile.rows, tile.columns, sums.data() + channel);
      });
      for (std::int64_t i = 0; i < channels; ++i)
        mean.data<float>()[picture * channels + i] = static_cast<float>(share * sums[static_cast<std::size_t>(i)]);
    }
  });
}

batch_norm::Totals gradient_sums_pooled(const Input& input, const Array& dy, const Array& added) {
  const std::int64_t channels = input.channels(), pictures = input.x.shape(0);
  pointwise::PartialSums partial(pictures, channels);
  parallel_for(pictures, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t picture = begin; picture < end; ++picture)
      for_tiles(input, picture, [&](Matrices tile, std::int64_t at, std::int64_t channel) {
        tile.dy = {dy.data<float>() + at, channels};
        tile.parameter[batch_norm::added] = added.data<float>() + picture * channels + channel;
        input.fused.gradient_sums(input.fused.activation, tile, partial.first(picture) + channel,
                                  partial.second(picture) + channel);
      });
  });
  batch_norm::Totals totals;
  partial.write(totals);
  return totals;
}

}  // namespace joist::normalized
