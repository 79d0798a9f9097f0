#include <joist/core/mode.h>
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
  const auto sparse = [&](const std::string& name, const Input& x, int axis, bool differentiable = true,
                          bool large = false) {
    family.cases.push_back(
        {"sparsemax_" + name, {x}, [axis](auto t) { return sparsemax(t[0], axis); }, differentiable, large});
  };
  sparse("rows", uniform({5, 7}), 1);
  sparse("columns", uniform({5, 7}), 0);
  sparse("narrow", uniform({5, 7}, -0.1, 0.1), 1);
  sparse("offset", uniform({5, 7}, 900, 901), 1, true, true);
  sparse("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 1);
  sparse("channel_slice", in(Layout::channel_slice, uniform({2, 5, 3, 4})), 1);
  sparse("spaced", in(Layout::spaced, uniform({5, 7})), -1);
  sparse("transposed", in(Layout::transposed, uniform({5, 7})), 1);
  sparse("one_class", uniform({5, 1}), 1);
  sparse("no_rows", uniform({0, 7}), 1);
  sparse("no_classes", uniform({3, 0}), 1);
  sparse("ties", coarse({6, 5}), 1, false);
  sparse("not_a_number", of_values({2, 3}, {1, std::numeric_limits<double>::quiet_NaN(), 0, 1, 2, 1.5}), 1, false);
  sparse("large", uniform({301, 83}, 0, 1), 1, true, true);
  sparse("large_columns", uniform({83, 301}, 0, 1), 0, true, true);

  const auto one = [&](const std::string& name, const Input& x, std::function<Outputs(std::span<const Tensor>)> run,
                       bool differentiable = true) {
    family.cases.push_back({name, {x}, std::move(run), differentiable});
  };
  one("softmin_rows", uniform({5, 7}), [](auto t) { return softmin(t[0], 1); });
  one("softmax_2d_batch", uniform({2, 3, 2, 4}), [](auto t) { return softmax_2d(t[0]); });
  one("softmax_2d_one", uniform({3, 2, 4}), [](auto t) { return softmax_2d(t[0]); });
  const auto gumbel = [](bool hard) {
    return [hard](std::span<const Tensor> t) {
      manual_seed(5);
      return gumbel_softmax(t[0], 0.7, hard, 1);
    };
  };
  one("gumbel_softmax_soft", uniform({5, 7}), gumbel(false));
  one("gumbel_softmax_hard", uniform({5, 7}), gumbel(true), false);  // the value jumps, the gradient does not
  one("gumbel_softmax_channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), gumbel(true), false);
  one("gumbel_softmax_no_rows", uniform({0, 7}), gumbel(true));

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
