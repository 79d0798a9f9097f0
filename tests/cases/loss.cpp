#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

Input targets(std::vector<double> classes) {
  const Shape shape{static_cast<std::int64_t>(classes.size())};
  return {.shape = shape, .kind = Kind::integers, .gradient = false, .values = std::move(classes)};
}

Input of_values(std::int64_t rows, std::vector<double> values) {
  return cases::of_values({rows, 4}, std::move(values));
}

}  // namespace

Family loss_cases() {
  Family family{"loss", 3e-6, {}};
  auto& cases = family.cases;

  const auto entropy = [&](const std::string& name, const Input& logits, const Input& target,
                           const CrossEntropyOptions& options = {}) -> Case& {
    return cases.emplace_back(Case{"cross_entropy_" + name, {logits, target}, [options](auto t) {
                                     return cross_entropy(t[0], t[1].value(), options);
                                   }});
  };
  entropy("plain", uniform({6, 5}), integers({6}, 5));
  entropy("smoothed", uniform({6, 5}), integers({6}, 5), {.label_smoothing = 0.1});
  entropy("ignored", uniform({6, 5}), targets({0, -100, 4, -100, 2, 2}));
  entropy("ignored_class", uniform({5, 5}), targets({0, 3, 4, 3, 2}), {.label_smoothing = 0.2, .ignore = 3});
  entropy("all_ignored", uniform({3, 5}), targets({-1, -1, -1}), {.ignore = -1});
  entropy("one_class", uniform({3, 1}), integers({3}, 1));
  entropy("no_rows", uniform({0, 5}), integers({0}, 5));
  entropy("far", uniform({6, 5}, -500, 500), integers({6}, 5));
  entropy("spaced", in(Layout::spaced, uniform({6, 5})), integers({6}, 5), {.label_smoothing = 0.1});
  entropy("transposed", in(Layout::transposed, uniform({6, 5})), integers({6}, 5));
  entropy("large", uniform({501, 83}), integers({501}, 83), {.label_smoothing = 0.1}).large = true;

  const auto binary = [&](const std::string& name, const Input& logits) -> Case& {
    const Input target = constant(uniform(logits.shape, 0, 1));
    return cases.emplace_back(Case{"binary_cross_entropy_" + name, {logits, target}, [](auto t) {
                                     return binary_cross_entropy_with_logits(t[0], t[1]);
                                   }});
  };
  binary("plain", uniform({6, 5}));
  binary("far", uniform({6, 5}, -200, 200));
  binary("spaced", in(Layout::spaced, uniform({6, 5})));
  binary("no_rows", uniform({0, 5}));
  binary("large", uniform({700, 83}, -8, 8)).large = true;

  const auto focal = [&](const std::string& name, const Input& logits, const Input& target) -> Case& {
    return cases.emplace_back(Case{"distribution_focal_" + name, {logits, constant(target)}, [](auto t) {
                                     return distribution_focal_loss(t[0], t[1].value());
                                   }});
  };
  focal("plain", uniform({7, 16}), uniform({7}, 0, 15));
  focal("whole_targets", uniform({3, 4}), {.shape = {3}, .values = {0, 1, 2}});
  focal("near_last", uniform({2, 4}), {.shape = {2}, .values = {2.9990234375, 2.5}});
  focal("two_bins", uniform({5, 2}), uniform({5}, 0, 1));
  focal("no_rows", uniform({0, 16}), uniform({0}, 0, 15));
  focal("spaced", in(Layout::spaced, uniform({7, 16})), in(Layout::spaced, uniform({7}, 0, 15)));
  focal("large", uniform({1501, 16}), uniform({1501}, 0, 15)).large = true;

  // The aspect weight is a constant for the gradient, which is therefore no derivative unless the aspects are equal.
  const auto overlap = [&](const std::string& name, const Input& a, const Input& b,
                           bool differentiable = false) -> Case& {
    return cases.emplace_back(Case{"complete_iou_" + name,
                                   {a, constant(b)},
                                   [](auto t) { return complete_iou(t[0], t[1].value()); },
                                   differentiable});
  };
  overlap("boxes", boxes(40, 1, 8), boxes(40, 1, 8));
  overlap("small", boxes(40, 0.01, 0.3), boxes(40, 0.01, 0.3));
  overlap("same_aspect", of_values(4, {1, 2, 5, 4, 0, 0, 8, 4, 3, 3, 5, 4, 9, 9, 13, 11}),
          of_values(4, {2, 1, 6, 3, 1, 1, 3, 2, 0, 0, 12, 6, 1, 2, 3, 3}), true);
  overlap("apart", of_values(2, {0, 0, 1, 2, 10, 0, 12, 3}), of_values(2, {5, 7, 8, 9, 1, 1, 2, 5}));
  overlap("inside", of_values(2, {2, 2, 3, 5, 0, 0, 10, 9}), of_values(2, {1, 1, 9, 8, 4, 3, 5, 6}));
  // Equal boxes, equal sides, boxes that touch along a side and at a corner.
  overlap("ties", of_values(4, {1, 1, 3, 4, 0, 0, 2, 3, 0, 0, 2, 2, 0, 0, 2, 2}),
          of_values(4, {1, 1, 3, 4, 0, 1, 3, 3, 2, 1, 5, 3, 2, 2, 3, 5}));
  overlap("no_rows", boxes(0, 1, 8), boxes(0, 1, 8));
  overlap("spaced", in(Layout::spaced, boxes(9, 1, 8)), in(Layout::transposed, boxes(9, 1, 8)));
  overlap("large", boxes(3001, 1, 8), boxes(3001, 1, 8)).large = true;
  return family;
}

}  // namespace joist::cases
