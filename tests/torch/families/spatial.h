// Arguments of functions over spatial axes.
#pragma once

#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

/// PyTorch takes inputs without a batch axis where joist wants one: the sample runs as a batch of one.
template <class Function>
Tensor batched(const Tensor& x, int axes, Function function) {
  if (x.rank() == axes + 2) return function(x);
  const Tensor y = function(unsqueeze(x, 0));
  return squeeze(y, 0);
}
template <class Function>
std::pair<Tensor, Tensor> batched_pair(const Tensor& x, int axes, Function function) {
  if (x.rank() == axes + 2) return function(x);
  const auto [y, index] = function(unsqueeze(x, 0));
  return {squeeze(y, 0), squeeze(index, 0)};
}

/// Lengths of the spatial axes of a result from an integer or a list; None (here -1) keeps a length.
Shape output_size(const Args& c, int position, int axes);
PoolOptions max_pool_options(const Args& c, int first, int axes);
PoolOptions average_pool_options(const Args& c, int first, int axes);

}  // namespace joist::torchdb
