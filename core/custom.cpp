#include <joist/core/custom.h>
#include <joist/core/kernels/elementwise.h>

#include <algorithm>

namespace joist {

void CustomContext::save(std::span<const Tensor> tensors) {
  for (const Tensor& tensor : tensors) saved_.emplace_back(tensor.value());
}

Tensor CustomContext::saved(std::size_t position) const {
  if (position >= saved_.size())
    throw UsageError({.where = "custom operation",
                      .what = "saved tensor " + std::to_string(position) + " of " + std::to_string(saved_.size()),
                      .expected = "a position below the number of tensors that forward saved",
                      .remedy = "call context.save({…}) in forward"});
  return Tensor(saved_[position].get());
}

class CustomOperation {
 public:
  struct Like {
    Shape shape{};
    Dtype dtype = Dtype::float32;
    Device device{};
    explicit Like(const Tensor& x) {
      if (x.defined()) shape = x.shape(), dtype = x.dtype(), device = x.device();
    }
  };

  static std::vector<Tensor> run(std::string_view name, std::span<const Tensor> inputs, const CustomForward& forward,
                                 CustomBackward backward) {
    if (inputs.size() > 64)
      throw UsageError({.where = std::string(name),
                        .what = std::to_string(inputs.size()) + " inputs",
                        .expected = "at most 64",
                        .remedy = "concat them"});
    CustomAttribute attribute;
    std::copy_n(name.begin(), std::min(name.size(), attribute.name.size() - 1), attribute.name.begin());
    CustomContext context;
    std::vector<Tensor> results;
    {
      const NoGradient off;
      results = forward(context, inputs);
    }
    std::vector<Array> outputs;
    std::vector<Like> given, made;
    for (const Tensor& input : inputs) given.emplace_back(input);
    for (const Tensor& result : results) {
      made.emplace_back(result);
      outputs.push_back(result.value());
    }
    return record(
        {Op::custom, attribute}, inputs, std::move(outputs),
        [name = std::string(name), context = std::move(context), given = std::move(given), made = std::move(made),
         backward = std::move(backward)](std::span<const Array> dys, Node& node) mutable {
          run_backward(name, context, given, made, backward, dys, node);
        });
  }

 private:
  static void run_backward(const std::string& name, CustomContext& context, const std::vector<Like>& inputs,
                           const std::vector<Like>& outputs, const CustomBackward& backward, std::span<const Array> dys,
                           Node& node) {
    context.wanted_ = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (node.wants(static_cast<int>(i))) context.wanted_ |= std::uint64_t{1} << i;
    std::vector<Tensor> given;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      given.push_back(dys[i].defined() ? Tensor(dys[i])
                                       : Tensor::zeros(outputs[i].shape, outputs[i].dtype, outputs[i].device));
    const std::vector<Tensor> gradients = backward(context, given);
    if (gradients.size() != inputs.size())
      throw ShapeError(
          {.where = "backward of " + name,
           .what = std::to_string(gradients.size()) + " gradients for " + std::to_string(inputs.size()) + " inputs",
           .expected = "one for each input",
           .remedy = "return an undefined Tensor for an input without gradient"});
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const int input = static_cast<int>(i);
      if (!node.wants(input)) continue;
      const Like& like = inputs[i];
      if (!gradients[i].defined()) {
        const Out out = node.slot(input);
        if (!out.accumulate) kernels_of<ElementwiseKernels>(out.array).fill(0.0, out.array);
        continue;
      }
      const std::string where = "backward of " + name + ", input " + std::to_string(i);
      if (gradients[i].shape() != like.shape)
        throw ShapeError({.where = where,
                          .what = "a gradient of shape " + gradients[i].shape().text() + " for an input of shape " +
                                  like.shape.text(),
                          .expected = like.shape.text(),
                          .remedy = "sum over the axes along which forward broadcast the input"});
      if (gradients[i].dtype() != like.dtype || gradients[i].device() != like.device)
        throw DtypeError({.where = where,
                          .what = "a gradient of " + std::string(name_of(gradients[i].dtype())) + " on " +
                                  gradients[i].device().text(),
                          .expected = std::string(name_of(like.dtype)) + " on " + like.device.text(),
                          .remedy = "convert it with to()"});
      node.give(input, gradients[i].value());
    }
  }
};

std::vector<Tensor> custom_many(std::string_view name, std::span<const Tensor> inputs, const CustomForward& forward,
                                CustomBackward backward) {
  return CustomOperation::run(name, inputs, forward, std::move(backward));
}

Tensor custom(std::string_view name, std::initializer_list<Tensor> inputs,
              const std::function<Tensor(CustomContext&, std::span<const Tensor> inputs)>& forward,
              CustomBackward backward) {
  const auto one = [&forward](CustomContext& context, std::span<const Tensor> x) {
    return std::vector{forward(context, x)};
  };
  return custom_many(name, std::span(inputs.begin(), inputs.size()), one, std::move(backward))[0];
}

}  // namespace joist
