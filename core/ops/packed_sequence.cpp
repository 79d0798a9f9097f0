// Padded, packed and separate sequences: the same rows in another order, chosen by index_select.
#include <joist/core/ops/creation.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/recurrent.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace joist {
namespace {

using Integers = std::vector<std::int64_t>;

Tensor integers(const Integers& values) {
  return Tensor(Array::from(values, {static_cast<std::int64_t>(values.size())}));
}

Integers read(const char* name, const char* what, const Tensor& x) {
  if (!x.defined() || x.rank() != 1)
    throw ShapeError({.where = name,
                      .what = std::string(what) + (x.defined() ? " of shape " + x.shape().text() : " undefined"),
                      .expected = "a vector"});
  if (x.dtype() != Dtype::int64)
    throw DtypeError({.where = name,
                      .what = std::string(what) + " of " + std::string(name_of(x.dtype())),
                      .expected = "int64",
                      .remedy = "to(x, Dtype::int64)"});
  if (!x.device().on_host())
    throw UnsupportedError({.where = name,
                            .what = std::string("unsupported: ") + what + " on " + x.device().text(),
                            .remedy = "keep them on the host"});
  return x.value().to_vector<std::int64_t>();
}

// Rows of x [n, ...] by number.
Tensor rows_of(const Tensor& x, const Integers& rows) { return index_select(x, integers(rows).value()); }

// x [a, b, ...] as [a · b, ...].
Tensor merged(const Tensor& x) { return flatten(x, 0, 1); }

// Rows of x and, where the number is that of a row more, a row of the padding value.
Tensor rows_or_padding(const Tensor& x, const Integers& rows, double padding_value) {
  const Tensor padding = Tensor::full(x.shape().with(0, 1), padding_value, x.dtype(), x.device());
  return rows_of(concat({x, padding}, 0), rows);
}

// [time · batch, ...] as [time, batch, ...] or, batch_first, as [batch, time, ...].
Tensor divided(const Tensor& x, std::int64_t time, std::int64_t batch, bool batch_first) {
  const Tensor result = reshape(x, x.shape().with(0, batch).inserted(0, time));
  return batch_first ? transpose(result, 0, 1) : result;
}

}  // namespace

PackedSequence pack_padded_sequence(const Tensor& x, const Tensor& given, bool batch_first, bool enforce_sorted) {
  constexpr const char* name = "pack_padded_sequence";
  if (x.rank() < 2)
    throw ShapeError({.where = name,
                      .what = "input of shape " + x.shape().text(),
                      .expected = batch_first ? "[batch, time, ...]" : "[time, batch, ...]"});
  const std::int64_t batch = x.shape(batch_first ? 0 : 1), time = x.shape(batch_first ? 1 : 0);
  const Integers lengths = read(name, "lengths", given);
  if (static_cast<std::int64_t>(lengths.size()) != batch || batch == 0)
    throw ShapeError({.where = name,
                      .what = "lengths of shape " + given.shape().text() + " for input " + x.shape().text(),
                      .expected = "[batch] with at least one sequence"});
  for (const std::int64_t length : lengths)
    if (length < 1 || length > time)
      throw DataError({.where = name,
                       .what = "length " + std::to_string(length),
                       .expected = "1 to " + std::to_string(time) + " for input " + x.shape().text(),
                       .remedy = "leave empty sequences out of the batch"});
  if (enforce_sorted && !std::is_sorted(lengths.rbegin(), lengths.rend()))
    throw UsageError({.where = name,
                      .what = "lengths that increase",
                      .expected = "the longest sequence first",
                      .remedy = "enforce_sorted = false"});

  Integers order(lengths.size()), back(lengths.size()), sizes, rows;
  std::iota(order.begin(), order.end(), 0);
  const auto length_of = [&](std::int64_t b) { return lengths[static_cast<std::size_t>(b)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return length_of(a) > length_of(b); });
  for (std::size_t i = 0; i < order.size(); ++i)
    back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  for (std::int64_t t = 0; t < length_of(order[0]); ++t) {
    std::int64_t size = 0;
    for (; size < batch && length_of(order[static_cast<std::size_t>(size)]) > t; ++size) {
      const std::int64_t b = order[static_cast<std::size_t>(size)];
      rows.push_back(batch_first ? b * time + t : t * batch + b);
    }
    sizes.push_back(size);
  }
  return {rows_of(merged(x), rows), integers(sizes), integers(order), integers(back)};
}

PaddedSequence pad_packed_sequence(const PackedSequence& packed, bool batch_first, double padding_value,
                                   std::int64_t total_length) {
  constexpr const char* name = "pad_packed_sequence";
  const Integers sizes = read(name, "batch_sizes", packed.batch_sizes);
  const auto longest = static_cast<std::int64_t>(sizes.size());
  if (total_length != 0 && total_length < longest)
    throw UsageError({.where = name,
                      .what = "total_length " + std::to_string(total_length),
                      .expected = "at least " + std::to_string(longest) + ", the longest sequence"});
  if (packed.data.rank() < 1 || sizes.empty() ||
      std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) != packed.data.shape(0) ||
      !std::is_sorted(sizes.rbegin(), sizes.rend()) || sizes.back() < 1)
    throw ShapeError(
        {.where = name,
         .what = "data of shape " + packed.data.shape().text() + ", " + std::to_string(longest) + " batch sizes",
         .expected = "decreasing sizes above 0 whose sum is the first length of data"});
  const std::int64_t batch = sizes[0], time = total_length == 0 ? longest : total_length;
  Integers place(static_cast<std::size_t>(batch));
  std::iota(place.begin(), place.end(), 0);
  if (packed.unsorted_indices.defined()) place = read(name, "unsorted_indices", packed.unsorted_indices);
  if (static_cast<std::int64_t>(place.size()) != batch ||
      std::any_of(place.begin(), place.end(), [&](std::int64_t i) { return i < 0 || i >= batch; }))
    throw ShapeError({.where = name,
                      .what = "unsorted_indices of shape " + packed.unsorted_indices.shape().text(),
                      .expected = "one index below " + std::to_string(batch) + " for each sequence"});
  Integers rows, lengths(place.size());
  std::int64_t first = 0;
  for (std::int64_t t = 0; t < time; ++t) {
    const std::int64_t size = t < longest ? sizes[static_cast<std::size_t>(t)] : 0;
    for (std::size_t b = 0; b < place.size(); ++b) {
      rows.push_back(place[b] < size ? first + place[b] : packed.data.shape(0));
      lengths[b] += place[b] < size ? 1 : 0;
    }
    first += size;
  }
  return {divided(rows_or_padding(packed.data, rows, padding_value), time, batch, batch_first), integers(lengths)};
}

Tensor pad_sequence(std::span<const Tensor> sequences, bool batch_first, double padding_value) {
  constexpr const char* name = "pad_sequence";
  if (sequences.empty()) throw ShapeError({.where = name, .what = "no sequences", .expected = "at least one"});
  std::int64_t longest = 0;
  for (const Tensor& sequence : sequences) {
    if (sequence.rank() < 1 || sequence.rank() != sequences[0].rank() ||
        sequence.shape().with(0, 0) != sequences[0].shape().with(0, 0))
      throw ShapeError(
          {.where = name,
           .what = "sequences of shapes " + sequences[0].shape().text() + " and " + sequence.shape().text(),
           .expected = "[length, ...], equal but for the length"});
    longest = std::max(longest, sequence.shape(0));
  }
  const Tensor all = concat(sequences, 0);
  Integers rows;
  for (std::int64_t t = 0; t < longest; ++t) {
    std::int64_t first = 0;
    for (const Tensor& sequence : sequences) {
      rows.push_back(t < sequence.shape(0) ? first + t : all.shape(0));
      first += sequence.shape(0);
    }
  }
  return divided(rows_or_padding(all, rows, padding_value), longest, static_cast<std::int64_t>(sequences.size()),
                 batch_first);
}

}  // namespace joist
