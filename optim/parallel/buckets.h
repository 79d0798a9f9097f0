// How the flat gradient buffer is cut into pieces that travel while backward still runs.
#pragma once

#include <joist/optim/flat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist::parallel {

/// Elements [begin, end) of the flat buffer, padding included. It may travel once the gradients of these slices are
/// there.
struct Bucket {
  std::int64_t begin = 0, end = 0;
  std::vector<std::size_t> slices{};  ///< of FlatParameters::slices()
  std::string name{};                 ///< "bucket 3: layer4.0.conv1.weight … layer3.1.bn2.weight", for messages
};

/// Where a slice lies: what bucketing needs to know of it.
struct SlicePlace {
  std::string name{};
  std::int64_t first = 0;  ///< element of the buffer
  std::size_t group = 0;   ///< of FlatParameters::groups()
};

/// Buckets of at most `bytes` (the first one of a group of at most `first_bytes`, so that the exchange begins early; a
/// larger parameter gets one of its own), which together are the whole buffer of `elements`. They are in the order in
/// which backward is likely to finish them: `ready` lists slices in the order in which an earlier backward finished
/// them; empty: from the last to the first. A bucket holds slices that are neighbours in the buffer, so that it is one
/// call and no copy.
std::vector<Bucket> make_buckets(const std::vector<SlicePlace>& slices, std::int64_t elements,
                                 std::int64_t element_bytes, std::int64_t first_bytes, std::int64_t bytes,
                                 const std::vector<std::size_t>& ready = {});
std::vector<SlicePlace> places_of(const FlatParameters& parameters);

/// Rank r's part of a buffer of `elements` is [bounds[r], bounds[r + 1]): equal parts that begin at multiples of
/// `alignment` elements; with more ranks than such blocks some are empty.
std::vector<std::int64_t> shard_bounds(std::int64_t elements, int ranks, std::int64_t alignment = 16);

}  // namespace joist::parallel
