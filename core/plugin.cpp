#include <joist/core/error.h>
#include <joist/core/plugin.h>

#include <filesystem>
#include <system_error>

#include <dlfcn.h>

#ifndef JOIST_PLUGIN_ABI
#define JOIST_PLUGIN_ABI "unknown"
#endif

namespace joist {
namespace {

namespace fs = std::filesystem;

// Beside the library that holds this code: never a relative path, which would run what lies around.
fs::path path_of(const std::string& file) {
  Dl_info info{};
  std::error_code failed;
  if (::dladdr(reinterpret_cast<const void*>(&path_of), &info) == 0 || !info.dli_fname) return {};
  const fs::path own = fs::canonical(info.dli_fname, failed);
  if (failed) return {};
  for (const char* below : {".", "../lib"}) {
    fs::path path = (own.parent_path() / below / file).lexically_normal();
    if (fs::exists(path, failed)) return path;
  }
  return {};
}

// The GPU's library registers what it offers, or says why it cannot.
std::string start_cuda() {
  const Plugin plugin =
      load_plugin("cuda", {.to_build = "nvcc was not installed",
                           .to_run = "CUDA's backend could not be loaded",
                           .remedy = "install the CUDA toolkit 13 and build joist again with -DJOIST_WITH_CUDA=ON"});
  if (!plugin.library) return plugin.missing + "; " + plugin.remedy;
  using Start = const char* (*)();
  const auto start = reinterpret_cast<Start>(plugin.function("joist_cuda_start"));
  if (!start) return "libjoist_cuda.so cannot be started; install joist again";
  return start();
}

}  // namespace

void* Plugin::function(const char* name) const { return library ? ::dlsym(library, name) : nullptr; }

bool plugin_exists(const std::string& name) { return !path_of("libjoist_" + name + ".so").empty(); }

Plugin load_plugin(const std::string& name, const PluginNeeds& needs) {
  const std::string file = "libjoist_" + name + ".so";
  const fs::path path = path_of(file);
  if (path.empty())
    return {.missing = file + " is not beside libjoist: joist was built where " + needs.to_build,
            .remedy = needs.remedy};
  // Never closed: neither MPI nor CUDA survives that.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | (needs.global ? RTLD_GLOBAL : RTLD_LOCAL));
  if (!library) {
    const char* reason = ::dlerror();  // NOLINT(concurrency-mt-unsafe)
    return {.missing = needs.to_run + ": " + (reason ? reason : "no reason given"), .remedy = needs.remedy};
  }
  using Abi = const char* (*)();
  const auto abi = reinterpret_cast<Abi>(::dlsym(library, ("joist_" + name + "_abi").c_str()));
  if (!abi || std::string(abi()) != JOIST_PLUGIN_ABI)
    return {.missing = path.string() + " belongs to another version of joist", .remedy = "install joist again"};
  return {.library = library};
}

const std::string& why_no_backend(Device::Kind kind) {
  static const std::string none;
  if (kind != Device::Kind::cuda) return none;
  static const std::string why = start_cuda();
  return why;
}

void require_backend(Device device) {
  if (const std::string& why = why_no_backend(device.kind); !why.empty())
    throw EnvironmentError({.where = device.text(),
                            .what = why,
                            .remedy = "`joist doctor` says what this machine has; --device cpu works everywhere"});
}

}  // namespace joist
