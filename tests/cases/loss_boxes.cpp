#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family box_loss_cases() {
  Family family{"box_loss", 5e-6, {}};
  using Loss = Tensor (*)(const Tensor&, const Tensor&, const BoxLossOptions&);
  const auto everywhere = [&](const std::string& name, Loss loss, bool differentiable = true) {
    const auto add = [&](const std::string& what, const Input& a, const Input& b, const BoxLossOptions& options = {},
                         bool kinks = false) -> Case& {
      return family.cases.emplace_back(Case{name + "_" + what,
                                            {a, b},
                                            [loss, options](auto t) { return loss(t[0], t[1], options); },
                                            differentiable && !kinks});
    };
    add("boxes", boxes(20, 1, 8), boxes(20, 1, 8));
    add("mean", boxes(9, 1, 8), boxes(9, 1, 8), {.reduction = Reduction::mean});
    add("target", boxes(9, 1, 8), constant(boxes(9, 1, 8)), {.eps = 1e-5, .reduction = Reduction::sum});
    add("apart", of_values({2, 4}, {0, 0, 1, 2, 10, 0, 12, 3}), of_values({2, 4}, {5, 7, 8, 9, 1, 1, 2, 5}));
    add("inside", of_values({2, 4}, {2, 2, 3, 5, 0, 0, 10, 9}), of_values({2, 4}, {1, 1, 9, 8, 4, 3, 5, 6}));
    // Equal boxes, equal sides, boxes that touch along a side and at a corner.
    add("ties", of_values({4, 4}, {1, 1, 3, 4, 0, 0, 2, 3, 0, 0, 2, 2, 0, 0, 2, 2}),
        of_values({4, 4}, {1, 1, 3, 4, 0, 1, 3, 3, 2, 1, 5, 3, 2, 2, 3, 5}), {}, true);
    add("no_rows", boxes(0, 1, 8), boxes(0, 1, 8));
    add("spaced", in(Layout::spaced, boxes(9, 1, 8)), in(Layout::transposed, boxes(9, 1, 8)));
    add("one", of_values({4}, {1, 2, 4, 6}), of_values({4}, {2, 1, 5, 4}));
    add("rows_of_rows", of_values({2, 1, 4}, {1, 2, 4, 6, 0, 0, 3, 2}), of_values({2, 1, 4}, {2, 1, 5, 4, 1, 1, 4, 3}));
  };
  everywhere("box_iou_loss", box_iou_loss);
  everywhere("generalized_box_iou_loss", generalized_box_iou_loss);
  everywhere("distance_box_iou_loss", distance_box_iou_loss);
  everywhere("complete_box_iou_loss", complete_box_iou_loss, false);  // its aspect weight is a constant
  everywhere("scylla_box_iou_loss", scylla_box_iou_loss);
  return family;
}

}  // namespace joist::cases
