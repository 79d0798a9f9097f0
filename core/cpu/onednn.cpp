#include <joist/core/cpu/onednn.h>
#include <joist/core/cpu/onednn_plan.h>

#include <cstring>
#include <string>

#include <dnnl_debug.h>

namespace joist::onednn {
namespace {

using Desc = dnnl::memory::desc;
using Forward = dnnl::convolution_forward;
using BackwardInput = dnnl::convolution_backward_data;
using BackwardWeight = dnnl::convolution_backward_weights;

// Its Winograd algorithm is F(4x4, 3x3), which loses digits; winograd.cpp has the smaller one.
constexpr auto direct = dnnl::algorithm::convolution_direct;

dnnl::memory::data_type type_of(Dtype dtype) {
  return dtype == Dtype::bfloat16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}
dnnl::memory::data_type type_of(const Array& x) { return type_of(x.dtype()); }

dnnl::memory::dims dims(const Shape& shape) { return {shape.begin(), shape.end()}; }

Desc strided(const Array& x) { return {dims(x.shape()), type_of(x), dims(x.strides())}; }
// Dense and in the primitive's own format, of the element type of `like`.
Desc dense(const Shape& shape, const Array& like) { return {dims(shape), type_of(like), dims(row_major(shape))}; }
Desc any_format(const Shape& shape, const Array& like) {
  return {dims(shape), type_of(like), dnnl::memory::format_tag::any};
}
Desc picture(const Array& x, Dtype dtype) {
  return {dims(x.shape()), type_of(dtype),
          x.rank() == 4 ? dnnl::memory::format_tag::nhwc : dnnl::memory::format_tag::ndhwc};
}
Desc picture(const Array& x) { return picture(x, x.dtype()); }
Desc vector(const Array& bias) { return bias.defined() ? dense(bias.shape(), bias) : Desc(); }

// [out, in/groups, ...] as oneDNN wants it: with an axis of groups in front if there are several.
Shape grouped(const Shape& w, std::int64_t groups) {
  return groups == 1 ? w : w.with(0, w[0] / groups).inserted(0, groups);
}

// oneDNN counts the gaps.
dnnl::memory::dims gaps(const ConvolutionOptions& options) {
  dnnl::memory::dims counts = dims(options.dilation);
  for (auto& count : counts) --count;
  return counts;
}

// On processors before AVX2 oneDNN 2.6's depthwise kernels crash where the channels do not fill whole vectors (they
// read with instructions for aligned memory): the next implementation is taken.
template <class Description>
Description sound(Description description, std::int64_t groups) {
  while (groups % 8 != 0 && std::strcmp(description.impl_info_str(), "jit_dw:sse41") == 0)
    if (!description.next_impl()) throw dnnl::error(dnnl_unimplemented, "no sound implementation");
  return description;
}

// Backwards, too, the pictures and weights that are multiplied have one element type.
Forward::primitive_desc describe_forward(const Array& x, Dtype multiplied, const Shape& w, const Array& bias,
                                         const Array& y, const ConvolutionOptions& options, bool accumulate) {
  const auto padding = dims(options.padding);
  const Desc weights{dims(grouped(w, options.groups)), type_of(multiplied), dnnl::memory::format_tag::any};
  return sound(
      Forward::primitive_desc({dnnl::prop_kind::forward_training, direct, picture(x, multiplied), weights, vector(bias),
                               picture(y), dims(options.stride), gaps(options), padding, padding},
                              attributes(accumulate), engine()),
      options.groups);
}

BackwardInput::primitive_desc describe_backward_input(const Array& dy, const Shape& w, const Array& dx,
                                                      const ConvolutionOptions& options) {
  const auto padding = dims(options.padding);
  return sound(BackwardInput::primitive_desc({direct, picture(dx), any_format(grouped(w, options.groups), dy),
                                              picture(dy), dims(options.stride), gaps(options), padding, padding},
                                             attributes(false), engine(),
                                             describe_forward(dx, dy.dtype(), w, {}, dy, options, false)),
               options.groups);
}

BackwardWeight::primitive_desc describe_backward_weight(const Array& x, const Array& dy, const Array& dw,
                                                        const Array& db, const ConvolutionOptions& options) {
  const auto padding = dims(options.padding);
  return sound(BackwardWeight::primitive_desc(
                   {direct, picture(x), any_format(grouped(dw.shape(), options.groups), dw), vector(db), picture(dy),
                    dims(options.stride), gaps(options), padding, padding},
                   attributes(false), engine(), describe_forward(x, x.dtype(), dw.shape(), db, dy, options, false)),
               options.groups);
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
    body(Plans::mine());
  } catch (const dnnl::error& error) {
    const std::string what = std::string("oneDNN: ") + error.what() + " (" + dnnl_status2str(error.status) +
                             ") for shapes " + text(operands);
    if (error.status == dnnl_out_of_memory)
      throw EnvironmentError({.where = operation, .what = what, .remedy = "a smaller --batch or --size"});
    throw InternalError({.where = operation, .what = what});
  }
}

}  // namespace

void convolution(const Array& x, const Array& w, const Array& bias, const ConvolutionOptions& options, const Out& y) {
  guarded("convolution", {&x, &w, &bias, &y.array}, [&](Plans& plans) {
    Key key(Key::forward);
    key << x.dtype() << y.array.dtype() << bias.dtype() << x.shape() << w.shape() << bias.shape() << y.array.shape()
        << options << y.accumulate;
    Plan& plan = plans.get(key, [&] {
      const auto wanted = describe_forward(x, x.dtype(), w.shape(), bias, y.array, options, y.accumulate);
      return Plan({Forward(wanted),
                   wanted,
                   {{DNNL_ARG_SRC, wanted.src_desc()},
                    {DNNL_ARG_WEIGHTS, wanted.weights_desc()},
                    {DNNL_ARG_DST, wanted.dst_desc()},
                    {DNNL_ARG_BIAS, wanted.bias_desc()}}},
                  dense(grouped(w.shape(), options.groups), w), wanted.weights_desc());
    });
    const Array own = bytes(plan.weight_bytes);
    if (own.defined()) plan.weights.run(plans.stream(), {w.raw(), own.raw()});
    plan.main.run(plans.stream(), {x.raw(), own.defined() ? own.raw() : w.raw(), y.array.raw(), bias.raw()});
  });
}

void convolution_backward_input(const Array& dy, const Array& w, const ConvolutionOptions& options, const Array& dx) {
  guarded("convolution_backward_input", {&dy, &w, &dx}, [&](Plans& plans) {
    Key key(Key::backward_input);
    key << dy.dtype() << dx.dtype() << dy.shape() << w.shape() << dx.shape() << options;
    Plan& plan = plans.get(key, [&] {
      const auto wanted = describe_backward_input(dy, w.shape(), dx, options);
      return Plan({BackwardInput(wanted),
                   wanted,
                   {{DNNL_ARG_DIFF_DST, wanted.diff_dst_desc()},
                    {DNNL_ARG_WEIGHTS, wanted.weights_desc()},
                    {DNNL_ARG_DIFF_SRC, wanted.diff_src_desc()}}},
                  dense(grouped(w.shape(), options.groups), w), wanted.weights_desc());
    });
    const Array own = bytes(plan.weight_bytes);
    if (own.defined()) plan.weights.run(plans.stream(), {w.raw(), own.raw()});
    plan.main.run(plans.stream(), {dy.raw(), own.defined() ? own.raw() : w.raw(), dx.raw()});
  });
}

void convolution_backward_weight(const Array& x, const Array& dy, const ConvolutionOptions& options, const Out& dw,
                                 const Array& db) {
  guarded("convolution_backward_weight", {&x, &dy, &dw.array, &db}, [&](Plans& plans) {
    Key key(Key::backward_weight);
    key << x.dtype() << dw.array.dtype() << db.dtype() << x.shape() << dy.shape() << dw.array.shape() << db.shape()
        << options << dw.accumulate;
    Plan& plan = plans.get(key, [&] {
      const auto wanted = describe_backward_weight(x, dy, dw.array, db, options);
      return Plan({BackwardWeight(wanted),
                   wanted,
                   {{DNNL_ARG_SRC, wanted.src_desc()},
                    {DNNL_ARG_DIFF_DST, wanted.diff_dst_desc()},
                    {DNNL_ARG_DIFF_WEIGHTS, wanted.diff_weights_desc()},
                    {DNNL_ARG_DIFF_BIAS, wanted.diff_bias_desc()}}},
                  dense(grouped(dw.array.shape(), options.groups), dw.array), wanted.diff_weights_desc(), true,
                  dw.accumulate);
    });
    const Array own = bytes(plan.weight_bytes);
    plan.main.run(plans.stream(), {x.raw(), dy.raw(), own.defined() ? own.raw() : dw.array.raw(), db.raw()});
    if (own.defined()) plan.weights.run(plans.stream(), {own.raw(), dw.array.raw()});
  });
}

void matmul(const Array& a, const Array& b, const Array& bias, const Out& y) {
  guarded("matmul", {&a, &b, &bias, &y.array}, [&](Plans& plans) {
    Key key(Key::matmul);
    for (const Array* matrices : {&a, &b, &y.array}) key << matrices->shape() << matrices->strides();
    key << a.dtype() << bias.dtype() << y.array.dtype() << bias.shape() << y.accumulate;
    Plan& plan = plans.get(key, [&] {
      const Shape row = Shape::filled(y.array.rank(), 1).with(-1, y.array.shape(-1));
      const dnnl::matmul::primitive_desc wanted(
          {strided(a), strided(b), bias.defined() ? dense(row, bias) : Desc(), strided(y.array)},
          attributes(y.accumulate), engine());
      return Plan({dnnl::matmul(wanted),
                   wanted,
                   {{DNNL_ARG_SRC, wanted.src_desc()},
                    {DNNL_ARG_WEIGHTS, wanted.weights_desc()},
                    {DNNL_ARG_DST, wanted.dst_desc()},
                    {DNNL_ARG_BIAS, wanted.bias_desc()}}});
    });
    plan.main.run(plans.stream(), {a.raw(), b.raw(), y.array.raw(), bias.raw()});
  });
}

namespace {
// The values of this enumeration are sets of bits.
bool has(dnnl::cpu_isa wanted) {
  static const auto best = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (best & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}
}  // namespace

bool has_bfloat16() { return has(dnnl::cpu_isa::avx512_core_bf16); }
bool has_bfloat16_tiles() { return has(dnnl::cpu_isa::avx512_core_amx); }

}  // namespace joist::onednn
