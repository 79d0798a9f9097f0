#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

// Regions of two pictures of 8 by 9 pixels: inside, at an edge, beyond, tiny, upside down.
Input regions(std::vector<double> values) {
  const auto rows = static_cast<std::int64_t>(values.size() / 5);
  Input input = of_values({rows, 5}, std::move(values));
  input.gradient = false;
  return input;
}
const std::vector<double> some{0,    1.25, 0.75, 6.5, 5.125, 1,    3.125, 2.25, 8.75,  7.625, 1,    -2.5, -1.75,
                               4.25, 3.5,  0,    2.5, 2.5,   2.75, 2.625, 0,    5.375, 5.25,  14.5, 11.25};

}  // namespace

Family detection_cases() {
  Family family{"detection", 2e-6, {}};
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run, bool differentiable = true,
                       bool large = false) {
    family.cases.push_back({name, std::move(inputs), run, differentiable, large});
  };
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };

  const auto align = [&](const std::string& name, const Input& x, const RoiAlignOptions& options, bool large = false) {
    add(
        "roi_align_" + name, {x, regions(some)}, [options](auto t) { return roi_align(t[0], t[1], options); }, true,
        large);
  };
  align("plain", uniform({2, 3, 8, 9}), {.height = 2, .width = 3});
  align("aligned", uniform({2, 3, 8, 9}), {.height = 3, .width = 2, .aligned = true});
  align("samples", uniform({2, 3, 8, 9}), {.height = 2, .width = 2, .spatial_scale = 0.5, .sampling_ratio = 2});
  align("channels_last", last({2, 5, 8, 9}), {.height = 2, .width = 2, .sampling_ratio = 3, .aligned = true});
  align("channel_slice", in(Layout::channel_slice, uniform({2, 4, 8, 9})), {.height = 2, .width = 2});
  align("one_pixel", uniform({2, 3, 1, 1}), {.height = 2, .width = 2});
  align("large", last({2, 37, 20, 21}), {.spatial_scale = 2}, true);
  add("roi_align_no_regions", {uniform({2, 3, 8, 9}), constant(uniform({0, 5}))},
      [](auto t) { return roi_align(t[0], t[1], {}); });
  add("roi_pool", {uniform({2, 3, 8, 9}), regions(some)}, [](auto t) { return roi_pool(t[0], t[1], 2, 3); });
  add("roi_pool_scaled", {last({2, 3, 8, 9}), regions(some)}, [](auto t) { return roi_pool(t[0], t[1], 3, 3, 0.75); });

  add("box_area", {boxes(5, 0, 9)}, [](auto t) { return box_area(t[0]); });
  add("box_iou", {boxes(4, 1, 9), boxes(3, 1, 9)}, [](auto t) { return box_iou(t[0], t[1]); });
  add(
      "box_iou_with_itself", {boxes(4, 1, 9)}, [](auto t) { return box_iou(t[0], t[0]); }, false);
  add("box_iou_none", {boxes(0, 1, 9), boxes(3, 1, 9)}, [](auto t) { return box_iou(t[0], t[1]); });
  add("generalized_box_iou", {boxes(4, 1, 9), boxes(3, 1, 9)}, [](auto t) { return generalized_box_iou(t[0], t[1]); });
  using enum BoxFormat;
  for (const auto& [name, from, to] : {std::tuple("xyxy_xywh", xyxy, xywh), std::tuple("xyxy_cxcywh", xyxy, cxcywh),
                                       std::tuple("xywh_xyxy", xywh, xyxy), std::tuple("cxcywh_xyxy", cxcywh, xyxy),
                                       std::tuple("xywh_cxcywh", xywh, cxcywh), std::tuple("same", xyxy, xyxy)})
    add(std::string("box_convert_") + name, {boxes(5, 0, 9)},
        [from = from, to = to](auto t) { return box_convert(t[0], from, to); });
  add("box_convert_batch", {uniform({2, 3, 4})}, [](auto t) { return box_convert(t[0], cxcywh, xywh); });
  add("clip_boxes_to_image", {uniform({3, 5, 4}, -5, 15)}, [](auto t) { return clip_boxes_to_image(t[0], 8, 10); });

  // Numbers of boxes: no gradients. The classes of batched_nms are integers.
  const auto choose = [&](const std::string& name, std::int64_t count, auto run) {
    add(name, {constant(boxes(count, 0, 9)), constant(uniform({count}, 0, 1)), integers({count}, 3)}, run, false);
  };
  for (const double threshold : {0.1, 0.5})
    choose("nms_" + std::to_string(static_cast<int>(10 * threshold)), 40,
           [threshold](auto t) { return nms(t[0], t[1], threshold); });
  choose("nms_none", 0, [](auto t) { return nms(t[0], t[1], 0.5); });
  choose("batched_nms", 40, [](auto t) { return batched_nms(t[0], t[1], t[2], 0.2); });
  choose("soft_nms_gaussian", 30, [](auto t) {
    const SoftNms result = soft_nms(t[0], t[1], {.score_threshold = 0.2});
    return std::vector{result.keep, result.scores};
  });
  choose("soft_nms_linear", 30, [](auto t) {
    const SoftNms result = soft_nms(t[0], t[1], {.decay = Decay::linear, .score_threshold = 0.1});
    return std::vector{result.keep, result.scores};
  });
  choose("remove_small_boxes", 20, [](auto t) { return remove_small_boxes(t[0], 4); });
  return family;
}

}  // namespace joist::cases
