// Libraries that are loaded at run time from beside libjoist, if they belong to the same build: MPI, CUDA.
#pragma once

#include <joist/core/device.h>

#include <string>

namespace joist {

struct Plugin {
  void* library = nullptr;  ///< nullptr: not loaded, and `missing` says why
  std::string missing{}, remedy{};

  /// A function of it; nullptr where there is none.
  void* function(const char* name) const;
};

/// What a plugin needs of the machine, for the messages.
struct PluginNeeds {
  std::string to_build;  ///< "MPI was not installed"
  std::string to_run;    ///< "MPI's library could not be loaded"
  std::string remedy;
  bool global = false;  ///< its libraries' symbols are there for all (RTLD_GLOBAL)
};

/// Loads libjoist_NAME.so, which is never closed. It must have a function joist_NAME_abi() that names this build.
Plugin load_plugin(const std::string& name, const PluginNeeds& needs);

/// Whether there is a libjoist_NAME.so to load.
bool plugin_exists(const std::string& name);

/// Loads the backend of a kind of device at the first call. Empty: it can be used; else why not.
const std::string& why_no_backend(Device::Kind kind);
/// Throws EnvironmentError that says why a device cannot be used.
void require_backend(Device device);

}  // namespace joist
