#include <joist/core/error.h>
#include <joist/optim/parallel/buckets.h>

#include <algorithm>
#include <numeric>

namespace joist::parallel {
namespace {

// Position of each slice in the order in which backward finishes them.
std::vector<std::size_t> ranks_of(std::size_t count, const std::vector<std::size_t>& ready) {
  std::vector<std::size_t> position(count);
  for (std::size_t i = 0; i < count; ++i) position[i] = count + (count - 1 - i);  // not seen: behind, last first
  for (std::size_t i = 0; i < ready.size(); ++i) position.at(ready[i]) = i;
  return position;
}

}  // namespace

std::vector<SlicePlace> places_of(const FlatParameters& parameters) {
  std::vector<SlicePlace> places;
  const auto& groups = parameters.groups();
  std::size_t group = 0;
  for (const FlatParameters::Slice& slice : parameters.slices()) {
    while (group + 1 < groups.size() && slice.first >= groups[group + 1].first) ++group;
    places.push_back({slice.name, slice.first, group});
  }
  return places;
}

std::vector<Bucket> make_buckets(const std::vector<SlicePlace>& slices, std::int64_t elements,
                                 std::int64_t element_bytes, std::int64_t first_bytes, std::int64_t bytes,
                                 const std::vector<std::size_t>& ready) {
  if (bytes < 1 || first_bytes < 1 || element_bytes < 1)
    throw UsageError({.where = "gradient buckets",
                      .what = std::to_string(std::min(bytes, first_bytes)) + " bytes",
                      .expected = "more than 0"});
  const std::vector<std::size_t> position = ranks_of(slices.size(), ready);
  const auto end_of = [&](std::size_t slice) { return slice + 1 < slices.size() ? slices[slice + 1].first : elements; };

  // From the end of each group to its beginning: a bucket grows downwards until the next slice does not fit. Groups do
  // not share buckets: the biases of the whole network, say, are complete only when the first layer's is.
  std::vector<Bucket> buckets;
  std::vector<std::size_t> latest;  // position of the bucket's last slice
  std::int64_t limit = first_bytes;
  for (std::size_t left = slices.size(); left-- > 0;) {
    const std::int64_t begin = left == 0 ? 0 : slices[left].first, end = end_of(left);
    const bool other_group = left + 1 < slices.size() && slices[left].group != slices[left + 1].group;
    if (buckets.empty() || other_group || (buckets.back().end - begin) * element_bytes > limit) {
      limit = buckets.empty() || other_group ? first_bytes : bytes;
      buckets.push_back({.begin = begin, .end = end});
      latest.push_back(position[left]);
    }
    buckets.back().begin = begin;
    buckets.back().slices.push_back(left);
    latest.back() = std::max(latest.back(), position[left]);
  }

  std::vector<std::size_t> order(buckets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return latest[a] < latest[b]; });
  std::vector<Bucket> sorted;
  for (const std::size_t i : order) {
    Bucket& bucket = sorted.emplace_back(std::move(buckets[i]));
    bucket.name = "bucket " + std::to_string(sorted.size()) + ": " + slices[bucket.slices.front()].name;
    if (bucket.slices.size() > 1) bucket.name += " … " + slices[bucket.slices.back()].name;
  }
  return sorted;
}

std::vector<std::int64_t> shard_bounds(std::int64_t elements, int ranks, std::int64_t alignment) {
  const std::int64_t blocks = (elements + alignment - 1) / alignment;
  std::vector<std::int64_t> bounds;
  for (std::int64_t rank = 0; rank <= ranks; ++rank)
    bounds.push_back(std::min(blocks * rank / ranks * alignment, elements));
  return bounds;
}

}  // namespace joist::parallel
