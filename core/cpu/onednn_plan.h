// oneDNN primitives, made once per shape and kept: what onednn.cpp is written with.
#pragma once

#include <joist/core/cpu/parallel.h>
#include <joist/core/kernels.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dnnl.hpp>

namespace joist::onednn {

// Never destroyed: kernels may run in threads that outlive main().
inline const dnnl::engine& engine() {
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

/// Scratch memory comes from joist's allocator; with `accumulate` the primitive adds to its output.
inline dnnl::primitive_attr attributes(bool accumulate) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  return attributes;
}

inline Array bytes(std::size_t count) {
  return count == 0 ? Array{} : Array::empty({static_cast<std::int64_t>(count)}, Dtype::uint8);
}

/// A primitive and its arguments, of which only the addresses change from call to call.
class Step {
 public:
  struct Argument {
    int name;
    dnnl::memory::desc shape;
  };

  Step() = default;
  /// Arguments of empty shape are left out; they stand last.
  template <class Description>
  Step(dnnl::primitive primitive, const Description& description, std::initializer_list<Argument> arguments)
      : primitive_(std::move(primitive)), scratch_bytes_(description.scratchpad_desc().get_size()) {
    for (const auto& [name, shape] : arguments) add(name, shape);
    add(DNNL_ARG_SCRATCHPAD, description.scratchpad_desc());
  }
  static Step reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to, bool accumulate) {
    const dnnl::reorder::primitive_desc description(engine(), from, engine(), to, attributes(accumulate));
    return {dnnl::reorder(description), description, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
  }

  /// Addresses in the order of the constructor's arguments; those of arguments left out are ignored.
  void run(const dnnl::stream& stream, std::initializer_list<void*> addresses) {
    const Array scratch = bytes(scratch_bytes_);
    auto address = addresses.begin();
    for (std::size_t i = 0; i < memories_.size(); ++i)
      memories_[i].set_data_handle(scratch.defined() && i + 1 == memories_.size() ? scratch.raw() : *address++);
    // The C function takes the arguments as they are; dnnl::primitive::execute() would copy them to the heap.
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(primitive_.get(), stream.get(), static_cast<int>(arguments_.size()), arguments_.data()),
        "could not execute");
  }

 private:
  void add(int name, const dnnl::memory::desc& shape) {
    if (shape.get_size() == 0) return;
    memories_.emplace_back(shape, engine(), nullptr);
    arguments_.push_back({name, memories_.back().get()});
  }

  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
  std::size_t scratch_bytes_ = 0;
};

/// What one call runs: a primitive and, for convolutions, the reorder between the weights' array and the format that
/// the primitive chose for them.
struct Plan {
  explicit Plan(Step step) : main(std::move(step)) {}
  /// `chosen` is read or, if `written`, written by the primitive; with `accumulate` it is then added to the array.
  Plan(Step step, const dnnl::memory::desc& array, const dnnl::memory::desc& chosen, bool written = false,
       bool accumulate = false)
      : main(std::move(step)) {
    if (chosen == array && !accumulate) return;
    weights = written ? Step::reorder(chosen, array, accumulate) : Step::reorder(array, chosen, false);
    weight_bytes = chosen.get_size();
  }

  Step main;
  Step weights{};
  std::size_t weight_bytes = 0;  ///< in the chosen format; 0 where that is the array's own
  std::uint64_t used = 0;
};

/// Everything that shapes a plan. The instruction set is not in it: oneDNN fixes it once per process.
class Key {
 public:
  enum Operation : std::int64_t { forward, backward_input, backward_weight, matmul };

  explicit Key(Operation operation) { *this << operation << apply_threads(); }
  Key& operator<<(std::int64_t value) {
    values_[count_++] = value;
    return *this;
  }
  Key& operator<<(Dtype dtype) { return *this << static_cast<std::int64_t>(dtype); }
  Key& operator<<(const Shape& shape) {
    *this << shape.rank();
    for (std::int64_t length : shape) *this << length;
    return *this;
  }
  Key& operator<<(const ConvolutionOptions& options) {
    return *this << options.stride << options.padding << options.dilation << options.groups;
  }

  friend bool operator==(const Key& a, const Key& b) noexcept {
    return a.count_ == b.count_ && std::equal(a.values_.begin(), a.values_.begin() + a.count_, b.values_.begin());
  }
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      std::uint64_t mixed = 0;
      for (std::size_t i = 0; i < key.count_; ++i) {
        mixed = (mixed ^ static_cast<std::uint64_t>(key.values_[i])) * 0x9E3779B97F4A7C15u;
        mixed ^= mixed >> 32;
      }
      return mixed;
    }
  };

 private:
  std::array<std::int64_t, 72> values_;  // enough for three arrays of rank 8 with strides, a vector and some options
  std::uint32_t count_ = 0;
};

/// One per thread: plans hold the addresses of the call in progress. oneDNN's own cache shares the compiled code.
class Plans {
 public:
  static Plans& mine() {
    static thread_local Plans plans;
    return plans;
  }

  template <class Make>
  Plan& get(const Key& key, const Make& make) {
    auto found = plans_.find(key);
    if (found == plans_.end()) {
      Plan made = make();
      if (plans_.size() >= kept) forget_oldest();
      found = plans_.emplace(key, std::move(made)).first;
    }
    found->second.used = ++calls_;
    return found->second;
  }
  const dnnl::stream& stream() const { return stream_; }

 private:
  static constexpr std::size_t kept = 1024;

  void forget_oldest() {
    plans_.erase(std::min_element(plans_.begin(), plans_.end(),
                                  [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }

  dnnl::stream stream_{engine()};
  std::unordered_map<Key, Plan, Key::Hash> plans_;
  std::uint64_t calls_ = 0;
};

}  // namespace joist::onednn
