#include <joist/core/parallel/communicator.h>
#include <joist/core/parallel/recorder.h>

#include <cstring>
#include <utility>

namespace joist::parallel {

using Kind = Collective::Kind;

void Collective::finish(std::exception_ptr error) noexcept {
  const std::lock_guard lock(mutex_);
  if (finished_.load(std::memory_order_relaxed)) return;
  error_ = std::move(error);
  if (recorder) recorder->ended(*this);
  finished_.store(true, std::memory_order_release);
  changed_.notify_all();
}

void Collective::start() noexcept {
  if (recorder) recorder->started(*this);
}

void Collective::wait() {
  std::unique_lock lock(mutex_);
  waiting_.fetch_add(1, std::memory_order_relaxed);
  changed_.wait(lock, [&] { return finished_.load(std::memory_order_relaxed); });
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  if (error_) std::rethrow_exception(error_);
}

const char* name_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::all_reduce: return "all_reduce";
    case Kind::reduce_scatter: return "reduce_scatter";
    case Kind::all_gather: return "all_gather";
    case Kind::broadcast: return "broadcast";
    case Kind::barrier: return "barrier";
    case Kind::send: return "send";
    case Kind::receive: return "receive";
  }
  return "?";
}

const char* name_of(Reduce reduce) noexcept {
  return reduce == Reduce::sum ? "sum" : reduce == Reduce::max ? "max" : "min";
}

namespace {

std::string where_of(Kind kind, const std::string& name) { return std::string(name_of(kind)) + "(" + name + ")"; }

bool reducible(Dtype dtype) noexcept { return !is_half(dtype) && dtype != Dtype::boolean; }

// Rank r's part without bounds of the caller's.
std::vector<std::int64_t> equal_parts(const std::string& where, std::int64_t elements, int size) {
  if (elements % size != 0)
    throw ShapeError(
        {.where = where,
         .what = std::to_string(elements) + " elements do not part equally among " + std::to_string(size) + " ranks",
         .remedy = "pad the array, or give the parts' bounds"});
  std::vector<std::int64_t> bounds;
  for (int r = 0; r <= size; ++r) bounds.push_back(elements / size * r);
  return bounds;
}

void check_bounds(const std::string& where, const std::vector<std::int64_t>& bounds, std::int64_t elements, int size) {
  bool good = bounds.size() == static_cast<std::size_t>(size) + 1 && bounds.front() == 0 && bounds.back() == elements;
  for (std::size_t r = 1; good && r < bounds.size(); ++r) good = bounds[r] >= bounds[r - 1];
  if (!good)
    throw ShapeError({.where = where,
                      .what = "the bounds do not part the array",
                      .expected = std::to_string(size + 1) + " growing numbers from 0 to " + std::to_string(elements)});
}

}  // namespace

Work Communicator::issue(Kind kind, std::string name, const Array& data, Reduce reduce, int peer,
                         std::vector<std::int64_t> bounds) {
  const std::string where = where_of(kind, name);
  const bool reduces = kind == Kind::all_reduce || kind == Kind::reduce_scatter;
  if (kind != Kind::barrier) {
    if (!data.defined()) throw UsageError({.where = where, .what = "the array has no memory"});
    if (!data.is_dense())
      throw ShapeError({.where = where,
                        .what = "the array " + data.shape().text() + " has gaps in memory",
                        .remedy = "copy it into one block first"});
    if (reduces && !reducible(data.dtype()))
      throw DtypeError({.where = where,
                        .what = std::string(name_of(data.dtype())) + " is not reduced over ranks",
                        .expected = "float32, float64, int64, int32, int8 or uint8",
                        .remedy = "reduce a float32 copy"});
  }
  if (peer < 0 || peer >= size())
    throw UsageError({.where = where,
                      .what = "there is no rank " + std::to_string(peer),
                      .expected = "0 … " + std::to_string(size() - 1)});
  if ((kind == Kind::send || kind == Kind::receive) && peer == rank())
    throw UsageError({.where = where, .what = "a rank does not send messages to itself"});
  if (kind == Kind::reduce_scatter || kind == Kind::all_gather) {
    if (bounds.empty()) bounds = equal_parts(where, data.elements(), size());
    check_bounds(where, bounds, data.elements(), size());
  }
  throw_if_aborted();
  auto collective = std::make_shared<Collective>();
  collective->kind = kind;
  collective->reduce = reduce;
  collective->peer = peer;
  collective->name = std::move(name);
  collective->data = data;
  collective->bounds = std::move(bounds);
  collective->called = Clock::now();
  collective->recorder = recorder_;
  if (kind != Kind::send && kind != Kind::receive) collective->sequence = ++calls_;
  submit(collective);
  return Work(std::move(collective));
}

Work Communicator::all_reduce(std::string name, const Array& data, Reduce reduce) {
  return issue(Kind::all_reduce, std::move(name), data, reduce, 0, {});
}
Work Communicator::reduce_scatter(std::string name, const Array& data, Reduce reduce,
                                  std::vector<std::int64_t> bounds) {
  return issue(Kind::reduce_scatter, std::move(name), data, reduce, 0, std::move(bounds));
}
Work Communicator::all_gather(std::string name, const Array& data, std::vector<std::int64_t> bounds) {
  return issue(Kind::all_gather, std::move(name), data, Reduce::sum, 0, std::move(bounds));
}
Work Communicator::broadcast(std::string name, const Array& data, int root) {
  return issue(Kind::broadcast, std::move(name), data, Reduce::sum, root, {});
}
Work Communicator::send(std::string name, const Array& data, int to) {
  return issue(Kind::send, std::move(name), data, Reduce::sum, to, {});
}
Work Communicator::receive(std::string name, const Array& data, int from) {
  return issue(Kind::receive, std::move(name), data, Reduce::sum, from, {});
}
Work Communicator::barrier(std::string name) { return issue(Kind::barrier, std::move(name), {}, Reduce::sum, 0, {}); }

void Communicator::poll() { throw_if_aborted(); }
void Communicator::doing(const std::string& what) { recorder_->doing(what); }
void Communicator::begin_long_section(const std::string& what) { recorder_->begin_long_section(what); }
void Communicator::end_long_section() { recorder_->end_long_section(); }

Communicator::Communicator() : recorder_(std::make_shared<FlightRecorder>()) {}

double reduced(Communicator& communicator, const std::string& name, double value, Reduce reduce) {
  const Array array = Array::from(std::vector<double>{value}, {1});
  communicator.all_reduce(name, array, reduce).wait();
  return array.item();
}

std::vector<std::string> gathered_text(Communicator& communicator, const std::string& name, const std::string& text) {
  const auto size = static_cast<std::size_t>(communicator.size()), rank = static_cast<std::size_t>(communicator.rank());
  const Array lengths = Array::empty({communicator.size()}, Dtype::int64);
  lengths.data<std::int64_t>()[rank] = static_cast<std::int64_t>(text.size());
  communicator.all_gather(name + ": lengths", lengths).wait();
  std::vector<std::int64_t> bounds{0};
  for (std::size_t r = 0; r < size; ++r) bounds.push_back(bounds.back() + lengths.data<std::int64_t>()[r]);
  const Array bytes = Array::empty({bounds.back()}, Dtype::uint8);
  char* const begin = static_cast<char*>(bytes.raw());
  if (!text.empty()) std::memcpy(begin + bounds[rank], text.data(), text.size());
  communicator.all_gather(name, bytes, bounds).wait();
  std::vector<std::string> texts;
  for (std::size_t r = 0; r < size; ++r) texts.emplace_back(begin + bounds[r], begin + bounds[r + 1]);
  return texts;
}

std::string broadcast_text(Communicator& communicator, const std::string& name, const std::string& text, int root) {
  const Array length = Array::from(std::vector<std::int64_t>{static_cast<std::int64_t>(text.size())}, {1});
  communicator.broadcast(name + ": length", length, root).wait();
  const Array bytes = Array::empty({length.data<std::int64_t>()[0]}, Dtype::uint8);
  if (communicator.rank() == root && !text.empty()) std::memcpy(bytes.raw(), text.data(), text.size());
  communicator.broadcast(name, bytes, root).wait();
  return {static_cast<const char*>(bytes.raw()), bytes.bytes()};
}

}  // namespace joist::parallel
