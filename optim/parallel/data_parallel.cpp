#include <joist/core/gradient.h>
#include <joist/core/kernels.h>
#include <joist/optim/clip.h>
#include <joist/optim/parallel/data_parallel.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace joist::parallel {
namespace {

std::int64_t bytes_of(double megabytes) {
  if (!(megabytes > 0 && megabytes <= 1 << 20))
    throw UsageError({.where = "gradient buckets",
                      .what = std::to_string(megabytes) + " MB",
                      .expected = "more than 0, at most 1048576"});
  return std::max<std::int64_t>(static_cast<std::int64_t>(megabytes * (1 << 20)), 1);
}

// Dense memory of a field, or a copy of it.
Array packed(const Array& array) {
  if (array.is_dense()) return array;
  return copy_of(array);
}

}  // namespace

std::pair<std::int64_t, std::int64_t> share_of(std::int64_t count, int rank, int ranks) {
  return {count * rank / ranks, count * (rank + 1) / ranks};
}

void broadcast_fields(Communicator& world, std::span<const Field> fields) {
  if (world.size() == 1) return;
  for (const Field& field : fields) {
    const Array& value = field.tensor.value();
    const Array sent = packed(value);
    world.broadcast("weights: " + field.name, sent).wait();
    if (sent.raw() != value.raw()) kernels(value).elementwise.copy(sent, {value, false});
    value.bump_version();
  }
}

// Sees which slices of the flat buffer each operation of backward wrote. What listened before still hears everything.
class DataParallel::Watch final : public Listener {
 public:
  explicit Watch(DataParallel& owner) : owner_(owner), next_(listening()) {
    const Array& gradients = owner.parameters_.gradients();
    begin_ = static_cast<const std::byte*>(gradients.raw());
    end_ = begin_ + gradients.bytes();
    element_ = size_of(gradients.dtype());
    for (const FlatParameters::Slice& slice : owner.parameters_.slices()) firsts_.push_back(slice.first);
  }

  void on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override {
    if (next_) next_->on_record(operation, inputs, outputs);
  }
  void on_backward(const Node& node, std::span<const Array> gradients) override {
    if (next_) next_->on_backward(node, gradients);
  }
  void on_backward_done(const Node& node, std::span<const Array> gradients) override {
    for (int i = 0; i < node.inputs(); ++i) {
      const Array gradient = node.arrived(i);
      if (!gradient.defined()) continue;
      const auto* place = static_cast<const std::byte*>(gradient.raw());
      if (place < begin_ || place >= end_) continue;
      const auto element = static_cast<std::int64_t>(static_cast<std::size_t>(place - begin_) / element_);
      const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), element);
      owner_.observe(static_cast<std::size_t>(after - firsts_.begin()) - 1);
    }
    owner_.send_ready();
    if (next_) next_->on_backward_done(node, gradients);
  }

 private:
  DataParallel& owner_;
  Listener* next_;
  const std::byte *begin_ = nullptr, *end_ = nullptr;
  std::size_t element_ = 1;
  std::vector<std::int64_t> firsts_{};
};

DataParallel::DataParallel(Communicator& world, FlatParameters& parameters, std::span<const Field> fields,
                           const DataParallelOptions& options)
    : world_(world), parameters_(parameters), options_(options) {
  const std::size_t count = parameters.slices().size();
  written_.assign(count, 0);
  expected_.assign(count, 0);
  rebuild();
  const auto mine = static_cast<double>(parameters.values().elements());
  if (reduced(world, "size of the model", mine, Reduce::max) !=
      -reduced(world, "size of the model", -mine, Reduce::max))
    throw ShapeError(
        {.where = "DataParallel",
         .what = "the ranks' models differ: this one has " + std::to_string(parameters.count()) + " trainable numbers",
         .expected = "the same model on every rank"});
  broadcast_fields(world, fields);
}

DataParallel::~DataParallel() = default;

std::pair<std::int64_t, std::int64_t> DataParallel::share(std::int64_t count) const {
  return share_of(count, world_.rank(), world_.size());
}

void DataParallel::rebuild() {
  buckets_ = make_buckets(places_of(parameters_), parameters_.gradients().elements(),
                          static_cast<std::int64_t>(size_of(parameters_.gradients().dtype())),
                          bytes_of(options_.first_bucket_mb), bytes_of(options_.bucket_mb), order_);
}

void DataParallel::observe(std::size_t slice) {
  ++written_[slice];
  if (!observed_) {
    std::erase(order_, slice);
    order_.push_back(slice);
    return;
  }
  if (written_[slice] > expected_[slice] && expected_[slice] > 0) {
    const bool left =
        std::any_of(buckets_.begin(), buckets_.begin() + static_cast<std::ptrdiff_t>(sent_), [&](const Bucket& bucket) {
          return std::find(bucket.slices.begin(), bucket.slices.end(), slice) != bucket.slices.end();
        });
    if (left)
      throw UsageError({.where = "DataParallel",
                        .what = "the gradient of " + parameters_.slices()[slice].name +
                                " was written more often than in the first step, after it had been sent",
                        .expected = "a model that uses its parameters equally often in every step",
                        .remedy = "DataParallelOptions{.overlap = false}"});
  }
}

// Buckets leave in their order, so that all ranks call the same collectives in the same order.
void DataParallel::send_ready() {
  if (!observed_ || !options_.overlap || options_.shard || world_.size() == 1) return;
  while (sent_ < buckets_.size() &&
         std::all_of(buckets_[sent_].slices.begin(), buckets_[sent_].slices.end(),
                     [&](std::size_t slice) { return expected_[slice] > 0 && written_[slice] >= expected_[slice]; })) {
    send(buckets_[sent_++]);
    ++overlapped_;
  }
}

void DataParallel::send(const Bucket& bucket) {
  works_.push_back(
      world_.all_reduce(bucket.name, parameters_.gradients().sliced(0, bucket.begin, bucket.end), Reduce::sum));
}

void DataParallel::backward(const Tensor& loss, bool exchange) {
  overlapped_ = 0;
  if (!exchange) return loss.backward();
  std::fill(written_.begin(), written_.end(), 0);
  {
    Watch watch(*this);
    const Listening listening(watch);
    loss.backward();
  }
  finish();
}

void DataParallel::exchange() {
  overlapped_ = 0;
  std::fill(written_.begin(), written_.end(), 0);
  finish();
}

void DataParallel::finish() {
  // Slices that this rank's loss did not reach count as zero, and as written: they hold the others' sum afterwards.
  parameters_.complete_gradients();
  parameters_.gradients_written();
  const Array& gradients = parameters_.gradients();
  if (options_.shard) {
    const std::vector<std::int64_t> bounds = shard_bounds(gradients.elements(), world_.size());
    world_.reduce_scatter("gradients", gradients, Reduce::sum, bounds).wait();
    // What others own is undefined now; the padding in it has to stay zero.
    const auto rank = static_cast<std::size_t>(world_.rank());
    const auto& fill = kernels(gradients).elementwise.fill;
    if (bounds[rank] > 0) fill(0, gradients.sliced(0, 0, bounds[rank]));
    if (bounds[rank + 1] < gradients.elements()) fill(0, gradients.sliced(0, bounds[rank + 1], gradients.elements()));
  } else if (world_.size() > 1) {
    while (sent_ < buckets_.size()) send(buckets_[sent_++]);
  }
  for (Work& work : works_) work.wait();
  works_.clear();
  sent_ = 0;
  if (!std::exchange(observed_, true)) agree();
}

// After the first step: the order of the gradients is rank 0's, so that buckets are the same everywhere. Where ranks
// wrote gradients differently often (one had no share, say), they could begin to send at different places among the
// collectives of batch norm: then nothing is sent early.
void DataParallel::agree() {
  if (world_.size() == 1) return;
  const auto count = static_cast<std::int64_t>(written_.size());
  std::vector<std::int64_t> order(written_.size(), -1), extremes;
  for (std::size_t i = 0; i < order_.size(); ++i) order[i] = static_cast<std::int64_t>(order_[i]);
  for (const int written : written_) extremes.insert(extremes.end(), {written, -written});
  const Array shared = Array::from(order, {count}), most = Array::from(extremes, {2 * count});
  Work ordered = world_.broadcast("order of the gradients", shared);
  world_.all_reduce("uses of the parameters", most, Reduce::max).wait();
  ordered.wait();
  order_.clear();
  for (const std::int64_t slice : shared.to_vector<std::int64_t>())
    if (slice >= 0) order_.push_back(static_cast<std::size_t>(slice));
  const std::vector<std::int64_t> found = most.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < written_.size(); ++i)
    if (found[2 * i] != -found[2 * i + 1]) options_.overlap = false;
  expected_ = written_;
  rebuild();
}

double DataParallel::clip_gradient_norm(double max_norm) {
  if (!options_.shard) return joist::clip_gradient_norm(parameters_, max_norm);
  const Array& gradients = parameters_.gradients();  // zero where other ranks own it
  const Array total = Array::empty({1}, Dtype::float64, gradients.device());
  kernels(gradients).optimizer.square_sum(gradients, total);
  const double norm = std::sqrt(reduced(world_, "norm of the gradient", total.item()));
  if (std::isfinite(norm) && norm > max_norm) {
    const Affine scale{.scale = max_norm / (norm + 1e-6)};
    kernels(gradients).elementwise.unary(scale, gradients, {gradients, false});
  }
  return norm;
}

void SharedStatistics::add(const char* what, const Array& numbers) {
  world_.all_reduce(what, numbers, Reduce::sum).wait();
}

}  // namespace joist::parallel
