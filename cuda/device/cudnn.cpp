#include <joist/core/error.h>
#include <joist/cuda/device/cudnn.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <mutex>

namespace joist::cuda::cudnn {
namespace {
void require(cudnnStatus_t status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS) throw Refused(std::string(what) + ": " + Functions::instance().text(status));
}
}  // namespace

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  require(Functions::instance().cudnnBackendCreateDescriptor(type, &descriptor_), "creating a descriptor");
}
Descriptor::~Descriptor() {
  if (descriptor_) Functions::instance().cudnnBackendDestroyDescriptor(descriptor_);
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const void* values,
                            std::int64_t count) {
  require(Functions::instance().cudnnBackendSetAttribute(descriptor_, name, type, count, values),
          ("attribute " + std::to_string(name)).c_str());
  return *this;
}
Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, std::span<const Descriptor* const> values) {
  std::vector<cudnnBackendDescriptor_t> all;
  for (const Descriptor* value : values) all.push_back(value->raw());
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, all.data(), static_cast<std::int64_t>(all.size()));
}
Descriptor& Descriptor::finalize() {
  require(Functions::instance().cudnnBackendFinalize(descriptor_), "finalizing a descriptor");
  return *this;
}
void Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t most,
                     std::int64_t* count, void* values) const {
  require(Functions::instance().cudnnBackendGetAttribute(descriptor_, name, type, most, count, values),
          ("attribute " + std::to_string(name)).c_str());
}

Machine::Machine() {
  const Functions& functions = Functions::instance();
  functions.check(functions.cudnnCreate(&handle_), "being started");
}
Machine::Machine(const std::string& json)
    : properties_(std::make_unique<Descriptor>(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)) {
  properties_
      ->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, json.data(),
            static_cast<std::int64_t>(json.size()))
      .finalize();
}
const Machine& Machine::current() {
  static const Machine one;
  return one;
}

cudnnDataType_t type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::bfloat16: return CUDNN_DATA_BFLOAT16;
    case Dtype::float16: return CUDNN_DATA_HALF;
    default: return CUDNN_DATA_FLOAT;
  }
}

Descriptor tensor(std::int64_t id, cudnnDataType_t type, std::span<const std::int64_t> lengths,
                  std::span<const std::int64_t> strides, std::int64_t alignment, Place place) {
  Descriptor made(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  made.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, lengths)
      .set(CUDNN_ATTR_TENSOR_STRIDES, strides)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, place == Place::inner)
      .set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, place == Place::host)
      .finalize();
  return made;
}

namespace {

std::vector<cudnnBackendNumericalNote_t> notes_of(const Descriptor& engine) {
  return engine.get<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                                 CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
}

}  // namespace

void say_any_order() {
  static const bool said = [] {
    std::fprintf(stderr,
                 "joist: cuDNN adds in an order that changes from run to run: it has no other way for this shape\n");
    return true;
  }();
  static_cast<void>(said);
}

GraphPlan::GraphPlan(const Machine& machine, std::span<const Descriptor* const> operations, const Demands& demands) {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations);
  if (cudnnHandle_t handle = machine.handle())
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, &handle, 1);
  graph.finalize();
  for (const bool any_order : {false, true})
    for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
      if (try_mode(machine, graph, mode, demands, any_order)) return;
  throw Refused(refusals_.empty() ? "no engine computes this" : refusals_);
}

bool GraphPlan::try_mode(const Machine& machine, const Descriptor& graph, cudnnBackendHeurMode_t mode,
                         const Demands& demands, bool any_order) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, &mode, 1);
  if (machine.properties()) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *machine.properties());
  std::int64_t count = 0;
  std::vector<Descriptor> configurations;
  try {
    heuristics.finalize();
    heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr);
    std::vector<cudnnBackendDescriptor_t> raw;
    for (std::int64_t i = 0; i < count; ++i)
      raw.push_back(configurations.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).raw());
    if (count > 0)
      heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &count, raw.data());
  } catch (const Refused& refused) {
    refusals_ = refused.what();
    return false;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const Descriptor& configuration = configurations[static_cast<std::size_t>(i)];
    try {
      Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
      cudnnBackendDescriptor_t raw = engine.raw();
      std::int64_t found = 0;
      configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &found, &raw);
      const auto notes = notes_of(engine);
      const auto noted = [&](cudnnBackendNumericalNote_t note) { return std::ranges::count(notes, note) > 0; };
      if (noted(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) && !any_order) continue;
      if (noted(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) && !demands.short_sums) continue;
      if (demands.exact_float32 &&
          (noted(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) || noted(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) ||
           noted(CUDNN_NUMERICAL_NOTE_FFT) || noted(CUDNN_NUMERICAL_NOTE_WINOGRAD)))
        continue;
      auto plan = std::make_unique<Descriptor>(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan->set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
      if (machine.properties()) plan->set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *machine.properties());
      if (cudnnHandle_t handle = machine.handle())
        plan->set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, &handle, 1);
      plan->finalize();
      const auto bytes = plan->get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64);
      if (bytes.empty() || bytes[0] > demands.most_workspace) {
        refusals_ = "more workspace than " + std::to_string(demands.most_workspace >> 20) + " MiB";
        continue;
      }
      if (noted(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) say_any_order();
      const auto number = engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64);
      text_ = "engine " + std::to_string(number.empty() ? -1 : number[0]) +
              (mode == CUDNN_HEUR_MODE_A ? "" : " (fallback)") +
              (noted(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) ? ", tensor cores" : "") +
              (noted(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) ? ", any order" : "");
      workspace_ = static_cast<std::size_t>(bytes[0]);
      plan_ = std::move(plan);
      return true;
    } catch (const Refused& refused) {  // the next one, then
      refusals_ = refused.what();
    }
  }
  return false;
}

void GraphPlan::run(const char* name, std::span<const std::int64_t> ids, std::span<void* const> addresses,
                    void* workspace, void* stream) const {
  const Functions& functions = Functions::instance();
  const cudnnHandle_t handle = Machine::current().handle();
  try {
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, addresses.data(),
             static_cast<std::int64_t>(addresses.size()))
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, &workspace, 1)
        .finalize();
    static std::mutex mutex;  // the handle is one for all threads, and holds the stream
    const std::lock_guard lock(mutex);
    functions.check(functions.cudnnSetStream(handle, static_cast<cudaStream_t>(stream)), name);
    functions.check(functions.cudnnBackendExecute(handle, plan_->raw(), pack.raw()), name);
  } catch (const Refused& refused) {
    throw EnvironmentError(
        {.where = "cuDNN", .what = std::string(name) + ": " + refused.what(), .remedy = "JOIST_CUDNN=0 does without"});
  }
}

}  // namespace joist::cuda::cudnn
