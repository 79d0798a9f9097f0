#include <joist/core/cpu/onednn.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>
#include <dnnl.hpp>
#include <dnnl_debug.h>
#include <joist/core/cpu/parallel.h>

namespace joist::onednn {
namespace {

using dnnl::memory;

constexpr std::size_t kept_plans = 1024;

// Never destroyed: kernels may run in threads that outlive main().
const dnnl::engine& engine() {
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

memory::dims dims_of(const Shape& shape) { return {shape.begin(), shape.end()}; }

memory::desc described(const Array& x) {
  return {dims_of(x.shape()), memory::data_type::f32, dims_of(x.strides())};
}

memory::desc channels_last_desc(const Array& x) {
  return {dims_of(x.shape()), memory::data_type::f32, memory::format_tag::nhwc};
}

dnnl::primitive_attr attributes(bool accumulate) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  return attributes;
}

Array bytes(std::size_t count) {
  return count == 0 ? Array{} : Array::empty({static_cast<std::int64_t>(count)}, Dtype::uint8);
}

// A primitive and its arguments, of which only the addresses change from call to call.
class Step {
 public:
  struct Argument {
    int name;
    memory::desc shape;
  };

  Step() = default;
  Step(dnnl::primitive primitive, const std::vector<Argument>& arguments, const memory::desc& scratch)
      : primitive_(std::move(primitive)), scratch_bytes_(scratch.get_size()) {
    for (const auto& [name, shape] : arguments) add(name, shape);
    if (scratch_bytes_) add(DNNL_ARG_SCRATCHPAD, scratch);
  }
  static Step reorder(const memory::desc& from, const memory::desc& to, bool accumulate) {
    const dnnl::reorder::primitive_desc wanted(engine(), from, engine(), to, attributes(accumulate));
    return {dnnl::reorder(wanted), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, wanted.scratchpad_desc()};
  }

  /// Addresses in the order of the arguments given to the constructor; those of optional last ones are ignored.
  void run(const dnnl::stream& stream, std::initializer_list<void*> addresses) {
    const Array scratch = bytes(scratch_bytes_);
    auto address = addresses.begin();
    for (std::size_t i = 0; i < memories_.size(); ++i)
      memories_[i].set_data_handle(scratch.defined() && i + 1 == memories_.size() ? scratch.raw() : *address++);
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive_.get(), stream.get(), static_cast<int>(arguments_.size()),
                                                   arguments_.data()),
                            "could not execute");
  }

 private:
  void add(int name, const memory::desc& shape) {
    memories_.emplace_back(shape, engine(), nullptr);
    arguments_.push_back({name, memories_.back().get()});
  }

  dnnl::primitive primitive_;
  std::vector<memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
  std::size_t scratch_bytes_ = 0;
};

// What one call runs: a primitive and, where they differ, the reorder between the weights' array and the primitive's format.
struct Plan {
  explicit Plan(Step step) : main(std::move(step)) {}
  Plan(Step step, const memory::desc& from, const memory::desc& to, const memory::desc& own, bool accumulate = false)
      : main(std::move(step)) {
    if (from == to && !accumulate) return;
    weights = Step::reorder(from, to, accumulate);
    weight_bytes = own.get_size();
  }

  Step main;
  Step weights{};
  std::size_t weight_bytes = 0;  // of the weights in the primitive's format; 0 where the array is used as it is
  std::uint64_t used = 0;
};

// Everything that shapes a plan. The instruction set is not in it: oneDNN fixes it once per process.
class Key {
 public:
  enum Operation : std::int64_t { forward, backward_input, backward_weight, matmul };

  explicit Key(Operation operation) { *this << operation << apply_threads(); }
  Key& operator<<(std::int64_t value) {
    values_[count_++] = value;
    return *this;
  }
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
  std::size_t hash() const noexcept {
    std::uint64_t mixed = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      mixed = (mixed ^ static_cast<std::uint64_t>(values_[i])) * 0x9E3779B97F4A7C15u;
      mixed ^= mixed >> 32;
    }
    return mixed;
  }

 private:
  std::array<std::int64_t, 72> values_;  // three arrays of rank 8 and some options
  std::size_t count_ = 0;
};

struct KeyHash {
  std::size_t operator()(const Key& key) const noexcept { return key.hash(); }
};

// One per thread: plans hold the addresses of the call in progress. oneDNN's own cache shares the compiled code.
class Plans {
 public:
  template <class Make>
  Plan& get(const Key& key, const Make& make) {
    auto found = plans_.find(key);
    if (found == plans_.end()) {
      Plan made = make();
      if (plans_.size() >= kept_plans) forget_oldest();
      found = plans_.emplace(key, std::move(made)).first;
    }
    found->second.used = ++calls_;
    return found->second;
  }
  const dnnl::stream& stream() const { return stream_; }

 private:
  void forget_oldest() {
    plans_.erase(std::min_element(plans_.begin(), plans_.end(),
                                  [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }

  dnnl::stream stream_{engine()};
  std::unordered_map<Key, Plan, KeyHash> plans_;
  std::uint64_t calls_ = 0;
};

Plans& plans() {
  static thread_local Plans plans;
  return plans;
}

std::string text(std::initializer_list<const Array*> operands) {
  std::string text;
  for (const Array* operand : operands)
    if (operand->defined()) text += (text.empty() ? "" : ", ") + operand->shape().text();
  return text;
}

// Runs the body; what oneDNN throws leaves as an error of ours.
template <class Body>
void guarded(const char* operation, std::initializer_list<const Array*> operands, const Body& body) {
  try {
    body();
  } catch (const dnnl::error& error) {
    const std::string what = std::string("oneDNN: ") + error.what() + " (" + dnnl_status2str(error.status) +
                             ") for shapes " + text(operands);
    if (error.status == dnnl_out_of_memory)
      throw EnvironmentError({.where = operation, .what = what, .remedy = "a smaller --batch or --size"});
    throw InternalError({.where = operation, .what = what});
  }
}

// ---- convolution ----------------------------------------------------------------------------------------------------

// Row-major [out, in/groups, height, width] as oneDNN wants it: with an axis of groups in front if there are several.
Shape grouped(const Shape& w, std::int64_t groups) {
  return groups == 1 ? w : w.with(0, w[0] / groups).inserted(0, groups);
}

memory::desc row_major_desc(const Shape& shape) {
  return {dims_of(shape), memory::data_type::f32, dims_of(row_major(shape))};
}

memory::desc any_format(const Shape& shape) {
  return {dims_of(shape), memory::data_type::f32, memory::format_tag::any};
}

// oneDNN counts the gaps.
memory::dims gaps(const ConvolutionOptions& options) { return {options.dilation[0] - 1, options.dilation[1] - 1}; }

constexpr auto direct = dnnl::algorithm::convolution_direct;  // Winograd would lose digits

using Forward = dnnl::convolution_forward;
using BackwardInput = dnnl::convolution_backward_data;
using BackwardWeight = dnnl::convolution_backward_weights;

// On processors before AVX2 oneDNN 2.6's depthwise kernels crash where channels do not fill whole vectors (an aligned read of
// what is not aligned): the next implementation is taken.
template <class Wanted>
Wanted sound(Wanted wanted, std::int64_t groups) {
  while (groups % 8 != 0 && std::strcmp(wanted.impl_info_str(), "jit_dw:sse41") == 0)
    if (!wanted.next_impl()) throw dnnl::error(dnnl_unimplemented, "no implementation");
  return wanted;
}

// w comes grouped, bias may be undefined.
Forward::primitive_desc forward_desc(const Array& x, const Shape& w, const Array& bias, const Array& y,
                                     const ConvolutionOptions& options, bool accumulate) {
  const memory::dims padding = dims_of(options.padding);
  return sound(Forward::primitive_desc(
                   {dnnl::prop_kind::forward_training, direct, channels_last_desc(x), any_format(w),
                    bias.defined() ? described(bias) : memory::desc(), channels_last_desc(y), dims_of(options.stride),
                    gaps(options), padding, padding},
                   attributes(accumulate), engine()),
               options.groups);
}

}  // namespace

void convolution(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  guarded("convolution", {&x, &w, &bias, &y.array}, [&] {
    const Key key = Key(Key::forward) << x.shape() << w.shape() << y.array.shape() << options << bias.defined() << y.accumulate;
    Plan& plan = plans().get(key, [&] {
      const Shape weights = grouped(w.shape(), options.groups);
      const auto wanted = forward_desc(x, weights, bias, y.array, options, y.accumulate);
      std::vector<Step::Argument> arguments{{DNNL_ARG_SRC, wanted.src_desc()},
                                            {DNNL_ARG_WEIGHTS, wanted.weights_desc()},
                                            {DNNL_ARG_DST, wanted.dst_desc()}};
      if (bias.defined()) arguments.push_back({DNNL_ARG_BIAS, wanted.bias_desc()});
      return Plan(Step(Forward(wanted), arguments, wanted.scratchpad_desc()), row_major_desc(weights), wanted.weights_desc(), wanted.weights_desc());
    });
    const Array scratch = bytes(plan.weight_bytes);
    if (scratch.defined()) plan.weights.run(plans().stream(), {w.raw(), scratch.raw()});
    plan.main.run(plans().stream(), {x.raw(), scratch.defined() ? scratch.raw() : w.raw(), y.array.raw(), bias.raw()});
  });
}

void convolution_backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Array& dx) {
  guarded("convolution_backward_input", {&dy, &w, &dx}, [&] {
    Plan& plan = plans().get(Key(Key::backward_input) << dy.shape() << w.shape() << dx.shape() << options, [&] {
      const Shape weights = grouped(w.shape(), options.groups);
      const memory::dims padding = dims_of(options.padding);
      const auto wanted = sound(
          BackwardInput::primitive_desc({direct, channels_last_desc(dx), any_format(weights), channels_last_desc(dy),
                                         dims_of(options.stride), gaps(options), padding, padding},
                                        attributes(false), engine(), forward_desc(dx, weights, {}, dy, options, false)),
          options.groups);
      return Plan(Step(BackwardInput(wanted), {{DNNL_ARG_DIFF_DST, wanted.diff_dst_desc()},
                                               {DNNL_ARG_WEIGHTS, wanted.weights_desc()},
                                               {DNNL_ARG_DIFF_SRC, wanted.diff_src_desc()}},
                       wanted.scratchpad_desc()),
                  row_major_desc(weights), wanted.weights_desc(), wanted.weights_desc());
    });
    const Array scratch = bytes(plan.weight_bytes);
    if (scratch.defined()) plan.weights.run(plans().stream(), {w.raw(), scratch.raw()});
    plan.main.run(plans().stream(), {dy.raw(), scratch.defined() ? scratch.raw() : w.raw(), dx.raw()});
  });
}

void convolution_backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw,
                                 const Array& db) {
  guarded("convolution_backward_weight", {&x, &dy, &dw.array, &db}, [&] {
    const Key key = Key(Key::backward_weight) << x.shape() << dy.shape() << dw.array.shape() << options << db.defined()
                                              << dw.accumulate;
    Plan& plan = plans().get(key, [&] {
      const Shape weights = grouped(dw.array.shape(), options.groups);
      const memory::dims padding = dims_of(options.padding);
      const auto wanted = sound(
          BackwardWeight::primitive_desc({direct, channels_last_desc(x), any_format(weights),
                                          db.defined() ? described(db) : memory::desc(), channels_last_desc(dy),
                                          dims_of(options.stride), gaps(options), padding, padding},
                                         attributes(false), engine(), forward_desc(x, weights, db, dy, options, false)),
          options.groups);
      std::vector<Step::Argument> arguments{{DNNL_ARG_SRC, wanted.src_desc()},
                                            {DNNL_ARG_DIFF_DST, wanted.diff_dst_desc()},
                                            {DNNL_ARG_DIFF_WEIGHTS, wanted.diff_weights_desc()}};
      if (db.defined()) arguments.push_back({DNNL_ARG_DIFF_BIAS, wanted.diff_bias_desc()});
      return Plan(Step(BackwardWeight(wanted), arguments, wanted.scratchpad_desc()), wanted.diff_weights_desc(),
                  row_major_desc(weights), wanted.diff_weights_desc(), dw.accumulate);
    });
    const Array scratch = bytes(plan.weight_bytes);
    plan.main.run(plans().stream(),
                  {x.raw(), dy.raw(), scratch.defined() ? scratch.raw() : dw.array.raw(), db.raw()});
    if (scratch.defined()) plan.weights.run(plans().stream(), {scratch.raw(), dw.array.raw()});
  });
}

void matmul(const Array& a, const Array& b, const Array& bias, const Out& y) {
  guarded("matmul", {&a, &b, &bias, &y.array}, [&] {
    Plan& plan = plans().get(Key(Key::matmul) << a.shape() << a.strides() << b.shape() << b.strides() << y.array.shape()
 << y.array.strides() << bias.defined() << y.accumulate, [&] {
      const Array row = bias.defined() ? bias.view(Shape::filled(y.array.rank(), 1).with(-1, bias.shape(0))) : bias;
      const dnnl::matmul::primitive_desc wanted(
          {described(a), described(b), bias.defined() ? described(row) : memory::desc(), described(y.array)},
          attributes(y.accumulate), engine());
      std::vector<Step::Argument> arguments{{DNNL_ARG_SRC, wanted.src_desc()},
                                            {DNNL_ARG_WEIGHTS, wanted.weights_desc()},
                                            {DNNL_ARG_DST, wanted.dst_desc()}};
      if (bias.defined()) arguments.push_back({DNNL_ARG_BIAS, wanted.bias_desc()});
      return Plan(Step(dnnl::matmul(wanted), arguments, wanted.scratchpad_desc()));
    });
    plan.main.run(plans().stream(), {a.raw(), b.raw(), y.array.raw(), bias.raw()});
  });
}

}  // namespace joist::onednn
