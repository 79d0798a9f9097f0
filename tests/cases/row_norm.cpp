#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

Input weights(const Shape& shape) { return uniform(shape, 0.5, 1.5); }
Case large(Case one) {
  one.large = true;
  return one;
}

Case layer(const std::string& name, const Input& x, const Shape& shape, double epsilon = 1e-5) {
  return {"layer_norm_" + name, {x, weights(shape), uniform(shape, -1, 1)}, [shape, epsilon](auto t) {
            return layer_norm(t[0], shape, t[1], t[2], epsilon);
          }};
}
Case root(const std::string& name, const Input& x, const Shape& shape, double epsilon = -1) {
  return {"rms_norm_" + name, {x, weights(shape)}, [shape, epsilon](auto t) {
            return rms_norm(t[0], shape, t[1], epsilon);
          }};
}
Case group(const std::string& name, const Input& x, std::int64_t groups, double epsilon = 1e-5) {
  const Shape channels{x.shape[1]};
  return {"group_norm_" + name, {x, weights(channels), uniform(channels, -1, 1)}, [groups, epsilon](auto t) {
            return group_norm(t[0], groups, t[1], t[2], epsilon);
          }};
}
Case frozen(Case one, std::size_t input) {
  one.inputs[input].gradient = false;
  one.name += "_frozen_" + std::to_string(input);
  return one;
}

// Running statistics and their new values.
Case instance(const std::string& name, const Input& x, const InstanceNormOptions& options) {
  const Shape channels{x.shape[1]};
  return {"instance_norm_" + name,
          {x, weights(channels), uniform(channels, -1, 1), constant(uniform(channels, -1, 1)),
           constant(uniform(channels, 0.5, 2))},
          [options](auto t) {
            const Tensor y = instance_norm(t[0], t[3], t[4], t[1], t[2], options);
            return std::vector{y, t[3], t[4]};
          }};
}

void add_layers(std::vector<Case>& cases) {
  cases.push_back(layer("rows", uniform({5, 7}), {7}));
  cases.push_back(layer("two_axes", uniform({2, 3, 4, 5}), {4, 5}));
  cases.push_back(layer("all_axes", uniform({3, 4}), {3, 4}));
  cases.push_back(layer("channels_last", in(Layout::channels_last, uniform({2, 3, 2, 5})), {3, 2, 5}));
  cases.push_back(layer("channel_slice", in(Layout::channel_slice, uniform({2, 3, 2, 5})), {5}));
  cases.push_back(layer("spaced", in(Layout::spaced, uniform({2, 5, 7})), {7}));
  cases.push_back(layer("transposed", in(Layout::transposed, uniform({5, 7})), {7}));
  cases.push_back(layer("epsilon", uniform({5, 7}), {7}, 0.5));
  cases.push_back(layer("one_value", uniform({5, 1}), {1}, 0.1));
  cases.push_back(layer("no_rows", uniform({0, 7}), {7}));
  cases.push_back(layer("no_values", uniform({3, 0}), {0}));
  cases.push_back(layer("offset", uniform({6, 40}, 90, 110), {40}));
  for (std::size_t i = 0; i < 3; ++i) cases.push_back(frozen(layer("rows", uniform({5, 7}), {7}), i));
  cases.push_back({"layer_norm_bare", {uniform({4, 6})}, [](auto t) { return layer_norm(t[0], {6}); }});
  cases.push_back(
      {"layer_norm_weight_only", {uniform({4, 6}), weights({6})}, [](auto t) { return layer_norm(t[0], {6}, t[1]); }});
  cases.push_back({"layer_norm_same_tensor", {uniform({6})}, [](auto t) { return layer_norm(t[0], {6}, t[0], t[0]); }});
  cases.push_back(large(layer("large", uniform({203, 391}), {391})));
  cases.push_back(large(layer("large_rows", uniform({3, 20011}), {20011})));
  cases.push_back(large(layer("large_many", uniform({5003, 9}), {9})));
  cases.push_back(large(frozen(layer("large", in(Layout::transposed, uniform({203, 391})), {391}), 0)));
  cases.push_back(root("rows", uniform({5, 7}), {7}));
  cases.push_back(root("two_axes", in(Layout::channels_last, uniform({2, 3, 4, 5})), {4, 5}));
  cases.push_back(root("epsilon", uniform({5, 7}), {7}, 0.5));
  cases.push_back(root("spaced", in(Layout::spaced, uniform({5, 7})), {7}));
  cases.push_back(root("one_value", uniform({5, 1}, 1, 2), {1}, 0.5));
  cases.push_back(root("no_rows", uniform({0, 7}), {7}));
  cases.push_back(frozen(root("rows", uniform({5, 7}), {7}), 0));
  cases.push_back(frozen(root("rows", uniform({5, 7}), {7}), 1));
  cases.push_back({"rms_norm_bare", {uniform({4, 6})}, [](auto t) { return rms_norm(t[0], {6}); }});
  cases.push_back(large(root("large", uniform({203, 391}), {391})));
}

void add_groups(std::vector<Case>& cases) {
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  cases.push_back(group("pictures", uniform({2, 6, 3, 4}), 3));
  cases.push_back(group("channels_last", last({2, 6, 3, 4}), 3));
  cases.push_back(group("channel_slice", in(Layout::channel_slice, uniform({2, 6, 3, 4})), 2));
  cases.push_back(group("spaced", in(Layout::spaced, uniform({2, 6, 3, 4})), 2));
  cases.push_back(group("one_group", last({2, 4, 3, 3}), 1));
  cases.push_back(group("each_channel", last({2, 4, 3, 3}), 4));
  cases.push_back(group("vectors", uniform({3, 8}), 2));
  cases.push_back(group("sequences", uniform({2, 4, 5}), 2));
  cases.push_back(group("volumes", uniform({2, 4, 2, 3, 2}), 2));
  cases.push_back(group("epsilon", uniform({2, 4, 5}), 2, 0.3));
  cases.push_back(group("no_batch", uniform({0, 4, 5}), 2));
  for (std::size_t i = 0; i < 3; ++i) cases.push_back(frozen(group("channels_last", last({2, 6, 3, 4}), 3), i));
  cases.push_back({"group_norm_bare", {last({2, 4, 3, 2})}, [](auto t) { return group_norm(t[0], 2); }});
  cases.push_back(large(group("large_channels_last", last({3, 32, 19, 21}), 8)));
  cases.push_back(large(group("large", uniform({3, 32, 19, 21}), 8)));
  cases.push_back(instance("pictures", uniform({3, 4, 3, 5}), {}));
  cases.push_back(instance("channels_last", last({3, 4, 3, 5}), {.epsilon = 1e-3, .momentum = 0.3}));
  cases.push_back(instance("sequences", uniform({3, 4, 6}), {}));
  cases.push_back(instance("one_picture", in(Layout::channel_slice, uniform({1, 4, 2, 3})), {.momentum = 1}));
  cases.push_back(instance("running", last({3, 4, 3, 5}), {.use_input_stats = false}));
  cases.push_back({"instance_norm_bare", {last({2, 4, 3, 2})}, [](auto t) { return instance_norm(t[0]); }});
}

void add_others(std::vector<Case>& cases) {
  const auto local = [&](const std::string& name, const Input& x, std::int64_t size, double alpha = 0.3,
                         double beta = 0.75, double k = 1) {
    cases.push_back(
        {"local_response_norm_" + name, {x}, [=](auto t) { return local_response_norm(t[0], size, alpha, beta, k); }});
  };
  local("five", uniform({2, 7, 3, 2}), 5);
  local("even", in(Layout::channels_last, uniform({2, 7, 3, 2})), 4);
  local("one", uniform({2, 3, 4}), 1);
  local("wider_than_channels", uniform({2, 3, 4}), 9, 0.5, 0.5, 2);
  local("no_batch", uniform({0, 3, 4}), 3);
  const auto unit = [&](const std::string& name, const Input& x, double p, int axis = 1, double epsilon = 1e-12,
                        bool differentiable = true) {
    cases.push_back(
        {"normalize_" + name, {x}, [=](auto t) { return normalize(t[0], p, axis, epsilon); }, differentiable});
  };
  unit("two", uniform({5, 7}), 2);
  unit("first_axis", in(Layout::transposed, uniform({5, 7})), 2, 0);
  unit("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 2})), 2);
  unit("one", uniform({5, 7}), 1);
  unit("three", uniform({5, 7}), 3);
  unit("half", uniform({5, 7}), 0.5);
  unit("infinity", uniform({5, 7}), std::numeric_limits<double>::infinity());
  unit("epsilon", uniform({5, 7}, -0.1, 0.1), 2, 1, 2);
  unit("zeros", of_values({3, 2}, {0, 0, 3, -4, 0, 0.5}), 2, 1, 0.5, false);
  unit("zeros_half", of_values({3, 2}, {0, 0, 3, -4, 0, 2}), 0.5, 1, 0.5, false);
  unit("no_rows", uniform({0, 7}), 2);

  cases.push_back({"batch_norm_bare", {in(Layout::channels_last, uniform({3, 4, 3, 5}))}, [](auto t) {
                     return batch_norm(t[0], {}, {}, {}, {}, {}, true);
                   }});
  cases.push_back({"batch_norm_bare_running",
                   {uniform({3, 4, 5}), constant(uniform({4}, -1, 1)), constant(uniform({4}, 0.5, 2))},
                   [](auto t) { return batch_norm(t[0], {}, {}, t[1], t[2], {}, false); }});
  cases.push_back({"batch_norm_no_running", {uniform({3, 4, 5}), weights({4}), uniform({4})}, [](auto t) {
                     return batch_norm(t[0], t[1], t[2], {}, {}, {}, true);
                   }});
  cases.push_back({"batch_norm_volumes", {uniform({2, 3, 2, 3, 2}), weights({3}), uniform({3})}, [](auto t) {
                     return batch_norm(t[0], t[1], t[2], {}, {}, {}, true);
                   }});
}

}  // namespace

Family row_norm_cases() {
  Family family{"row_norm", 5e-6, {}};
  add_layers(family.cases);
  add_groups(family.cases);
  add_others(family.cases);
  return family;
}

}  // namespace joist::cases
