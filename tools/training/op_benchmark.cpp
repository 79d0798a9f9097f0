#include <joist/core/gradient.h>
#include <joist/core/kernels.h>
#include <joist/tools/training/op_benchmark.h>

#include <algorithm>
#include <chrono>

namespace joist {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double seconds_per_case = 0.5;
constexpr double backward_products = 2;  // for each of forward's: the gradients of both operands
constexpr std::size_t least_runs = 5, most_runs = 300;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// What an operation reads and writes, once each.
class Traffic final : public Listener {
 public:
  void on_record(const Operation&, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override {
    if (outputs.empty() || shares(inputs, outputs[0])) return;  // a view moves nothing
    for (const Tensor& input : inputs)
      if (input.defined()) {
        read += static_cast<double>(input.value().bytes());
        if (input.requires_grad()) gradients += static_cast<double>(input.value().bytes());
      }
    for (const Tensor& output : outputs) written += static_cast<double>(output.value().bytes());
  }
  double forward() const { return read + written; }
  /// The result's gradient and the operands come in, the operands' gradients go out.
  double backward() const { return written + read + gradients; }

 private:
  static bool shares(std::span<const Tensor> inputs, const Tensor& output) {
    return std::any_of(inputs.begin(), inputs.end(), [&](const Tensor& input) {
      return input.defined() && input.value().shares_memory_with(output.value());
    });
  }
  double read = 0, written = 0, gradients = 0;
};

OpTiming timing(const OpCase& one, const char* direction, double milliseconds, double flops, double bytes,
                const Roofline& roofline) {
  const double by_product = flops / roofline.gemm_gflops / 1e6;
  const double by_copy = bytes / roofline.copy_gb_per_second / 1e6;
  return {.name = one.name,
          .direction = direction,
          .milliseconds = milliseconds,
          .gflops = flops / milliseconds / 1e6,
          .gb_per_second = bytes / milliseconds / 1e6,
          .bound = by_product > by_copy ? "GEMM" : "copy",
          .share_of_bound = std::max(by_product, by_copy) / milliseconds};
}

void run(const OpCase& one, const Roofline& roofline, std::vector<OpTiming>& results) {
  const OpCall made = one.make();
  const bool updates = one.updated_bytes > 0;
  Traffic traffic;
  Array seed;
  {
    const Listening listening(traffic);
    const Tensor y = made.call();  // also plans
    if (!updates) {
      seed = Array::like(y.value());
      kernels(seed).elementwise.fill(1, seed);
      y.backward(seed);
      for (const Tensor& leaf : made.leaves) leaf.clear_gradient();
    }
  }
  std::vector<double> forward, backward;
  const auto began = Clock::now();
  while (forward.size() < least_runs ||
         (forward.size() < most_runs && milliseconds_since(began) < 1000 * seconds_per_case)) {
    const auto start = Clock::now();
    const Tensor y = made.call();
    forward.push_back(milliseconds_since(start));
    if (updates) continue;
    const auto turn = Clock::now();
    y.backward(seed);
    backward.push_back(milliseconds_since(turn));
    for (const Tensor& leaf : made.leaves) leaf.clear_gradient();
  }
  if (updates) {
    results.push_back(timing(one, "update", median(forward), one.flops, one.updated_bytes, roofline));
    return;
  }
  results.push_back(timing(one, "forward", median(forward), one.flops, traffic.forward(), roofline));
  results.push_back(
      timing(one, "backward", median(backward), one.flops * backward_products, traffic.backward(), roofline));
}

}  // namespace

std::vector<OpTiming> benchmark_ops(const std::vector<OpCase>& cases, const Roofline& roofline) {
  std::vector<OpTiming> results;
  for (const OpCase& one : cases) run(one, roofline, results);
  std::sort(results.begin(), results.end(),
            [](const OpTiming& a, const OpTiming& b) { return a.share_of_bound < b.share_of_bound; });
  return results;
}

}  // namespace joist
