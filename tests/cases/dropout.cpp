#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family dropout_cases() {
  Family family{"dropout", 1e-6, {}};
  const auto drop = [&](const std::string& name, const Input& x, double probability,
                        const RandomKey& key = {.seed = 7}) -> Case& {
    return family.cases.emplace_back(
        Case{name, {x}, [probability, key](auto t) { return dropout(t[0], probability, key); }});
  };
  drop("half", uniform({67}), 0.5);
  drop("tenth", uniform({9, 7}), 0.1);
  drop("most", uniform({9, 7}), 0.9);
  drop("never", uniform({9, 7}), 0);
  drop("key", uniform({9, 7}), 0.5, {.seed = 1ULL << 40, .stream = Stream::dropout, .step = 9, .draw = 2, .call = 3});
  // Which elements are dropped follows their logical place, wherever they lie.
  drop("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 0.5);
  drop("channel_slice", in(Layout::channel_slice, uniform({2, 5, 3, 4})), 0.5);
  drop("spaced", in(Layout::spaced, uniform({5, 7})), 0.5);
  drop("transposed", in(Layout::transposed, uniform({5, 7})), 0.5);
  drop("empty", uniform({0, 7}), 0.5);
  drop("large", uniform({70001}), 0.3).large = true;
  drop("large_channels_last", in(Layout::channels_last, uniform({2, 37, 21, 23})), 0.3).large = true;

  // By the thread's key: each run starts from the same seed.
  const auto seeded = [&](const std::string& name, const Input& x, auto run) -> Case& {
    return family.cases.emplace_back(Case{name, {x}, [run](auto t) {
                                            manual_seed(5);
                                            return run(t[0]);
                                          }});
  };
  const Input picture = uniform({3, 5, 3, 4});
  seeded("dropout_training", uniform({9, 7}), [](const Tensor& x) { return dropout(x, 0.4) + dropout(x, 0.4); });
  seeded("dropout_evaluation", uniform({9, 7}), [](const Tensor& x) { return dropout(x, 0.4, false) * 2.0; });
  seeded("dropout_everything", uniform({9, 7}), [](const Tensor& x) { return dropout(x, 1); });
  seeded("dropout1d", uniform({3, 5, 4}), [](const Tensor& x) { return dropout1d(x, 0.4); });
  seeded("dropout2d", picture, [](const Tensor& x) { return dropout2d(x, 0.4); });
  seeded("dropout2d_channels_last", in(Layout::channels_last, picture), [](const Tensor& x) { return dropout2d(x); });
  seeded("dropout2d_everything", picture, [](const Tensor& x) { return dropout2d(x, 1); });
  seeded("dropout3d", uniform({2, 5, 2, 3, 2}), [](const Tensor& x) { return dropout3d(x, 0.4); });
  seeded("alpha_dropout", uniform({9, 7}), [](const Tensor& x) { return alpha_dropout(x, 0.3); });
  seeded("feature_alpha_dropout", picture, [](const Tensor& x) { return feature_alpha_dropout(x, 0.3); });
  seeded("drop_path", uniform({7, 3, 2}), [](const Tensor& x) { return drop_path(x, 0.3); });
  seeded("drop_path_large", in(Layout::channels_last, uniform({9, 37, 21, 23})), [](const Tensor& x) {
    return drop_path(x, 0.3);
  }).large = true;
  return family;
}

}  // namespace joist::cases
