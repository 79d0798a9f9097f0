// What an entry of the dispatcher sees of a sample: its arguments by position and name, its layer's state; and what it
// returns.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/tests/torch/value.h>

#include <optional>
#include <stdexcept>
#include <tuple>

namespace joist::torchdb {

/// joist cannot express this sample; the reason stands in unsupported.json.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Positional and named arguments. An argument is found at its position or under its name, as in Python; position -1:
/// only by name. Each access marks the argument as used: a sample with an argument that its entry ignored fails.
class Args {
 public:
  Args(const Value& positional, const Value& named) : positional_(&positional), named_(&named) {}

  /// The value given; nothing when there is none.
  const Value& at(int position, const char* name = "") const;
  /// Given and not None.
  bool has(int position, const char* name = "") const { return !at(position, name).none(); }
  int count() const { return static_cast<int>(positional_->items.size()); }

  Tensor tensor(int position, const char* name = "") const;
  /// Undefined when absent or None.
  Tensor maybe(int position, const char* name = "") const;
  std::vector<Tensor> tensors(int position, const char* name = "") const;
  /// All positional arguments from `first` on, or the list that stands there.
  std::vector<Tensor> rest_of_tensors(int first) const;
  std::vector<std::int64_t> rest_of_integers(int first, const char* name = "") const;
  /// A tensor, or a number as a tensor without axes in the type that PyTorch computes it in beside `other`.
  Tensor operand(int position, const Tensor& other, const char* name = "other") const;
  bool is_number(int position, const char* name = "") const;

  double number(int position, const char* name) const;
  double number(int position, const char* name, double otherwise) const;
  std::int64_t integer(int position, const char* name) const;
  std::int64_t integer(int position, const char* name, std::int64_t otherwise) const;
  int axis(int position, const char* name) const { return static_cast<int>(integer(position, name)); }
  int axis(int position, const char* name, int otherwise) const {
    return static_cast<int>(integer(position, name, otherwise));
  }
  bool flag(int position, const char* name, bool otherwise) const;
  std::string text(int position, const char* name, const std::string& otherwise) const;
  /// A list of integers or one integer; empty when absent.
  std::vector<std::int64_t> integers(int position, const char* name) const;
  std::vector<int> axes(int position, const char* name) const;
  std::vector<double> numbers(int position, const char* name) const;
  Shape shape(int position, const char* name) const { return Shape(integers(position, name)); }
  /// One length per spatial axis from an integer or a list, `otherwise` in each when absent.
  Shape spread(int position, const char* name, int axes, std::int64_t otherwise) const;
  std::optional<Dtype> dtype(int position = -1, const char* name = "dtype") const;

 private:
  const Value *positional_, *named_;
};

/// One sample of a function (its arguments) or of a module (constructor's arguments, state, inputs).
class Call : public Args {
 public:
  explicit Call(const Value& record)
      : Args(record["args"], record["kwargs"]),
        inputs(record["inputs"], record["input_kwargs"]),
        training(record["training"].flag),
        record_(&record) {}

  /// Gives a layer the parameters and buffers of the sample. Names must be the same on both sides.
  template <class Layer>
  void load(Layer& layer) {
    std::vector<std::string> names;
    visit_fields(layer, [&]<class Field>(const std::string& name, Field& field) {
      static_cast<Tensor&>(field) = state(name);
      if constexpr (std::is_same_v<Field, Buffer>) buffers.emplace_back(name, field);
      names.push_back(name);
    });
    require_names(names);
  }
  /// A parameter or buffer by its name.
  Tensor state(const std::string& name) const;
  bool has_state(const std::string& name) const { return !(*record_)["state"][name].none(); }

  Args inputs;
  bool training;
  std::vector<std::pair<std::string, Tensor>> buffers{};

 private:
  void require_names(const std::vector<std::string>& names) const;
  const Value* record_;
};

/// The tensors that a function returned; numbers and truth values become tensors without axes.
struct Outputs {
  Outputs(const Tensor& tensor) : tensors{tensor} {}
  Outputs(std::vector<Tensor> list) : tensors(std::move(list)) {}
  Outputs(double value) : tensors{Tensor::full({}, value, Dtype::float64)} {}
  Outputs(bool value) : tensors{Tensor::full({}, value ? 1 : 0, Dtype::boolean)} {}
  template <class... T>
  Outputs(const std::tuple<T...>& several)
      : tensors(std::apply([](const auto&... each) { return std::vector<Tensor>{Tensor(each)...}; }, several)) {}
  Outputs(const std::pair<Tensor, Tensor>& two) : tensors{two.first, two.second} {}

  std::vector<Tensor> tensors;
};

}  // namespace joist::torchdb
