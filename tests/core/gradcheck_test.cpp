// The reference's gradients against central differences of its results (step 1e-6 in double, relative tolerance 1e-3).
// Elements where the two one-sided differences disagree lie at a kink and are skipped, at most 5 % of a case.
#include <joist/core/kernels.h>
#include <joist/tests/support/reference_backend.h>
#include <joist/tests/support/run_case.h>

#include <cmath>
#include <numeric>
#include <set>

namespace joist {
namespace {

constexpr double step = 1e-6, tolerance = 1e-3, skipped_share = 0.05;

struct Verdict {
  int checked = 0, skipped = 0;
  std::vector<std::string> wrong{};
};

Verdict check_gradients(const cases::Case& one) {
  const Device device = use_reference();
  const Result analytic = run_case(one, device);
  std::vector<std::vector<double>> inputs;
  for (std::size_t i = 0; i < one.inputs.size(); ++i) inputs.push_back(cases::values_of(one.name, one.inputs[i], i));

  // The sum over outputs of output * seed that run_case differentiates, and the magnitude of its terms (for its
  // rounding error).
  std::vector<std::vector<double>> seeds;
  {
    std::vector<Tensor> tensors = cases::inputs_of(one.name, one.inputs, device);
    const auto outputs = one.run(tensors).tensors;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      seeds.push_back(outputs[i].requires_grad() ? seeds_of(one, i, outputs[i].value().elements())
                                                 : std::vector<double>{});
  }
  double terms = 0;
  const auto loss = [&] {
    const NoGradient off;
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < inputs.size(); ++i) tensors.push_back(cases::place(one.inputs[i], inputs[i], device));
    const auto outputs = one.run(tensors).tensors;
    double total = 0;
    terms = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Values y = values_of(outputs[i].value());
      for (std::size_t k = 0; k < seeds[i].size(); ++k) {
        total += y.values[k] * seeds[i][k];
        terms += std::abs(y.values[k] * seeds[i][k]);
      }
    }
    return total;
  };

  Verdict verdict;
  const double center = loss();
  const double noise = 1e-15 * terms / step;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!one.inputs[i].gradient) continue;
    const auto& gradient = analytic.gradients[i].values;
    if (gradient.size() != inputs[i].size()) {
      verdict.wrong.push_back("input " + std::to_string(i) + " has no gradient");
      continue;
    }
    double scale = 0;
    for (const double value : gradient) scale = std::max(scale, std::abs(value));
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      const double before = inputs[i][k];
      inputs[i][k] = before + step;
      const double up = (loss() - center) / step;
      inputs[i][k] = before - step;
      const double down = (center - loss()) / step;
      inputs[i][k] = before;
      const double bound = tolerance * std::max(std::abs(gradient[k]), 1e-3 * scale) + noise;
      ++verdict.checked;
      if (std::abs((up + down) / 2 - gradient[k]) <= bound) continue;
      if (std::abs(up - down) > bound) {
        ++verdict.skipped;
        continue;
      }
      verdict.wrong.push_back("input " + std::to_string(i) + " element " + std::to_string(k) + ": gradient " +
                              std::to_string(gradient[k]) + ", differences " + std::to_string((up + down) / 2));
    }
  }
  return verdict;
}

std::vector<Listed> checked_cases() {
  std::vector<Listed> listed = all_cases();
  std::erase_if(listed, [](const Listed& x) { return !x.one->differentiable || x.one->large; });
  return listed;
}

class Gradcheck : public testing::TestWithParam<Listed> {};
INSTANTIATE_TEST_SUITE_P(Case, Gradcheck, testing::ValuesIn(checked_cases()), name_of_case);

TEST_P(Gradcheck, AgreesWithDifferences) {
  const Verdict verdict = check_gradients(*GetParam().one);
  for (const std::string& wrong : verdict.wrong) ADD_FAILURE() << wrong;
  EXPECT_LE(verdict.skipped, skipped_share * verdict.checked)
      << "of " << verdict.checked << " elements skipped at kinks";
}

Tensor with_gradient(const Tensor& x, double factor) {  // y = x² with a gradient of factor · 2x
  const auto& table = kernels(x.device()).elementwise;
  Array y = Array::like(x.value());
  table.unary(Square{}, x.value(), Out{y});
  return record({Op::unary, Square{}}, {x}, y, [x = saved(x), factor, &table](const Array& dy, Node& node) {
    const Array scaled = Array::like(dy);
    table.unary(Affine{static_cast<float>(factor)}, dy, Out{scaled});
    table.unary_backward(Square{}, x, scaled, node.slot(0));
  });
}

TEST(GradcheckItself, SeesWrongGradients) {
  const auto verdict = [](double factor) {
    return check_gradients(
        {"square", {cases::uniform({20})}, [factor](auto x) { return with_gradient(x[0], factor); }});
  };
  EXPECT_TRUE(verdict(1).wrong.empty());
  EXPECT_EQ(verdict(1).checked, 20);
  EXPECT_EQ(verdict(1.01).wrong.size(), 20U);
  EXPECT_EQ(verdict(-1).wrong.size(), 20U);
}

TEST(GradcheckItself, SkipsKinksOnly) {
  const std::vector<double> values{1, 0, -1, 0.5};
  const Verdict verdict = check_gradients({"kink", {cases::of_values({4}, values)}, [](auto x) { return relu(x[0]); }});
  EXPECT_EQ(verdict.skipped, 1);
  EXPECT_TRUE(verdict.wrong.empty());
}

// Every operation, every function of one and of two operands stands in a case that was checked above.
class Coverage final : public Listener {
 public:
  void on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor>) override {
    if (std::none_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.defined() && x.requires_grad(); }))
      return;
    ops.insert(operation.op);
    if (const auto* unary = operation.attributes.as<Unary>()) unaries.insert(unary->index());
    if (const auto* binary = operation.attributes.as<Binary>()) binaries.insert(binary->index());
  }
  std::set<Op> ops;
  std::set<std::size_t> unaries, binaries;
};

TEST(Cases, CoverEveryOperation) {
  Coverage coverage;
  {
    const Listening listening(coverage);
    for (const auto& [family, one] : checked_cases())
      one->run(cases::inputs_of(one->name, one->inputs, use_reference()));
  }
  for (int op = 0; op < op_count; ++op) {
    // Hooks belong to the tape, and listeners do not hear of them; the reference has one element type, so it never
    // casts (dtype_test.cpp); comparisons have no gradient; to listeners a normalized convolution is two operations.
    if (const Op now = static_cast<Op>(op);
        now == Op::hooks || now == Op::cast || now == Op::compare || now == Op::normalized_convolution)
      continue;
    EXPECT_TRUE(coverage.ops.contains(static_cast<Op>(op))) << "no case of " << name_of(static_cast<Op>(op));
  }
  for (std::size_t i = 0; i < std::variant_size_v<Unary>; ++i)
    EXPECT_TRUE(coverage.unaries.contains(i)) << "no case of function " << i << " of Unary";
  for (std::size_t i = 0; i < std::variant_size_v<Binary>; ++i)
    EXPECT_TRUE(coverage.binaries.contains(i)) << "no case of function " << i << " of Binary";
}

}  // namespace
}  // namespace joist
