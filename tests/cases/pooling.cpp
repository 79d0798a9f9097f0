#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family pooling_cases() {
  Family family{"pooling", 1e-6, {}};
  auto& cases = family.cases;
  const auto maximum = [&](const std::string& name, const Input& x, const PoolOptions& options = {}) -> Case& {
    return cases.emplace_back(Case{"max_" + name, {x}, [options](auto t) { return max_pool2d(t[0], options); }});
  };
  const auto average = [&](const std::string& name, const Input& x, const PoolOptions& options = {}) -> Case& {
    return cases.emplace_back(Case{"average_" + name, {x}, [options](auto t) { return avg_pool2d(t[0], options); }});
  };
  const PoolOptions stem{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}};
  const PoolOptions pyramid{.kernel = {5, 5}, .stride = {1, 1}, .padding = {2, 2}};
  const PoolOptions uneven{.kernel = {2, 3}, .stride = {3, 1}, .padding = {1, 0}};
  PoolOptions inside = stem, inside_pyramid = pyramid;
  inside.count_padding = inside_pyramid.count_padding = false;
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };

  const auto each = [&](const auto& add) {
    add("plain", uniform({2, 3, 4, 6}), PoolOptions{});
    add("rest", uniform({2, 3, 5, 7}), PoolOptions{});
    add("stem", uniform({2, 3, 7, 6}), stem);
    add("pyramid", uniform({1, 2, 6, 5}), pyramid);
    add("uneven", uniform({2, 2, 5, 6}), uneven);
    add("one_pixel", uniform({2, 2, 1, 1}), PoolOptions{.kernel = {1, 1}, .stride = {1, 1}});
    add("whole", uniform({2, 2, 3, 4}), PoolOptions{.kernel = {3, 4}, .stride = {1, 1}});
    add("channels_last", last({2, 5, 7, 6}), stem);
    add("channels_last_pyramid", last({2, 5, 6, 5}), pyramid);
    add("channel_slice", in(Layout::channel_slice, uniform({2, 4, 5, 6})), stem);
    add("spaced", in(Layout::spaced, uniform({2, 3, 5, 4})), stem);
    add("negative", uniform({2, 3, 5, 6}, -3, -1), stem);  // padding must not win
    add("no_batch", uniform({0, 3, 5, 6}), stem);
    add("large", last({3, 37, 21, 19}), stem).large = true;
    add("large_pyramid", last({3, 37, 20, 20}), pyramid).large = true;
    add("large_row_major", uniform({3, 37, 21, 19}), stem).large = true;
  };
  each(maximum);
  each(average);
  maximum("ties", coarse({2, 3, 7, 6}), stem).differentiable = false;
  maximum("ties_channels_last", in(Layout::channels_last, coarse({2, 9, 7, 6})), pyramid).differentiable = false;
  std::vector<double> values(2 * 3 * 6 * 5, 0.5);
  values[0] = values[17] = values[64] = values[65] = values[179] = std::numeric_limits<double>::quiet_NaN();
  maximum("nan", of_values({2, 3, 6, 5}, values), stem).differentiable = false;
  maximum("nan_channels_last", in(Layout::channels_last, of_values({2, 3, 6, 5}, values)), stem).differentiable = false;
  values[65] = values[66] = values[70] = std::numeric_limits<double>::quiet_NaN();  // several in one window
  maximum("nan_twice", of_values({2, 3, 6, 5}, values), stem).differentiable = false;
  maximum("nan_twice_channels_last", in(Layout::channels_last, of_values({2, 3, 6, 5}, values)), stem).differentiable =
      false;
  average("inside", uniform({2, 3, 7, 6}), inside);
  average("inside_channels_last", last({2, 3, 7, 6}), inside_pyramid);
  cases.push_back({"global", {uniform({2, 3, 4, 5})}, [](auto t) { return global_average_pool(t[0]); }});
  cases.push_back({"global_channels_last", {last({2, 3, 4, 5})}, [](auto t) { return global_average_pool(t[0]); }});
  cases.push_back(
      {"global_large", {last({3, 37, 20, 19})}, [](auto t) { return global_average_pool(t[0]); }, true, true});
  return family;
}

}  // namespace joist::cases
