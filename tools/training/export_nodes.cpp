#include <joist/core/kernels.h>
#include <joist/tools/training/export_nodes.h>

namespace joist {
namespace {

std::vector<std::int64_t> list(const Shape& shape) { return {shape.begin(), shape.end()}; }

std::vector<std::int64_t> twice(const Shape& padding) {
  std::vector<std::int64_t> both = list(padding);
  both.insert(both.end(), padding.begin(), padding.end());
  return both;
}

[[noreturn]] void unsupported(const std::string& name) {
  throw UnsupportedError({.where = "ONNX export",
                          .what = "operation " + name,
                          .remedy = "keep losses and training-only operations out of the exported forward"});
}

// y = f(x), one overload per function that ONNX has a node, or a few, for.
struct UnaryNodes {
  OnnxBuilder& b;
  const std::string& x;
  const std::string& y;

  void one(const char* op, std::map<std::string, OnnxAttribute> attributes = {}) const {
    b.add(op, {x}, {y}, std::move(attributes));
  }
  void operator()(const Identity&) const { one("Identity"); }
  void operator()(const Affine& f) const {
    const std::string scaled = f.scale == 1 ? x : b.then("Mul", {x, b.scalar(f.scale)});
    b.add("Add", {scaled, b.scalar(f.shift)}, {y});
  }
  void operator()(const Absolute&) const { one("Abs"); }
  void operator()(const Square&) const { b.add("Mul", {x, x}, {y}); }
  void operator()(const SquareRoot&) const { one("Sqrt"); }
  void operator()(const Reciprocal&) const { one("Reciprocal"); }
  void operator()(const Exponential&) const { one("Exp"); }
  void operator()(const Logarithm&) const { one("Log"); }
  void operator()(const Sine&) const { one("Sin"); }
  void operator()(const Cosine&) const { one("Cos"); }
  void operator()(const Power& f) const { b.add("Pow", {x, b.scalar(f.exponent)}, {y}); }
  void operator()(const HyperbolicTangent&) const { one("Tanh"); }
  void operator()(const Sigmoid&) const { one("Sigmoid"); }
  void operator()(const Relu&) const { one("Relu"); }
  void operator()(const LeakyRelu& f) const { one("LeakyRelu", {{"alpha", static_cast<float>(f.slope)}}); }
  void operator()(const Elu& f) const { one("Elu", {{"alpha", static_cast<float>(f.alpha)}}); }
  void operator()(const Clamp& f) const { b.add("Clip", {x, b.scalar(f.low), b.scalar(f.high)}, {y}); }
  void operator()(const Silu&) const { b.add("Mul", {x, b.then("Sigmoid", {x})}, {y}); }
  void operator()(const Gelu&) const {
    const std::string erf = b.then("Erf", {b.then("Mul", {x, b.scalar(0.70710678F)})});
    b.add("Mul", {b.then("Mul", {x, b.scalar(0.5F)}), b.then("Add", {erf, b.scalar(1)})}, {y});
  }
  void operator()(const GeluTanh&) const {
    const std::string cube = b.then("Mul", {b.then("Mul", {x, b.then("Mul", {x, x})}), b.scalar(0.044715F)});
    const std::string inner = b.then("Mul", {b.then("Add", {x, cube}), b.scalar(0.79788456F)});
    b.add("Mul", {b.then("Mul", {x, b.scalar(0.5F)}), b.then("Add", {b.then("Tanh", {inner}), b.scalar(1)})}, {y});
  }
  void operator()(const HardSigmoid&) const { one("HardSigmoid", {{"alpha", 1.0F / 6.0F}, {"beta", 0.5F}}); }
  void operator()(const HardSwish&) const { one("HardSwish"); }
  void operator()(const Softplus& f) const {
    if (f.beta != 1) unsupported("softplus with beta " + std::to_string(f.beta));
    one("Softplus");
  }
  void operator()(const ReciprocalRoot&) const { b.add("Reciprocal", {b.then("Sqrt", {x})}, {y}); }
  void operator()(const Tangent&) const { one("Tan"); }
  void operator()(const ArcSine&) const { one("Asin"); }
  void operator()(const ArcCosine&) const { one("Acos"); }
  void operator()(const ArcTangent&) const { one("Atan"); }
  void operator()(const HyperbolicSine&) const { one("Sinh"); }
  void operator()(const HyperbolicCosine&) const { one("Cosh"); }
  void operator()(const ArcHyperbolicSine&) const { one("Asinh"); }
  void operator()(const ArcHyperbolicCosine&) const { one("Acosh"); }
  void operator()(const ArcHyperbolicTangent&) const { one("Atanh"); }
  void operator()(const ErrorFunction&) const { one("Erf"); }
  void operator()(const Sign&) const { one("Sign"); }
  void operator()(const Floor&) const { one("Floor"); }
  void operator()(const Ceiling&) const { one("Ceil"); }
  void operator()(const Round&) const { one("Round"); }
  void operator()(const Selu&) const { one("Selu"); }
  void operator()(const Celu& f) const { one("Celu", {{"alpha", static_cast<float>(f.alpha)}}); }
  void operator()(const Mish&) const { b.add("Mul", {x, b.then("Tanh", {b.then("Softplus", {x})})}, {y}); }
  void operator()(const Softsign&) const { one("Softsign"); }
  void operator()(const LogSigmoid&) const { b.add("Log", {b.then("Sigmoid", {x})}, {y}); }
  template <class Other>
  void operator()(const Other&) const {
    unsupported("a function of one operand that ONNX has no node for");
  }
};

struct BinaryName {
  const char* operator()(const Add&) const { return "Add"; }
  const char* operator()(const Subtract&) const { return "Sub"; }
  const char* operator()(const Multiply&) const { return "Mul"; }
  const char* operator()(const Divide&) const { return "Div"; }
  const char* operator()(const Maximum&) const { return "Max"; }
  const char* operator()(const Minimum&) const { return "Min"; }
  const char* operator()(const PowerOf&) const { return "Pow"; }
  const char* operator()(const ParametricRelu&) const { return "PRelu"; }
  template <class Other>
  const char* operator()(const Other&) const {
    return nullptr;
  }
};

void add_batch_norm(OnnxBuilder& b, const BatchNormOptions& options, const std::vector<std::string>& from,
                    const std::string& to) {
  const bool plain = std::holds_alternative<Identity>(options.activation);
  const std::string normalized = plain ? to : b.fresh();
  b.add("BatchNormalization", from, {normalized}, {{"epsilon", static_cast<float>(options.epsilon)}});
  if (!plain) std::visit(UnaryNodes{b, normalized, to}, options.activation);
}

void add_sum(OnnxBuilder& b, const SumAttribute& sum, const Tensor& input, const std::string& from, const Shape& shape,
             const std::string& to) {
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < input.rank(); ++axis)
    if (sum.kept[axis] == 1 && input.shape(axis) != 1) axes.push_back(axis);
  const std::string total =
      axes.empty() ? from : b.then("ReduceSum", {from, b.constant(axes)}, {{"keepdims", std::int64_t{1}}});
  const std::string scaled = sum.scale == 1 ? total : b.then("Mul", {total, b.scalar(static_cast<float>(sum.scale))});
  b.add("Reshape", {scaled, b.constant(list(shape))}, {to});  // drops the axes of length 1 that are not kept
}

void add_slices(OnnxBuilder& b, const SliceAttribute& part, const std::string& from, std::span<const Tensor> outputs,
                const std::vector<std::string>& to) {
  if (outputs.size() == 1) {
    b.add("Slice",
          {from, b.constant(std::vector{part.start}), b.constant(std::vector{part.stop}),
           b.constant(std::vector<std::int64_t>{part.axis}), b.constant(std::vector{part.step})},
          to);
    return;
  }
  std::vector<std::int64_t> sizes;
  for (const Tensor& output : outputs) sizes.push_back(output.shape(part.axis));
  b.add("Split", {from, b.constant(sizes)}, to, {{"axis", std::int64_t{part.axis}}});
}

}  // namespace

std::string OnnxBuilder::constant(const Array& value) {
  graph.initializers.push_back({"constant" + std::to_string(names++), value});
  return graph.initializers.back().name;
}

std::string OnnxBuilder::constant(const std::vector<std::int64_t>& values) {
  return constant(Array::from(values, {static_cast<std::int64_t>(values.size())}));
}

std::string OnnxBuilder::scalar(double value) {
  return constant(Array::from(std::vector{static_cast<float>(value)}, Shape{}));
}

void add_nodes(OnnxBuilder& b, const Operation& operation, std::span<const Tensor> inputs,
               const std::vector<std::string>& from, std::span<const Tensor> outputs,
               const std::vector<std::string>& to) {
  const Attributes& attributes = operation.attributes;
  switch (operation.op) {
    case Op::unary: std::visit(UnaryNodes{b, from[0], to[0]}, *attributes.as<Unary>()); return;
    case Op::binary:
      if (const char* name = std::visit(BinaryName{}, *attributes.as<Binary>())) return b.add(name, from, to);
      break;
    case Op::matmul: return b.add("MatMul", from, to);
    case Op::linear: {
      std::vector<std::string> operands{from[0], from[1]};
      if (!from[2].empty()) operands.push_back(from[2]);
      return b.add("Gemm", operands, to, {{"transB", std::int64_t{1}}});
    }
    case Op::convolution: {
      const auto& o = *attributes.as<ConvolutionOptions>();
      std::vector<std::string> operands{from[0], from[1]};
      if (!from[2].empty()) operands.push_back(from[2]);
      return b.add("Conv", operands, to,
                   {{"strides", list(o.stride)},
                    {"pads", twice(o.padding)},
                    {"dilations", list(o.dilation)},
                    {"group", o.groups}});
    }
    case Op::batch_norm: return add_batch_norm(b, *attributes.as<BatchNormOptions>(), from, to[0]);
    case Op::max_pool: {
      const auto& o = *attributes.as<PoolOptions>();
      return b.add("MaxPool", from, to,
                   {{"kernel_shape", list(o.kernel)},
                    {"strides", list(o.stride)},
                    {"pads", twice(o.padding)},
                    {"dilations", list(o.dilation)},
                    {"ceil_mode", std::int64_t{o.ceil_mode}}});
    }
    case Op::average_pool: {
      const auto& o = *attributes.as<PoolOptions>();
      if (o.divisor != 0) break;
      return b.add("AveragePool", from, to,
                   {{"kernel_shape", list(o.kernel)},
                    {"strides", list(o.stride)},
                    {"pads", twice(o.padding)},
                    {"ceil_mode", std::int64_t{o.ceil_mode}},
                    {"count_include_pad", std::int64_t{o.count_padding}}});
    }
    case Op::sum: return add_sum(b, *attributes.as<SumAttribute>(), inputs[0], from[0], outputs[0].shape(), to[0]);
    case Op::reshape:
    case Op::expand: {
      const std::string shape = b.constant(list(attributes.as<ShapeAttribute>()->shape));
      return b.add(operation.op == Op::reshape ? "Reshape" : "Expand", {from[0], shape}, to);
    }
    case Op::permute: return b.add("Transpose", from, to, {{"perm", list(attributes.as<PermuteAttribute>()->axes)}});
    case Op::slice: return add_slices(b, *attributes.as<SliceAttribute>(), from[0], outputs, to);
    case Op::concat: return b.add("Concat", from, to, {{"axis", std::int64_t{attributes.as<AxisAttribute>()->axis}}});
    case Op::take_rows: return b.add("Gather", from, to, {{"axis", std::int64_t{0}}});
    case Op::softmax: return b.add("Softmax", from, to, {{"axis", std::int64_t{attributes.as<AxisAttribute>()->axis}}});
    case Op::log_softmax:
      return b.add("LogSoftmax", from, to, {{"axis", std::int64_t{attributes.as<AxisAttribute>()->axis}}});
    case Op::resize_nearest: {
      // Whole factors say nothing of the batch.
      std::vector<std::string> operands{from[0], "", ""};
      std::vector<float> scales;
      for (int axis = 0; axis < inputs[0].rank(); ++axis)
        if (outputs[0].shape(axis) % inputs[0].shape(axis) == 0)
          scales.push_back(static_cast<float>(outputs[0].shape(axis) / inputs[0].shape(axis)));
      if (std::ssize(scales) == inputs[0].rank())
        operands[2] = b.constant(Array::from(scales, {std::ssize(scales)}));
      else
        operands.push_back(b.constant(list(outputs[0].shape())));
      return b.add("Resize", operands, to,
                   {{"mode", std::string("nearest")},
                    {"nearest_mode", std::string("floor")},
                    {"coordinate_transformation_mode", std::string("asymmetric")}});
    }
    case Op::copy: return b.add("Identity", from, to);
    default: break;
  }
  unsupported(name_of(operation.op));
}

}  // namespace joist
