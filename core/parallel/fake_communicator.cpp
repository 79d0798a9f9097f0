#include <joist/core/parallel/fake_communicator.h>
#include <joist/core/parallel/recorder.h>

#include <algorithm>
#include <cstring>

namespace joist::parallel {
namespace {

using Kind = Collective::Kind;

template <class T>
void multiply(const Array& data, std::int64_t begin, std::int64_t end, int size) {
  T* values = static_cast<T*>(data.raw());
  for (std::int64_t i = begin; i < end; ++i) {
    using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;  // integers wrap
    values[i] = static_cast<T>(static_cast<Wide>(values[i]) * static_cast<Wide>(size));
  }
}

void multiply_any(const Array& data, std::int64_t begin, std::int64_t end, int size) {
  switch (data.dtype()) {
    case Dtype::float32: return multiply<float>(data, begin, end, size);
    case Dtype::float64: return multiply<double>(data, begin, end, size);
    case Dtype::int64: return multiply<std::int64_t>(data, begin, end, size);
    case Dtype::int32: return multiply<std::int32_t>(data, begin, end, size);
    case Dtype::int8: return multiply<std::int8_t>(data, begin, end, size);
    case Dtype::uint8: return multiply<std::uint8_t>(data, begin, end, size);
    default: return;
  }
}

}  // namespace

FakeCommunicator::FakeCommunicator(int rank, int size) : rank_(rank), size_(size) {
  if (size < 1 || rank < 0 || rank >= size)
    throw UsageError({.where = "fake ranks", .what = "rank " + std::to_string(rank) + " of " + std::to_string(size)});
}

void FakeCommunicator::submit(std::shared_ptr<Collective> collective) {
  const Collective& call = *collective;
  recorder()->called(*collective);
  FakeCall made{.kind = call.kind, .name = call.name, .dtype = call.data.dtype(), .elements = 0};
  if (call.data.defined()) made.elements = made.end = call.data.elements();
  if (!call.bounds.empty()) {
    made.begin = call.bounds[static_cast<std::size_t>(rank_)];
    made.end = call.bounds[static_cast<std::size_t>(rank_) + 1];
  }
  const double bytes = call.data.defined() ? static_cast<double>(call.data.bytes()) : 0;
  const double share = static_cast<double>(size_ - 1) / size_;
  switch (call.kind) {
    case Kind::all_reduce:
    case Kind::reduce_scatter:
      if (call.reduce == Reduce::sum) multiply_any(call.data, made.begin, made.end, size_);
      bytes_sent_ += (call.kind == Kind::all_reduce ? 2 : 1) * share * bytes;
      break;
    case Kind::all_gather: {
      const std::size_t element = size_of(call.data.dtype());
      auto* const data = static_cast<std::byte*>(call.data.raw());
      for (std::size_t r = 0; r + 1 < call.bounds.size(); ++r) {
        if (r == static_cast<std::size_t>(rank_)) continue;
        const std::int64_t length = std::min(call.bounds[r + 1] - call.bounds[r], made.end - made.begin);
        std::memcpy(data + static_cast<std::size_t>(call.bounds[r]) * element,
                    data + static_cast<std::size_t>(made.begin) * element, static_cast<std::size_t>(length) * element);
      }
      bytes_sent_ += share * bytes;
      break;
    }
    case Kind::broadcast: bytes_sent_ += rank_ == call.peer ? bytes : 0; break;
    case Kind::send: bytes_sent_ += bytes; break;
    default: break;
  }
  calls_.push_back(std::move(made));
  collective->finish();
}

void FakeCommunicator::abort(const std::string& reason) { reason_ = reason.empty() ? "no reason given" : reason; }

void FakeCommunicator::throw_if_aborted() {
  if (!reason_.empty())
    throw CommunicatorError({.where = "rank " + std::to_string(rank_), .what = "aborted: " + reason_});
}

}  // namespace joist::parallel
