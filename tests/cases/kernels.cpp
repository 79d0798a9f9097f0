#include <joist/core/kernels.h>
#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {
namespace {

std::vector<KernelCase> make() {
  std::vector<KernelCase> cases;
  const auto add = [&](const std::string& name, double tolerance, std::vector<Input> arrays, auto run) {
    cases.push_back({name, tolerance, std::move(arrays), run});
  };
  using Arrays = std::span<const Array>;

  // ---- elementwise: writing over an operand, other element types
  add("fill", 0, {uniform({67}), in(Layout::spaced, uniform({3, 5}))}, [](const Kernels& k, Arrays a) {
    k.elementwise.fill(2.5, a[0]);
    k.elementwise.fill(-1, a[1]);
  });
  add("unary_in_place", 1e-6, {uniform({3, 67}), in(Layout::spaced, uniform({5, 7}))}, [](const Kernels& k, Arrays a) {
    for (const Array& x : a) k.elementwise.unary(Silu{}, x, Out{x});
  });
  add("unary_added_to_itself", 1e-6, {uniform({3, 67})}, [](const Kernels& k, Arrays a) {
    k.elementwise.unary(Square{}, a[0], Out{a[0], true});
  });
  add("unary_backward_in_place", 1e-6, {uniform({3, 67}), uniform({3, 67})},
      [](const Kernels& k, Arrays a) { k.elementwise.unary_backward(Silu{}, a[0], a[1], Out{a[1]}); });
  add("binary_in_place", 1e-6, {uniform({9, 7}), uniform({7})}, [](const Kernels& k, Arrays a) {
    k.elementwise.binary(Multiply{}, a[0], a[1], Out{a[0]});
    k.elementwise.binary(Subtract{}, a[0], a[0], Out{a[0], true});
  });
  add("copy_broadcast", 0, {uniform({5, 1}), output({2, 5, 7})},
      [](const Kernels& k, Arrays a) { k.elementwise.copy(a[0], Out{a[1]}); });
  add("copy_orders", 0,
      {uniform({2, 5, 3, 4}), in(Layout::channels_last, output({2, 5, 3, 4})),
       in(Layout::channel_slice, output({2, 5, 3, 4})), in(Layout::transposed, uniform({2, 5, 3, 4})),
       output({2, 5, 3, 4})},
      [](const Kernels& k, Arrays a) {
        k.elementwise.copy(a[0], Out{a[1]});
        k.elementwise.copy(a[1], Out{a[2]});
        k.elementwise.copy(a[3], Out{a[4]});
        k.elementwise.copy(a[2], Out{a[4], true});
      });
  add("copy_to_integers", 0, {uniform({37}, -9, 9), integers({37}, 5)},
      [](const Kernels& k, Arrays a) { k.elementwise.copy(a[0], Out{a[1]}); });
  add("copy_from_integers", 0, {integers({37}, 1000), output({37})},
      [](const Kernels& k, Arrays a) { k.elementwise.copy(a[0], Out{a[1]}); });
  for (const Dtype dtype : {Dtype::float32, Dtype::float64, Dtype::int64, Dtype::int32, Dtype::int8, Dtype::uint8})
    add("copy_through_" + std::string(name_of(dtype)), 0, {uniform({5, 7}, 0, 100), output({5, 7})},
        [dtype](const Kernels& k, Arrays a) {
          const Array between = Array::empty(a[0].shape(), dtype, a[0].device());
          k.elementwise.copy(a[0], Out{between});
          k.elementwise.copy(between, Out{a[1]});
        });
  add("fill_and_copy_boolean", 0, {output({5, 7}), output({5, 7})}, [](const Kernels& k, Arrays a) {
    const Array truth = Array::empty(a[0].shape(), Dtype::boolean, a[0].device());
    k.elementwise.fill(1, truth);
    k.elementwise.copy(truth, Out{a[0]});
    k.elementwise.fill(0, truth);
    k.elementwise.copy(truth, Out{a[1]});
  });

  // ---- reduction
  const auto maximum = [&](const std::string& name, const Input& x, int axis) {
    const Shape kept = x.shape.with(axis, 1);
    add("maximum_" + name, 0, {x, output(kept), integers(kept, 2)},
        [axis](const Kernels& k, Arrays a) { k.reduction.maximum(a[0], axis, Out{a[1]}, a[2]); });
  };
  maximum("rows", uniform({5, 37}), 1);
  maximum("columns", uniform({37, 5}), 0);
  maximum("middle", uniform({3, 7, 5}), 1);
  maximum("one", uniform({3, 1}), 1);
  maximum("ties", coarse({9, 40}), 1);
  maximum("ties_columns", coarse({40, 9}), 0);
  maximum("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 1);
  maximum("spaced", in(Layout::spaced, uniform({5, 7})), 1);
  maximum("no_rows", uniform({0, 7}), 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  maximum("nan", of_values({3, 3}, {1, nan, 2, nan, nan, 3, 5, 4, nan}), 1);
  maximum("large", uniform({301, 1003}), 1);

  // ---- matmul: the bias with leading axes
  add("matmul_bias", 3e-6, {uniform({2, 3, 4}), uniform({2, 4, 5}), uniform({5}), output({2, 3, 5})},
      [](const Kernels& k, Arrays a) { k.matmul.product(a[0], a[1], a[2], Out{a[3]}); });
  add("matmul_bias_no_depth", 0, {uniform({3, 0}), uniform({0, 5}), uniform({5}), output({3, 5})},
      [](const Kernels& k, Arrays a) { k.matmul.product(a[0], a[1], a[2], Out{a[3]}); });
  add("matmul_into_transposed", 3e-6, {uniform({6, 4}), uniform({4, 5}), in(Layout::transposed, uniform({6, 5}))},
      [](const Kernels& k, Arrays a) {
        k.matmul.product(a[0], a[1], Array(), Out{a[2], true});
      });

  // ---- batch norm without running statistics
  add("batch_norm_bare", 5e-6,
      {uniform({3, 4, 3, 5}), uniform({4}), uniform({4}), output({3, 4, 3, 5}), output({4}), output({4})},
      [](const Kernels& k, Arrays a) {
        k.batch_norm.train(a[0], a[1], a[2], BatchNormOptions{}, Array(), Array(), Out{a[3]}, a[4], a[5]);
      });

  // ---- batch norm of many channels, innermost, and many places
  const auto pictures = [](const Input& of) { return in(Layout::channels_last, of); };
  add("batch_norm_channels_last", 5e-6,
      {pictures(uniform({3, 35, 13, 11}, 2, 5)), uniform({35}), uniform({35}), uniform({35}), uniform({35}, 0.5, 2),
       pictures(output({3, 35, 13, 11})), output({35}), output({35})},
      [](const Kernels& k, Arrays a) {
        k.batch_norm.train(a[0], a[1], a[2], {.activation = Silu{}}, a[3], a[4], Out{a[5]}, a[6], a[7]);
      });
  for (const bool fixed : {false, true})
    add(fixed ? "batch_norm_backward_fixed_channels_last" : "batch_norm_backward_channels_last", 1e-5,
        {pictures(uniform({3, 35, 13, 11})), pictures(uniform({3, 35, 13, 11})), uniform({35}), uniform({35}),
         uniform({35}), uniform({35}, 0.5, 2), pictures(output({3, 35, 13, 11})), output({35}), output({35})},
        [fixed](const Kernels& k, Arrays a) {
          k.batch_norm.backward(a[0], a[1], a[2], a[3], a[4], a[5], {.activation = Silu{}}, fixed, Out{a[6]}, Out{a[7]},
                                Out{a[8]});
        });

  // ---- random
  const RandomKey key{.seed = 11, .stream = Stream::init, .step = 3, .draw = 5, .call = 2};
  for (const std::int64_t count :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{4}, std::int64_t{67}, std::int64_t{50021}}) {
    add("uniform_" + std::to_string(count), 3e-7, {output({count})},
        [key](const Kernels& k, Arrays a) { k.random.uniform(key, -1.5, 2, a[0]); });
    add("normal_" + std::to_string(count), 1e-6, {output({count})},
        [key](const Kernels& k, Arrays a) { k.random.normal(key, 0.5, 2, a[0]); });
  }
  add("bernoulli", 0, {uniform({5, 1}, 0, 1), output({5, 67}), in(Layout::spaced, output({5, 67}))},
      [key](const Kernels& k, Arrays a) {
        k.random.bernoulli(key, a[0], a[1]);
        k.random.bernoulli(key, a[0], a[2]);
      });
  add("random_integers", 0, {integers({4099}, 2), in(Layout::spaced, integers({5, 7}, 2))},
      [key](const Kernels& k, Arrays a) {
        k.random.integers(key, -3, 1000003, a[0]);
        k.random.integers(key, 0, 7, a[1]);
      });
  add("uniform_by_logical_place", 3e-7,
      {in(Layout::channels_last, output({2, 5, 3, 4})), in(Layout::spaced, output({5, 7}))},
      [key](const Kernels& k, Arrays a) {
        for (const Array& y : a) k.random.uniform(key, 0, 1, y);
      });
  add("normal_by_logical_place", 1e-6,
      {in(Layout::channels_last, output({2, 5, 3, 4})), in(Layout::spaced, output({5, 7}))},
      [key](const Kernels& k, Arrays a) {
        for (const Array& y : a) k.random.normal(key, 0, 1, y);
      });

  // ---- optimizer: several steps, parameter, gradient, state
  const auto optimizer = [&](const std::string& name, const OptimizerStep& step, std::size_t memory,
                             std::int64_t count = 131) {
    add("step_" + name, 3e-6, {uniform({count}), uniform({count}), output({count}), output({count}), output({count})},
        [step, memory](const Kernels& k, Arrays a) {
          StepMemory remembered;
          for (std::size_t i = 0; i < 3; ++i) k.elementwise.fill(0.5, a[i + 2]);
          for (std::size_t i = 0; i < memory; ++i) remembered[i] = a[i + 2];
          for (int i = 0; i < 3; ++i) k.optimizer.step(step, a[0], a[1], remembered);
        });
  };
  const SgdRule momentum{.rate = 0.1, .momentum = 0.9, .undamped = 0.7, .nesterov_momentum = 0.9, .moving = true};
  SgdRule nesterov = momentum;
  nesterov.nesterov = true;
  optimizer("sgd", {.rule = SgdRule{.rate = 0.1}, .weight_decay = 0.01}, 0);
  optimizer("sgd_momentum", {.rule = momentum}, 1);
  optimizer("sgd_nesterov", {.rule = nesterov, .weight_decay = 0.01}, 1);
  optimizer("sgd_large", {.rule = nesterov}, 1, 70001);
  AdamRule adam{.rate = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .correction = 2};
  optimizer("adam", {.rule = adam, .gradient = -1, .weight_decay = 0.1}, 2);
  optimizer("adamw_large", {.rule = adam, .shrink = 0.99}, 2, 70001);
  adam.amsgrad = true;
  optimizer("amsgrad", {.rule = adam}, 3);
  optimizer(
      "rmsprop",
      {.rule = RmspropRule{.rate = 0.01, .alpha = 0.9, .eps = 0.1, .momentum = 0.9, .centered = true, .moving = true}},
      3);
  optimizer("lion", {.rule = LionRule{.rate = 0.01, .beta1 = 0.9, .beta2 = 0.99}, .shrink = 0.99}, 1);
  for (const std::int64_t count : {std::int64_t{1}, std::int64_t{67}, std::int64_t{70001}})
    add("interpolate_" + std::to_string(count), 1e-6, {uniform({count}), uniform({count})},
        [](const Kernels& k, Arrays a) { k.optimizer.interpolate(a[0], 0.25, a[1]); });
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, std::int64_t{67}, std::int64_t{300007}})
    add("square_sum_" + std::to_string(count), 1e-7, {uniform({count}), output({1})}, [](const Kernels& k, Arrays a) {
      const Array total = Array::empty({1}, Dtype::float64, a[0].device());
      k.optimizer.square_sum(a[0], total);
      k.elementwise.copy(total, Out{a[1]});
    });
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{67}, std::int64_t{300007}})
    add("product_sum_" + std::to_string(count), 1e-7, {uniform({count}), uniform({count}), output({1})},
        [](const Kernels& k, Arrays a) {
          const Array total = Array::empty({1}, Dtype::float64, a[0].device());
          k.optimizer.product_sum(a[0], a[1], total);
          k.elementwise.copy(total, Out{a[2]});
        });
  return cases;
}

}  // namespace

const std::vector<KernelCase>& kernel_cases() {
  static const std::vector<KernelCase> cases = make();
  return cases;
}

}  // namespace joist::cases
