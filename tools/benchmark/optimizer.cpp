// How much of the memory's speed the optimizers reach: bytes that must move (parameters, gradients and what is
// remembered) against a copy on the same cores.
//   ninja -C build/release joist_benchmark && build/release/bin/joist_benchmark --benchmark_filter=Optimizer
#include <joist/core/kernels.h>
#include <joist/optim/registry.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include <benchmark/benchmark.h>

namespace joist {
namespace {

constexpr std::int64_t elements = std::int64_t{1} << 25;  // 128 MiB per array

template <class Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Interleaved, so that both see the same load of the machine; the fastest of each counts.
void optimizer(benchmark::State& state, const std::string& name) {
  const std::vector<Field> fields{{"weight", Parameter(Tensor::full({elements / 4096, 4096}, 0.5).value()), true}};
  FlatParameters parameters(fields, together);
  const auto step = make_optimizer(name, parameters, {{"clear_gradients", "false"}});
  fields[0].tensor.backward(Tensor::full(fields[0].tensor.shape(), 0.01).value());
  std::int64_t remembered = 0;
  for (const NamedState& array : step->state().arrays) remembered += array.array.elements() == elements ? 1 : 0;
  const double step_bytes = static_cast<double>((3 + 2 * remembered) * elements) * sizeof(float);
  const double copy_bytes = static_cast<double>(2 * elements) * sizeof(float);
  const Array from = parameters.zeros(), to = parameters.zeros();
  double copy = std::numeric_limits<double>::infinity(), update = copy;
  for (auto unused : state) {
    copy = std::min(copy, seconds_of([&] { kernels(to).elementwise.copy(from, {to, false}); }));
    update = std::min(update, seconds_of([&] { step->step(); }));
  }
  state.counters["copy_GB/s"] = copy_bytes / copy * 1e-9;
  state.counters["step_GB/s"] = step_bytes / update * 1e-9;
  state.counters["share"] = step_bytes / update / (copy_bytes / copy);
}

BENCHMARK_CAPTURE(optimizer, sgd, "sgd")->Name("Optimizer/sgd")->Iterations(20)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(optimizer, lion, "lion")->Name("Optimizer/lion")->Iterations(20)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(optimizer, adamw, "adamw")->Name("Optimizer/adamw")->Iterations(20)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace joist

BENCHMARK_MAIN();
