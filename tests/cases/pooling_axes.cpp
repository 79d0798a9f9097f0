// One and three spatial axes, options beyond the plain ones, indices and their inverse, adaptive pooling.
#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family pooling_axes_cases() {
  Family family{"pooling_axes", 1e-6, {}};
  const auto add = [&](const std::string& name, const Input& x, auto run) -> Case& {
    return family.cases.emplace_back(Case{name, {x}, [run](auto t) { return run(t[0]); }});
  };
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const Input line = uniform({2, 3, 9}), picture = uniform({2, 3, 7, 6}), volume = uniform({1, 2, 5, 4, 6});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const PoolOptions three{.kernel = {3}, .stride = {2}, .padding = {1}};
  const PoolOptions uneven{.kernel = {2, 1, 3}, .stride = {1, 2, 2}, .padding = {1, 0, 1}};
  PoolOptions ceil = three, inside = three, divided = three, dilated = three, ceil_inside, dilated_ceil;
  ceil.ceil_mode = true;
  inside.count_padding = false;
  divided.divisor = 5;
  dilated.dilation = {2};
  ceil_inside = ceil;
  ceil_inside.count_padding = false;
  dilated_ceil = dilated;
  dilated_ceil.ceil_mode = true;

  // The same windows over all ranks.
  const auto ranks = [&](const std::string& name, const PoolOptions& o, bool maximum, bool average) {
    if (maximum) {
      add("max_pool1d_" + name, line, [o](const Tensor& x) { return max_pool1d(x, o); });
      add("max_pool2d_" + name, picture, [o](const Tensor& x) { return max_pool2d(x, o); });
      add("max_pool2d_channels_last_" + name, last({2, 5, 7, 6}), [o](const Tensor& x) { return max_pool2d(x, o); });
      add("max_pool3d_" + name, volume, [o](const Tensor& x) { return max_pool3d(x, o); });
      add("max_pool3d_large_" + name, uniform({2, 9, 11, 12, 13}), [o](const Tensor& x) {
        return max_pool3d(x, o);
      }).large = true;
    }
    if (average) {
      add("avg_pool1d_" + name, line, [o](const Tensor& x) { return avg_pool1d(x, o); });
      add("avg_pool2d_" + name, picture, [o](const Tensor& x) { return avg_pool2d(x, o); });
      add("avg_pool2d_channels_last_" + name, last({2, 5, 7, 6}), [o](const Tensor& x) { return avg_pool2d(x, o); });
      add("avg_pool3d_" + name, volume, [o](const Tensor& x) { return avg_pool3d(x, o); });
      add("avg_pool3d_large_" + name, uniform({2, 9, 11, 12, 13}), [o](const Tensor& x) {
        return avg_pool3d(x, o);
      }).large = true;
    }
  };
  ranks("plain", {.kernel = {2}}, true, true);
  ranks("three", three, true, true);
  ranks("ceil", ceil, true, true);
  ranks("inside", inside, false, true);
  ranks("ceil_inside", ceil_inside, false, true);
  ranks("divided", divided, false, true);
  ranks("dilated", dilated, true, false);
  ranks("dilated_ceil", dilated_ceil, true, false);
  add("max_pool3d", volume, [uneven](const Tensor& x) { return max_pool3d(x, uneven); });
  add("avg_pool3d", volume, [uneven](const Tensor& x) { return avg_pool3d(x, uneven); });
  add("max_pool3d_spaced", in(Layout::spaced, volume), [uneven](const Tensor& x) { return max_pool3d(x, uneven); });
  add("avg_pool3d_spaced", in(Layout::spaced, volume), [uneven](const Tensor& x) { return avg_pool3d(x, uneven); });
  add("max_pool3d_one", uniform({1, 1, 1, 1, 1}), [](const Tensor& x) { return max_pool3d(x, {.kernel = {1}}); });
  add("max_pool3d_no_batch", uniform({0, 2, 3, 3, 3}), [three](const Tensor& x) { return max_pool3d(x, three); });
  add("avg_pool3d_no_batch", uniform({0, 2, 3, 3, 3}), [three](const Tensor& x) { return avg_pool3d(x, three); });
  add("max_pool2d_dilated_alone", uniform({1, 1, 1, 1}), [](const Tensor& x) {
    return max_pool2d(x, {.kernel = {2}, .stride = {1}, .padding = {2}, .dilation = {3}});
  }).differentiable = false;  // windows without any element
  std::vector<double> values(27, 0.5);
  values[3] = values[13] = nan;
  add("max_pool3d_nan", of_values({1, 1, 3, 3, 3}, values), [three](const Tensor& x) {
    return max_pool3d(x, three);
  }).differentiable = false;

  const auto both = [](const std::pair<Tensor, Tensor>& result) { return std::vector{result.first, result.second}; };
  add("max_pool1d_with_indices", line, [=](const Tensor& x) { return both(max_pool1d_with_indices(x, three)); });
  add("max_pool2d_with_indices", picture, [=](const Tensor& x) { return both(max_pool2d_with_indices(x, three)); });
  add("max_pool2d_with_indices_ties", in(Layout::channels_last, coarse({2, 3, 7, 6})), [=](const Tensor& x) {
    return both(max_pool2d_with_indices(x, three));
  }).differentiable = false;
  add("max_pool3d_with_indices", volume, [=](const Tensor& x) { return both(max_pool3d_with_indices(x, uneven)); });

  const auto unpool = [&](const std::string& name, const Input& x, const Input& indices, auto run) {
    family.cases.push_back({name, {x, indices}, [run](auto t) { return run(t[0], t[1]); }});
  };
  const auto places = [](const Shape& shape, std::vector<double> at) {
    Input input = of_values(shape, std::move(at));
    input.kind = Kind::integers;
    input.gradient = false;
    return input;
  };
  unpool("max_unpool1d", uniform({1, 2, 3}), places({1, 2, 3}, {0, 3, 5, 1, 2, 4}),
         [](const Tensor& x, const Tensor& i) { return max_unpool1d(x, i, {.kernel = {2}}); });
  unpool("max_unpool2d", uniform({1, 2, 2, 2}), places({1, 2, 2, 2}, {0, 3, 9, 15, 1, 2, 8, 14}),
         [](const Tensor& x, const Tensor& i) { return max_unpool2d(x, i, {.kernel = {2}}); });
  unpool("max_unpool2d_size", last({1, 2, 2, 2}), places({1, 2, 2, 2}, {0, 3, 11, 17, 1, 2, 8, 19}),
         [](const Tensor& x, const Tensor& i) {
           return max_unpool2d(x, i, {.kernel = {2}}, {4, 5});
         });
  unpool("max_unpool3d", uniform({1, 1, 1, 2, 2}), places({1, 1, 1, 2, 2}, {0, 3, 18, 30}),
         [](const Tensor& x, const Tensor& i) { return max_unpool3d(x, i, {.kernel = {2}}); });
  family.cases.push_back({"max_unpool2d_of_overlapping_windows",
                          {uniform({1, 1, 2, 2}), places({1, 1, 2, 2}, {4, 4, 4, 8})},
                          [](auto t) { return max_unpool2d(t[0], t[1], {.kernel = {2}, .stride = {1}}); },
                          false});

  const Input positive = uniform({2, 3, 6}, 0.2, 2);
  add("lp_pool1d", positive, [](const Tensor& x) { return lp_pool1d(x, 3, {.kernel = {3}, .stride = {2}}); });
  add("lp_pool2d", uniform({2, 3, 5, 6}, 0.2, 2), [](const Tensor& x) {
    return lp_pool2d(x, 1.5, {.kernel = {2, 3}});
  });
  add("lp_pool2d_even", last({2, 3, 4, 6}), [](const Tensor& x) { return lp_pool2d(x, 2, {}); });
  add("lp_pool3d", uniform({1, 2, 4, 2, 3}, 0.2, 2), [](const Tensor& x) {
    return lp_pool3d(x, 2, {.kernel = {2, 2, 1}});
  });

  add("adaptive_avg_pool1d", line, [](const Tensor& x) { return adaptive_avg_pool1d(x, {4}); });
  add("adaptive_avg_pool2d", picture, [](const Tensor& x) { return adaptive_avg_pool2d(x, {3, 4}); });
  add("adaptive_avg_pool2d_up", uniform({1, 2, 2, 3}), [](const Tensor& x) { return adaptive_avg_pool2d(x, {5, -1}); });
  add("adaptive_avg_pool2d_channels_last", last({2, 5, 7, 6}), [](const Tensor& x) {
    return adaptive_avg_pool2d(x, {3, 4});
  });
  add("adaptive_avg_pool2d_channels_last_up", last({2, 5, 3, 2}), [](const Tensor& x) {
    return adaptive_avg_pool2d(x, {7, 5});
  });
  add("adaptive_avg_pool2d_one", picture, [](const Tensor& x) { return adaptive_avg_pool2d(x, {1}); });
  add("adaptive_avg_pool2d_nothing", picture, [](const Tensor& x) { return adaptive_avg_pool2d(x, {0, 2}); });
  add("adaptive_avg_pool2d_spaced", in(Layout::spaced, picture), [](const Tensor& x) {
    return adaptive_avg_pool2d(x, {3, 4});
  });
  add("adaptive_avg_pool2d_large", last({3, 37, 21, 19}), [](const Tensor& x) {
    return adaptive_avg_pool2d(x, {7});
  }).large = true;
  add("adaptive_avg_pool3d", volume, [](const Tensor& x) { return adaptive_avg_pool3d(x, {2, 3, 4}); });
  add("adaptive_max_pool1d", line, [](const Tensor& x) { return adaptive_max_pool1d(x, {4}); });
  add("adaptive_max_pool2d", picture, [](const Tensor& x) { return adaptive_max_pool2d(x, {3, 4}); });
  add("adaptive_max_pool2d_channels_last", last({2, 5, 7, 6}), [](const Tensor& x) {
    return adaptive_max_pool2d(x, {3, 4});
  });
  add("adaptive_max_pool3d", volume, [](const Tensor& x) { return adaptive_max_pool3d(x, {2, 3, 4}); });
  add("adaptive_max_pool1d_with_indices", line,
      [=](const Tensor& x) { return both(adaptive_max_pool1d_with_indices(x, {4})); });
  add("adaptive_max_pool2d_with_indices", in(Layout::channels_last, coarse({2, 3, 7, 6})), [=](const Tensor& x) {
    return both(adaptive_max_pool2d_with_indices(x, {3, 4}));
  }).differentiable = false;
  add("adaptive_max_pool3d_with_indices", volume, [=](const Tensor& x) {
    return both(adaptive_max_pool3d_with_indices(x, {2, 3, 4}));
  });
  family.cases.push_back({"fractional_max_pool2d", {picture, constant(uniform({2, 3, 2}, 0, 1))}, [](auto t) {
                            return fractional_max_pool2d(t[0], {.output_size = {3, 2}}, t[1]);
                          }});
  family.cases.push_back({"fractional_max_pool2d_ratio", {last({2, 3, 7, 6})}, [](auto t) {
                            manual_seed(5);
                            return fractional_max_pool2d(t[0], {.kernel = {3, 2}, .output_ratio = 0.6});
                          }});
  values.assign({1, nan, 2, 3, 4, 5});
  add("adaptive_max_pool1d_nan", of_values({1, 1, 6}, values), [](const Tensor& x) {
    return adaptive_max_pool1d(x, {3});
  }).differentiable = false;
  return family;
}

}  // namespace joist::cases
