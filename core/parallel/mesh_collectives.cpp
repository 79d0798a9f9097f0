#include <joist/core/parallel/mesh_collectives.h>
#include <joist/core/parallel/reduction.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace joist::parallel {
namespace {

using Kind = Collective::Kind;
using Bytes = std::span<std::byte>;

constexpr std::size_t direct_most = 128U << 10U;  // bytes that a rank sends to all others at once
constexpr std::size_t slice_bytes = 512U << 10U;  // so that reducing one slice overlaps with sending another

// Messages of one collective that are on their way. Waits for all of them before it goes: they use memory of the
// caller.
class Messages {
 public:
  Messages(const MeshPosition& position, const Collective& collective)
      : mesh_(position.mesh), number_(collective.sequence), signature_(signature_of(collective)) {}
  Messages(const Messages&) = delete;
  Messages& operator=(const Messages&) = delete;
  ~Messages() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ == 0; });
  }

  void send(int to, std::uint32_t step, std::span<const std::byte> bytes) {
    mesh_.send(to, {.number = number_, .step = step}, bytes, signature_, begin(nullptr));
  }
  /// `arrived` becomes true with the message; see wait_for.
  void receive(int from, std::uint32_t step, Bytes bytes, bool* arrived) {
    mesh_.receive(from, {.number = number_, .step = step}, bytes, signature_, begin(arrived));
  }
  void wait_for(const bool& arrived) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived || error_; });
    if (!error_) return;
    changed_.wait(lock, [&] { return open_ == 0; });  // nothing may still write to the caller's memory
    std::rethrow_exception(error_);
  }
  /// Throws what failed any of them.
  void wait_all() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  Mesh::Done begin(bool* arrived) {
    const std::lock_guard lock(mutex_);
    ++open_;
    return [this, arrived](const std::exception_ptr& error) {
      const std::lock_guard inner(mutex_);
      if (error && !error_) error_ = error;
      if (arrived) *arrived = true;
      --open_;
      changed_.notify_all();
    };
  }

  Mesh& mesh_;
  std::uint64_t number_;
  std::uint64_t signature_;
  std::mutex mutex_{};
  std::condition_variable changed_{};
  int open_ = 0;
  std::exception_ptr error_{};
};

struct Part {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

class Performance {
 public:
  Performance(const MeshPosition& position, const Collective& collective)
      : rank_(position.rank),
        size_(position.size),
        call_(collective),
        element_(size_of(collective.data.dtype())),
        messages_(position, collective) {}

  void run() {
    switch (call_.kind) {
      case Kind::all_reduce: all_reduce(); break;
      case Kind::reduce_scatter: ring_reduce(call_.bounds, 0); break;
      case Kind::all_gather: all_gather(); break;
      case Kind::broadcast: broadcast(); break;
      case Kind::barrier: barrier(); break;
      default: break;
    }
    messages_.wait_all();
  }

 private:
  int wrap(int rank) const { return ((rank % size_) + size_) % size_; }
  Bytes all() const { return {static_cast<std::byte*>(call_.data.raw()), call_.data.bytes()}; }
  Bytes part(const std::vector<std::int64_t>& bounds, int r) const {
    const auto begin = static_cast<std::size_t>(bounds[static_cast<std::size_t>(r)]) * element_;
    const auto end = static_cast<std::size_t>(bounds[static_cast<std::size_t>(r) + 1]) * element_;
    return all().subspan(begin, end - begin);
  }
  void reduce(Bytes into, std::span<const std::byte> from) const {
    reduce_into(into.data(), from.data(), static_cast<std::int64_t>(from.size() / element_), call_.data.dtype(),
                call_.reduce);
  }
  // Bytes of slice i of a part; slices have whole elements.
  static std::size_t slices_of(std::size_t bytes) { return (bytes + slice_bytes - 1) / slice_bytes; }
  static Bytes slice(Bytes bytes, std::size_t i) {
    return bytes.subspan(i * slice_bytes, std::min(slice_bytes, bytes.size() - i * slice_bytes));
  }

  void all_reduce() {
    if (size_ == 1 || all().empty()) return;
    if (all().size() <= direct_most / static_cast<std::size_t>(size_)) return direct_reduce();
    std::vector<std::int64_t> bounds;
    for (int r = 0; r <= size_; ++r) bounds.push_back(call_.data.elements() * r / size_);
    const std::uint32_t steps = ring_reduce(bounds, 0);
    ring_gather(bounds, steps);
  }

  // Everyone sends all to everyone; each adds in the order of ranks, so that all get the same bits.
  void direct_reduce() {
    const std::size_t bytes = all().size();
    std::vector<std::byte> copies(bytes * static_cast<std::size_t>(size_));
    const auto copy_of = [&](int r) { return Bytes(copies).subspan(bytes * static_cast<std::size_t>(r), bytes); };
    std::ranges::copy(all(), copy_of(rank_).begin());
    for (int step = 1; step < size_; ++step) {
      messages_.receive(wrap(rank_ - step), 0, copy_of(wrap(rank_ - step)), nullptr);
      messages_.send(wrap(rank_ + step), 0, copy_of(rank_));
    }
    messages_.wait_all();
    std::ranges::copy(copy_of(0), all().begin());
    for (int r = 1; r < size_; ++r) reduce(all(), copy_of(r));
  }

  // Part p starts at rank p + 1, goes round and ends at rank p, each rank adding its own. Returns the steps used.
  std::uint32_t ring_reduce(const std::vector<std::int64_t>& bounds, std::uint32_t first_step) {
    if (size_ == 1) return first_step;
    std::size_t largest = 0;
    for (int r = 0; r < size_; ++r) largest = std::max(largest, part(bounds, r).size());
    const auto slices = static_cast<std::uint32_t>(slices_of(largest));
    std::vector<std::byte> arrived(largest);
    for (int step = 0; step < size_ - 1; ++step) {
      const Bytes outgoing = part(bounds, wrap(rank_ - 1 - step));
      const Bytes own = part(bounds, wrap(rank_ - 2 - step));
      const Bytes incoming = Bytes(arrived).first(own.size());
      const std::size_t in = slices_of(own.size()), out = slices_of(outgoing.size());
      const std::unique_ptr<bool[]> here(new bool[in + 1]());
      const std::uint32_t base = first_step + static_cast<std::uint32_t>(step) * slices;
      for (std::size_t i = 0; i < in; ++i)
        messages_.receive(wrap(rank_ - 1), base + static_cast<std::uint32_t>(i), slice(incoming, i), &here[i]);
      for (std::size_t i = 0; i < out; ++i)
        messages_.send(wrap(rank_ + 1), base + static_cast<std::uint32_t>(i), slice(outgoing, i));
      for (std::size_t i = 0; i < in; ++i) {
        messages_.wait_for(here[i]);
        reduce(slice(own, i), slice(incoming, i));
      }
      messages_.wait_all();
    }
    return first_step + static_cast<std::uint32_t>(size_ - 1) * slices;
  }

  void ring_gather(const std::vector<std::int64_t>& bounds, std::uint32_t first_step) {
    for (int step = 0; step < size_ - 1; ++step) {
      messages_.receive(wrap(rank_ - 1), first_step + static_cast<std::uint32_t>(step),
                        part(bounds, wrap(rank_ - 1 - step)), nullptr);
      messages_.send(wrap(rank_ + 1), first_step + static_cast<std::uint32_t>(step), part(bounds, wrap(rank_ - step)));
      messages_.wait_all();
    }
  }

  void all_gather() {
    if (all().size() > direct_most) return ring_gather(call_.bounds, 0);
    for (int step = 1; step < size_; ++step) {
      messages_.receive(wrap(rank_ - step), 0, part(call_.bounds, wrap(rank_ - step)), nullptr);
      messages_.send(wrap(rank_ + step), 0, part(call_.bounds, rank_));
    }
  }

  // A binomial tree, slice by slice.
  void broadcast() {
    const int position = wrap(rank_ - call_.peer);
    int distance = 1;  // to the children: powers of two below the lowest set bit of the position
    while (distance < size_ && (position & distance) == 0) distance *= 2;
    const std::size_t slices = std::max<std::size_t>(slices_of(all().size()), 1);
    const std::unique_ptr<bool[]> here(new bool[slices]());
    if (position != 0)
      for (std::size_t i = 0; i < slices; ++i)
        messages_.receive(wrap(rank_ - distance), static_cast<std::uint32_t>(i), slice(all(), i), &here[i]);
    for (std::size_t i = 0; i < slices; ++i) {
      if (position != 0) messages_.wait_for(here[i]);
      for (int child = distance / 2; child > 0; child /= 2)
        if (position + child < size_)
          messages_.send(wrap(rank_ + child), static_cast<std::uint32_t>(i), slice(all(), i));
    }
    messages_.wait_all();
  }

  // Dissemination: after round k everyone has heard, directly or not, of 2^(k+1) ranks.
  void barrier() {
    std::uint32_t round = 0;
    for (int distance = 1; distance < size_; distance *= 2, ++round) {
      messages_.receive(wrap(rank_ - distance), round, {}, nullptr);
      messages_.send(wrap(rank_ + distance), round, {});
      messages_.wait_all();
    }
  }

  int rank_;
  int size_;
  const Collective& call_;
  std::size_t element_;
  Messages messages_;
};

}  // namespace

std::uint64_t signature_of(const Collective& collective) {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  const auto mix = [&](const void* data, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) hash = (hash ^ static_cast<const std::uint8_t*>(data)[i]) * 0x100000001B3U;
  };
  const auto mix_number = [&](auto number) { mix(&number, sizeof number); };
  mix_number(collective.kind);
  mix_number(collective.reduce);
  if (collective.kind == Kind::broadcast) mix_number(collective.peer);
  mix_number(collective.data.dtype());
  mix_number(collective.data.defined() ? collective.data.elements() : 0);
  for (const std::int64_t bound : collective.bounds) mix_number(bound);
  mix(collective.name.data(), collective.name.size());
  return hash;
}

void perform(const MeshPosition& position, const Collective& collective) { Performance(position, collective).run(); }

}  // namespace joist::parallel
