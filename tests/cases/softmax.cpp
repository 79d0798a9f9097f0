#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family softmax_cases() {
  Family family{"softmax", 2e-6, {}};
  const auto along = [&](const std::string& name, const Input& x, int axis, bool differentiable = true,
                         bool large = false) {
    family.cases.push_back(
        {"softmax_" + name, {x}, [axis](auto t) { return softmax(t[0], axis); }, differentiable, large});
    family.cases.push_back(
        {"log_softmax_" + name, {x}, [axis](auto t) { return log_softmax(t[0], axis); }, differentiable, large});
  };
  along("rows", uniform({5, 7}), 1);
  along("columns", uniform({5, 7}), 0);
  along("vector", uniform({37}), 0);
  along("negative_axis", uniform({2, 3, 4}), -2);
  along("one_class", uniform({5, 1}), 1);
  along("bins", uniform({2, 4, 16, 3}), 2);
  along("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 1);
  along("channel_slice", in(Layout::channel_slice, uniform({2, 5, 3, 4})), 1);
  along("spaced", in(Layout::spaced, uniform({5, 7})), 1);
  along("transposed", in(Layout::transposed, uniform({5, 7})), 1);
  along("no_rows", uniform({0, 7}), 1);
  along("no_classes", uniform({3, 0}), 1);
  along("far", of_values({2, 4}, {1000, 999.5, -1000, 998, -1000, -1000, -999.5, -1000}), 1);
  along("offset", uniform({5, 7}, 900, 904), 1, true, true);
  const double masked = -std::numeric_limits<double>::infinity();
  along("masked", of_values({2, 5}, {0.5, masked, 1.25, masked, -2, masked, masked, masked, masked, 3}), 1, false);
  along("large", uniform({301, 83}), 1, true, true);
  along("large_columns", uniform({83, 301}), 0, true, true);
  along("large_row", uniform({3, 20011}), 1, true, true);
  return family;
}

}  // namespace joist::cases
