// interpolate() with options, sampling by a grid.
#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family resample_cases() {
  Family family{"resample", 2e-6, {}};
  using Mode = InterpolateMode;
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const Input line = uniform({2, 3, 7}), picture = uniform({1, 2, 5, 6}), volume = uniform({1, 2, 3, 4, 3});
  const auto resized = [&](const std::string& name, const Input& x, const InterpolateOptions& options) -> Case& {
    return family.cases.emplace_back(
        Case{"interpolate_" + name, {x}, [options](auto t) { return interpolate(t[0], options); }});
  };
  for (const auto& [name, mode] : {std::pair("nearest", Mode::nearest), std::pair("nearest_exact", Mode::nearest_exact),
                                   std::pair("area", Mode::area)}) {
    const std::string of = name;
    resized(of + "_line", line, {.size = {11}, .mode = mode});
    resized(of, picture, {.size = {8, 4}, .mode = mode});
    resized(of + "_factor", picture, {.scale_factor = {1.7, 0.6}, .mode = mode});
    resized(of + "_volume", volume, {.size = {5, 2, 4}, .mode = mode});
    resized(of + "_channels_last", last({2, 5, 3, 4}), {.scale_factor = {2}, .mode = mode});
    resized(of + "_large", last({2, 17, 20, 19}), {.size = {33, 47}, .mode = mode}).large = true;
  }
  resized("nearest_inexact", uniform({1, 1, 14, 2}), {.size = {46, 2}});
  resized("nearest_recomputed", picture, {.scale_factor = {1.7, 0.6}, .recompute_scale_factor = true});

  struct Smooth {
    const char* name;
    Mode mode;
    Input x;
    Shape up, down;
  };
  for (const Smooth& s :
       {Smooth{"linear", Mode::linear, line, {12}, {4}}, Smooth{"bilinear", Mode::bilinear, picture, {8, 11}, {3, 4}},
        Smooth{"trilinear", Mode::trilinear, volume, {5, 6, 4}, {2, 3, 2}},
        Smooth{"bicubic", Mode::bicubic, picture, {8, 11}, {3, 4}}})
    for (const bool corners : {false, true}) {
      const std::string of = s.name + std::string(corners ? "_corners" : "");
      resized(of + "_up", s.x, {.size = s.up, .mode = s.mode, .align_corners = corners});
      resized(of + "_down", s.x, {.size = s.down, .mode = s.mode, .align_corners = corners});
      resized(of + "_one", s.x, {.size = {1}, .mode = s.mode, .align_corners = corners});
      resized(of + "_factor", s.x, {.scale_factor = {1.6}, .mode = s.mode, .align_corners = corners});
      if (s.x.shape.rank() != 4) continue;
      resized(of + "_spaced", in(Layout::spaced, s.x), {.size = s.up, .mode = s.mode, .align_corners = corners});
      resized(of + "_channels_last", last({2, 5, 3, 4}), {.size = s.up, .mode = s.mode, .align_corners = corners});
      resized(of + "_slice", in(Layout::channel_slice, uniform({2, 5, 3, 4})),
              {.size = s.up, .mode = s.mode, .align_corners = corners});
      resized(of + "_antialias", uniform({1, 2, 9, 11}),
              {.size = s.down, .mode = s.mode, .align_corners = corners, .antialias = true});
      resized(of + "_antialias_up", s.x, {.size = s.up, .mode = s.mode, .align_corners = corners, .antialias = true});
      resized(of + "_large", last({2, 17, 20, 19}), {.size = {33, 47}, .mode = s.mode, .align_corners = corners})
          .large = true;
      resized(of + "_large_row_major", uniform({2, 17, 20, 19}),
              {.size = {33, 7}, .mode = s.mode, .align_corners = corners, .antialias = true})
          .large = true;
    }
  resized("bilinear_recomputed", picture,
          {.scale_factor = {1.7, 0.6}, .mode = Mode::bilinear, .recompute_scale_factor = true});
  resized("bilinear_factor_antialias", uniform({1, 2, 9, 11}),
          {.scale_factor = {0.4}, .mode = Mode::bilinear, .antialias = true});
  resized("bilinear_no_batch", uniform({0, 2, 3, 4}), {.size = {5}, .mode = Mode::bilinear});
  resized("bilinear_pixel", uniform({2, 3, 1, 1}), {.size = {3, 4}, .mode = Mode::bilinear});
  family.cases.push_back(
      {"upsample", {picture}, [](auto t) { return upsample(t[0], {.scale_factor = {2}, .mode = Mode::bilinear}); }});

  const auto sample = [&](const std::string& name, const Input& x, const Input& grid,
                          const GridSampleOptions& options) -> Case& {
    return family.cases.emplace_back(
        Case{"grid_sample_" + name, {x, grid}, [options](auto t) { return grid_sample(t[0], t[1], options); }});
  };
  for (const auto& [mode_name, mode] :
       {std::pair("bilinear", SampleMode::bilinear), std::pair("nearest", SampleMode::nearest),
        std::pair("bicubic", SampleMode::bicubic)})
    for (const auto& [padding_name, padding] :
         {std::pair("zeros", SamplePadding::zeros), std::pair("border", SamplePadding::border),
          std::pair("reflection", SamplePadding::reflection)})
      for (const bool corners : {false, true}) {
        const GridSampleOptions options{mode, padding, corners};
        const std::string of = std::string(mode_name) + "_" + padding_name + (corners ? "_corners" : "");
        sample(of, uniform({2, 3, 4, 5}), uniform({2, 3, 4, 2}, -1.3, 1.3), options);
        sample(of + "_far", last({1, 4, 3, 2}), uniform({1, 5, 3, 2}, -6, 6), options);
        sample(of + "_large", last({2, 9, 21, 17}), uniform({2, 30, 31, 2}, -1.2, 1.2), options).large = true;
      }
  sample("spaced", in(Layout::spaced, uniform({2, 3, 4, 5})), in(Layout::spaced, uniform({2, 3, 4, 2}, -1, 1)), {});
  sample("transposed", in(Layout::transposed, uniform({2, 3, 4, 5})),
         in(Layout::transposed, uniform({2, 3, 4, 2}, -1, 1)), {});
  sample("frozen_grid", uniform({2, 3, 4, 5}), constant(uniform({2, 3, 4, 2}, -1, 1)), {});
  sample("frozen_picture", constant(uniform({2, 3, 4, 5})), uniform({2, 3, 4, 2}, -1, 1), {});
  sample("no_batch", uniform({0, 3, 4, 5}), uniform({0, 3, 4, 2}), {});
  sample("no_points", uniform({1, 3, 4, 5}), uniform({1, 0, 4, 2}), {});
  sample("pixel_reflection_corners", uniform({1, 2, 1, 1}), uniform({1, 3, 2, 2}, -0.9, 0.9),
         {SampleMode::bilinear, SamplePadding::reflection, true});
  family.cases.push_back({"affine_grid", {uniform({2, 2, 3})}, [](auto t) { return affine_grid(t[0], {2, 3, 4, 5}); }});
  family.cases.push_back({"affine_grid_corners", {uniform({2, 2, 3})}, [](auto t) {
                            return affine_grid(t[0], {2, 3, 1, 4}, true);
                          }});
  family.cases.push_back({"affine_grid_volume", {uniform({1, 3, 4})}, [](auto t) {
                            return affine_grid(t[0], {1, 3, 2, 3, 4});
                          }});
  family.cases.push_back({"affine_sampled", {uniform({1, 2, 5, 6}), uniform({1, 2, 3}, -1, 1)}, [](auto t) {
                            return grid_sample(t[0], affine_grid(t[1], {1, 2, 3, 4}));
                          }});
  return family;
}

}  // namespace joist::cases
