#include <joist/core/error.h>
#include <joist/core/formats/archive.h>
#include <joist/core/parallel/gpu_communicator.h>
#include <joist/core/threads.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/team.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace joist {

Team::Team() : Team(parallel::self_communicator()) {}
Team::Team(parallel::Communicator& world) : world_(&world) {}
Team::Team(std::unique_ptr<parallel::Communicator> world) : own_(std::move(world)), world_(own_.get()) {}
Team::~Team() = default;

void Team::use_gpus() {
  if (size() == 1) return;
  if (!own_) throw InternalError({.where = "Team", .what = "its world belongs to somebody else"});
  std::unique_ptr<parallel::Communicator> host = std::exchange(own_, parallel::self_communicator());
  world_ = own_.get();
  own_ = parallel::gpu_communicator(std::move(host));
  world_ = own_.get();
}

std::int64_t micro_shards(const TrainOptions& options) {
  return options.deterministic == "world-size" ? options.micro_shards : 0;
}

BatchPart Team::part(const TrainOptions& options) const {
  const std::int64_t shards = micro_shards(options);
  if (shards == 0) return {.first = rank(), .last = rank() + 1, .of = size()};
  return {.first = static_cast<int>(shards * rank() / size()),
          .last = static_cast<int>(shards * (rank() + 1) / size()),
          .of = static_cast<int>(shards)};
}

std::int64_t Team::fair_threads() const {
  if (size() == 1) return 0;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::vector<std::int64_t> hosts(static_cast<std::size_t>(size()));
  hosts[static_cast<std::size_t>(rank())] = static_cast<std::int64_t>(std::hash<std::string>()(host.data()) >> 1);
  const Array all = Array::from(hosts, {size()});
  world_->all_gather("host names", all).wait();
  hosts = all.to_vector<std::int64_t>();
  const auto here = std::count(hosts.begin(), hosts.end(), hosts[static_cast<std::size_t>(rank())]);
  const bool bound = threads() < static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  if (std::getenv("OMP_NUM_THREADS") != nullptr || bound) return 0;
  return std::max<std::int64_t>(threads() / here, 1);
}

int Team::signal() const {
  if (size() == 1) return interrupted();
  return static_cast<int>(parallel::reduced(*world_, "signals", interrupted(), parallel::Reduce::max));
}

double Team::decided(const char* what, double own) const {
  if (size() == 1) return own;
  const Array number = Array::from(std::vector<double>{own}, {1});
  world_->broadcast(what, number).wait();
  return number.item();
}

std::string Team::decided(const char* what, const std::string& own) const {
  return size() == 1 ? own : parallel::broadcast_text(*world_, what, own);
}

std::optional<Checkpoint> Team::shared(std::optional<Checkpoint> own) const {
  if (size() == 1) return own;
  if (decided("checkpoint", own.has_value() ? 1 : 0) == 0) return std::nullopt;
  Archive archive = leads() ? archive_of(*own) : Archive{};
  nlohmann::json list{{"attributes", archive.attributes}, {"arrays", nlohmann::json::array()}};
  for (const NamedArray& named : archive.arrays) {
    std::vector<std::int64_t> shape;
    for (int axis = 0; axis < named.array.rank(); ++axis) shape.push_back(named.array.shape(axis));
    list["arrays"].push_back({named.name, static_cast<int>(named.array.dtype()), shape});
  }
  const nlohmann::json all = nlohmann::json::parse(decided("contents of the checkpoint", list.dump()));
  if (!leads()) archive.attributes = all.at("attributes").get<decltype(archive.attributes)>();
  std::size_t next = 0;
  for (const nlohmann::json& entry : all.at("arrays")) {
    const std::vector<std::int64_t> sides = entry.at(2);
    const Shape shape{std::span<const std::int64_t>(sides)};
    const auto dtype = static_cast<Dtype>(entry.at(1).get<int>());
    const std::string name = entry.at(0);
    Array array = leads() ? row_major_copy(archive.arrays[next].array) : Array::empty(shape, dtype);
    if (array.elements() > 0) world_->broadcast("checkpoint: " + name, array).wait();
    if (!leads()) archive.arrays.push_back({name, array});
    ++next;
  }
  return leads() ? std::move(own) : checkpoint_from(archive, "the checkpoint of rank 0");
}

void Team::require_same(const std::string& what, const std::string& own, const std::string& remedy) const {
  if (size() == 1) return;
  const std::string first = decided(what.c_str(), own);
  const double odd = parallel::reduced(*world_, what, first == own ? -1 : rank(), parallel::Reduce::max);
  if (odd < 0) return;
  throw DataError({.where = what,
                   .what = fmt::format("rank {} has another one than rank 0", odd),
                   .expected = "the same on all ranks",
                   .remedy = remedy});
}

}  // namespace joist
