#include <joist/core/parallel/launch.h>

#include <filesystem>
#include <system_error>

#include <dlfcn.h>

#ifndef JOIST_PLUGIN_ABI
#define JOIST_PLUGIN_ABI "unknown"
#endif

namespace joist::parallel {
namespace {

namespace fs = std::filesystem;

constexpr const char* plugin_name = "libjoist_mpi.so";

using AbiFunction = const char* (*)();
using OpenFunction = Communicator* (*)(const Launch&, const JoinOptions&);

// Beside the library that holds this code: never a relative path, which would run what lies around.
fs::path plugin_path() {
  Dl_info info{};
  std::error_code failed;
  if (::dladdr(reinterpret_cast<const void*>(&plugin_path), &info) == 0 || !info.dli_fname) return {};
  const fs::path own = fs::canonical(info.dli_fname, failed);
  if (failed) return {};
  for (const char* below : {".", "../lib"}) {
    fs::path path = (own.parent_path() / below / plugin_name).lexically_normal();
    if (fs::exists(path, failed)) return path;
  }
  return {};
}

struct Loaded {
  OpenFunction open = nullptr;
  std::string missing{};
  std::string remedy{};
};

Loaded load() {
  const fs::path path = plugin_path();
  if (path.empty())
    return {
        .missing = std::string(plugin_name) + " is not beside libjoist: joist was built where MPI was not installed",
        .remedy =
            "apt-get install libopenmpi-dev openmpi-bin, and build joist again; or meet by TCP: set RANK, "
            "WORLD_SIZE, MASTER_ADDR and MASTER_PORT"};
  // Open MPI's own plugins look its symbols up globally. It is never closed: MPI does not survive that.
  void* plugin = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!plugin) {
    const char* reason = ::dlerror();  // NOLINT(concurrency-mt-unsafe)
    return {.missing = "MPI's library could not be loaded: " + std::string(reason ? reason : "no reason given"),
            .remedy =
                "apt-get install libopenmpi3 openmpi-bin; or meet by TCP: set RANK, WORLD_SIZE, MASTER_ADDR and "
                "MASTER_PORT"};
  }
  const auto abi = reinterpret_cast<AbiFunction>(::dlsym(plugin, "joist_mpi_abi"));
  const auto open = reinterpret_cast<OpenFunction>(::dlsym(plugin, "joist_mpi_open"));
  if (!abi || !open || std::string(abi()) != JOIST_PLUGIN_ABI)
    return {.missing = path.string() + " belongs to another version of joist", .remedy = "install joist again"};
  return {.open = open};
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
