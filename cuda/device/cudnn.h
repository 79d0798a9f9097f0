// cuDNN's graphs by its own C interface: descriptors that are filled attribute by attribute and finalized. The whole of
// what joist needs of it is this file, so NVIDIA's cudnn-frontend headers are not: nothing to download for a build.
#pragma once

#include <joist/core/dtype.h>
#include <joist/cuda/device/cudnn_functions.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace joist::cuda::cudnn {

/// cuDNN does not take a description; why in what(). Caught where plans are made.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A backend descriptor.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;

  /// Throw Refused.
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const void* values,
                  std::int64_t count);
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values) {
    return set(name, CUDNN_TYPE_INT64, values.data(), static_cast<std::int64_t>(values.size()));
  }
  Descriptor& set(cudnnBackendAttributeName_t name, std::int64_t value) {
    return set(name, CUDNN_TYPE_INT64, &value, 1);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, float value) { return set(name, CUDNN_TYPE_FLOAT, &value, 1); }
  Descriptor& set(cudnnBackendAttributeName_t name, bool value) { return set(name, CUDNN_TYPE_BOOLEAN, &value, 1); }
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
    return set(name, CUDNN_TYPE_DATA_TYPE, &value, 1);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const Descriptor* const> values);
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    const Descriptor* const single = &value;
    return set(name, std::span(&single, 1));
  }
  Descriptor& finalize();

  /// As many values as there are, at most `most`. Throws Refused.
  template <class T>
  std::vector<T> get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t most = 1) const {
    std::vector<T> values(static_cast<std::size_t>(most));
    std::int64_t count = 0;
    get(name, type, most, &count, values.data());
    values.resize(static_cast<std::size_t>(std::min(count, most)));
    return values;
  }
  void get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t most, std::int64_t* count,
           void* values) const;
  cudnnBackendDescriptor_t raw() const { return descriptor_; }

 private:
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

/// The GPU that plans are made for: the one of a handle, or one that need not be there, from the properties that cuDNN
/// writes as JSON (since 9.8; CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION).
class Machine {
 public:
  static const Machine& current();
  explicit Machine(const std::string& json);
  cudnnHandle_t handle() const { return handle_; }
  const Descriptor* properties() const { return properties_.get(); }

 private:
  Machine();
  cudnnHandle_t handle_ = nullptr;
  std::unique_ptr<Descriptor> properties_{};
};

cudnnDataType_t type_of(Dtype dtype);
enum class Place : std::uint8_t {
  memory,  ///< an array
  inner,   ///< an intermediate that never reaches memory
  host     ///< a number that the host gives at every run, by its address
};
Descriptor tensor(std::int64_t id, cudnnDataType_t type, std::span<const std::int64_t> lengths,
                  std::span<const std::int64_t> strides, std::int64_t alignment, Place place = Place::memory);

/// Which of the ways that cuDNN offers may be taken.
struct Demands {
  bool exact_float32 = false;  ///< no TF32, no transforms that lose digits
  bool short_sums = false;     ///< partial sums may have 16 bits
  std::int64_t most_workspace = std::int64_t{512} << 20;
};
/// Says, once, that sums come out otherwise from run to run.
void say_any_order();
/// Operations that cuDNN computes together, and how.
class GraphPlan {
 public:
  /// Takes the first of cuDNN's suggestions, best first, that meets the demands and whose sums have always the same
  /// order; where none has, says so once and takes what there is. Throws Refused where there is no way.
  GraphPlan(const Machine& machine, std::span<const Descriptor* const> operations, const Demands& demands);
  std::size_t workspace() const { return workspace_; }
  /// The engine and what is said of it.
  const std::string& text() const { return text_; }
  /// Addresses by the ids of tensors.
  void run(const char* name, std::span<const std::int64_t> ids, std::span<void* const> addresses, void* workspace,
           void* stream) const;

 private:
  bool try_mode(const Machine& machine, const Descriptor& graph, cudnnBackendHeurMode_t mode, const Demands& demands,
                bool any_order);
  std::unique_ptr<Descriptor> plan_{};
  std::size_t workspace_ = 0;
  std::string text_{}, refusals_{};
};

}  // namespace joist::cuda::cudnn
