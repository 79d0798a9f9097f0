// NVIDIA's libraries are loaded when they are first needed and never linked: they are hundreds of megabytes, and who
// does not need them need not have them.
#pragma once

#include <joist/core/error.h>

#include <string>
#include <vector>

#include <dlfcn.h>

namespace joist::cuda {

/// Load cuBLASLt's, NCCL's and cuDNN's functions, without starting any. Throw EnvironmentError that says what is
/// missing.
void load_product_library();
void load_collective_library();
void load_cudnn();

class Library {
 public:
  /// The first of the names that can be loaded. Throws EnvironmentError that says what is missing and what to install.
  Library(const std::string& what, const std::vector<std::string>& names, const std::string& package) : what_(what) {
    std::string reason;
    for (const std::string& name : names) {
      // Never closed: CUDA's libraries do not survive that.
      library_ = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (library_) return;
      if (const char* text = ::dlerror(); text && reason.empty()) reason = text;  // NOLINT(concurrency-mt-unsafe)
    }
    throw EnvironmentError(
        {.where = what,
         .what = names.front() + " is needed on the GPU and could not be loaded (" + reason + ")",
         .remedy = package + ", and its folder in LD_LIBRARY_PATH where the system does not know it"});
  }
  /// Throws EnvironmentError where the library is too old to have the function.
  template <class Function>
  void load(Function*& function, const char* name) const {
    if (!load_optional(function, name))
      throw EnvironmentError({.where = what_, .what = std::string("has no function ") + name, .remedy = "a newer one"});
  }
  template <class Function>
  bool load_optional(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(::dlsym(library_, name));
    return function != nullptr;
  }

 private:
  std::string what_;
  void* library_ = nullptr;
};

}  // namespace joist::cuda
