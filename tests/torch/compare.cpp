#include <joist/core/mode.h>
#include <joist/tests/torch/compare.h>

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

namespace joist::torchdb {
namespace {

struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// PyTorch's own tests take 1.3e-6 and 1e-5 for float32, 1e-7 for float64, relative and absolute; sums of many terms of
// float32 differ by a little more. `scaled` is relative to the largest number of the tensor.
struct Tolerance {
  double relative, scaled, absolute;
};
Tolerance tolerance_of(Dtype dtype, double slack) {
  switch (dtype) {
    case Dtype::float64: return {1e-9 * slack, 1e-10 * slack, 1e-10 * slack};
    case Dtype::float32: return {2e-5 * slack, 4e-6 * slack, 4e-6 * slack};
    case Dtype::float16: return {2e-3 * slack, 1e-3 * slack, 1e-4 * slack};
    case Dtype::bfloat16: return {2e-2 * slack, 1e-2 * slack, 1e-3 * slack};
    default: return {0, 0, 0};
  }
}

struct Values {
  Shape shape{};
  std::vector<double> values{};
};

// Integers beyond 2^53 lose digits here, on both sides alike.
Values numbers_of(const Tensor& x) {
  const NoGradient off;
  return {x.shape(), to(x.detach(), Dtype::float64).value().to_vector<double>()};
}

void compare_numbers(const std::string& what, const Values& got, const Values& wanted, const Tolerance& tolerance) {
  if (got.shape != wanted.shape)
    throw Mismatch(fmt::format("{} has shape {} instead of {}", what, got.shape.text(), wanted.shape.text()));
  double largest = 0;
  for (const double value : wanted.values)
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  std::size_t wrong = 0, first = 0;
  double worst = 0;
  for (std::size_t i = 0; i < wanted.values.size(); ++i) {
    const double a = got.values[i], b = wanted.values[i];
    const double bound = tolerance.relative * std::abs(b) + tolerance.scaled * largest + tolerance.absolute;
    const bool good = std::isfinite(b) ? std::abs(a - b) <= bound : std::isnan(b) ? std::isnan(a) : a == b;
    if (good) continue;
    if (wrong++ == 0) first = i;
    worst = std::max(worst, std::abs(a - b) / std::max(1e-300, std::abs(b)));
  }
  if (wrong > 0)
    throw Mismatch(fmt::format(
        "{}: {} of {} numbers of {} differ; number {} is {:.12g} instead of {:.12g} (worst relative "
        "error {:.1e})",
        what, wrong, wanted.values.size(), wanted.shape.text(), first, got.values[first], wanted.values[first], worst));
}

void compare_tensor(const std::string& what, const Tensor& got, const Value& wanted, bool shapes_only, double slack) {
  if (!got.defined()) throw Mismatch(what + " is undefined");
  if (wanted.kind != Value::Kind::tensor) {  // a Python number
    const double value = wanted.kind == Value::Kind::number    ? wanted.number
                         : wanted.kind == Value::Kind::integer ? static_cast<double>(wanted.integer)
                                                               : static_cast<double>(wanted.flag);
    compare_numbers(what, numbers_of(got), {Shape{}, {value}}, tolerance_of(got.dtype(), slack));
    return;
  }
  if (got.dtype() != wanted.tensor.dtype())
    throw Mismatch(fmt::format("{} is {} instead of {}", what, name_of(got.dtype()), name_of(wanted.tensor.dtype())));
  if (shapes_only) {
    if (got.shape() != wanted.tensor.shape())
      throw Mismatch(
          fmt::format("{} has shape {} instead of {}", what, got.shape().text(), wanted.tensor.shape().text()));
    return;
  }
  compare_numbers(what, numbers_of(got), numbers_of(wanted.tensor), tolerance_of(got.dtype(), slack));
}

// Tensors and plain numbers of a result, depth first.
void collect_results(const Value& value, std::vector<const Value*>& found) {
  using Kind = Value::Kind;
  if (value.kind == Kind::list || value.kind == Kind::dict) {
    for (const Value& item : value.items) collect_results(item, found);
  } else if (value.kind != Kind::nothing) {
    found.push_back(&value);
  }
}

void run_backward(const std::vector<Tensor>& outputs, const Value& cotangents) {
  std::vector<std::pair<Tensor, Array>> wanted;
  std::size_t place = 0;  // cotangents belong to the tensors among the results
  for (const Tensor& output : outputs) {
    if (place >= cotangents.items.size()) break;
    const Value& cotangent = cotangents.items[place++];
    if (cotangent.none()) continue;
    if (!output.requires_grad()) continue;  // right where PyTorch's gradients are 0, which is compared
    wanted.emplace_back(output, cotangent.tensor.value());
  }
  if (wanted.size() == 1) return wanted[0].first.backward(wanted[0].second);
  Tensor total;
  for (const auto& [output, seed] : wanted) {
    const Tensor part = sum(output * Tensor(seed));
    total = total.defined() ? total + part : part;
  }
  if (total.defined()) total.backward();
}

void compare_gradients(const Value& record, double slack) {
  std::vector<const Value*> leaves;
  for (const char* part : {"args", "kwargs", "state", "inputs", "input_kwargs"}) collect_tensors(record[part], leaves);
  std::erase_if(leaves, [](const Value* leaf) { return !leaf->wanted; });
  const auto& gradients = record["gradients"].items;
  if (gradients.size() != leaves.size())
    throw Mismatch(fmt::format("{} gradients for {} tensors", gradients.size(), leaves.size()));
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::string what = fmt::format("gradient {} of {}", i, text_of(*leaves[i]));
    const Array got = leaves[i]->tensor.gradient();
    Values numbers{leaves[i]->tensor.shape(), {}};
    if (got.defined()) {
      numbers = numbers_of(Tensor(got));
    } else {
      numbers.values.assign(static_cast<std::size_t>(leaves[i]->tensor.value().elements()), 0.0);
    }
    Values wanted{numbers.shape, std::vector<double>(numbers.values.size(), 0.0)};
    if (!gradients[i].none()) wanted = numbers_of(gradients[i].tensor);
    compare_numbers(what, numbers, wanted, tolerance_of(leaves[i]->tensor.dtype(), 10 * slack));
  }
}

std::string unused_of(const Value& value, const std::string& name) {
  for (std::size_t i = 0; i < value.items.size(); ++i)
    if (!value.items[i].none() && !value.items[i].seen)
      return fmt::format("the entry ignores {} {}: {}", name, value.keys.empty() ? std::to_string(i) : value.keys[i],
                         text_of(value.items[i]));
  return "";
}

}  // namespace

Verdict check_sample(const Value& record, const Entry& entry, bool perturb) {
  manual_seed(1);
  try {
    Call call(record);
    const Mode mode(call.training ? Mode::training : Mode::evaluation);
    std::vector<Tensor> outputs = entry.run(call).tensors;
    for (const char* part : {"args", "kwargs", "inputs", "input_kwargs"})
      if (const std::string unused = unused_of(record[part], part); !unused.empty()) throw Mismatch(unused);
    if (perturb)
      for (Tensor& output : outputs) output = is_floating(output.dtype()) ? output * 1.001 + 1e-3 : eq(output, 0.0);
    std::vector<const Value*> wanted;
    collect_results(record["outputs"], wanted);
    if (wanted.size() != outputs.size())
      throw Mismatch(fmt::format("{} results instead of {}", outputs.size(), wanted.size()));
    for (std::size_t i = 0; i < wanted.size(); ++i)
      compare_tensor(fmt::format("output {}", i), outputs[i], *wanted[i], record["shapes_only"].flag, entry.slack);
    for (const auto& [name, buffer] : call.buffers)
      compare_tensor(name, buffer, record["after"][name], record["shapes_only"].flag, entry.slack);
    if (record["gradients"].items.empty()) return {};
    std::erase_if(outputs, [i = std::size_t{0}, &wanted](const Tensor&) mutable {
      return wanted[i++]->kind != Value::Kind::tensor;
    });
    run_backward(outputs, record["cotangents"]);
    compare_gradients(record, entry.slack);
    return {};
  } catch (const Unsupported& reason) {
    return {Verdict::unsupported, reason.what()};
  } catch (const UnsupportedError& error) {
    return {Verdict::unsupported, error.what()};
  } catch (const Error& error) {
    return {Verdict::refused, error.what()};
  } catch (const std::exception& error) {
    return {Verdict::failed, error.what()};
  }
}

}  // namespace joist::torchdb
