#include <joist/core/parallel/launch.h>
#include <joist/core/plugin.h>

namespace joist::parallel {
namespace {

using OpenFunction = Communicator* (*)(const Launch&, const JoinOptions&);

struct Loaded {
  OpenFunction open = nullptr;
  std::string missing{};
  std::string remedy{};
};

Loaded load() {
  // Open MPI's own plugins look its symbols up globally.
  const Plugin plugin = load_plugin(
      "mpi", {.to_build = "MPI was not installed",
              .to_run = "MPI's library could not be loaded",
              .remedy = "apt-get install libopenmpi-dev openmpi-bin, and build joist again where it was built without; "
                        "or meet by TCP: set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT",
              .global = true});
  return {.open = reinterpret_cast<OpenFunction>(plugin.function("joist_mpi_open")),
          .missing = plugin.missing,
          .remedy = plugin.remedy};
}

const Loaded& loaded() {
  static const Loaded plugin = load();
  return plugin;
}

}  // namespace

std::string why_no_mpi() { return loaded().missing; }

std::unique_ptr<Communicator> mpi_communicator(const Launch& launch, const JoinOptions& options) {
  const Loaded& plugin = loaded();
  if (!plugin.open) throw EnvironmentError({.where = "ranks by MPI", .what = plugin.missing, .remedy = plugin.remedy});
  return std::unique_ptr<Communicator>(plugin.open(launch, options));
}

}  // namespace joist::parallel
