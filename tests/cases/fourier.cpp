#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family fourier_cases() {
  Family family{"fourier", 3e-6, {}};
  auto& cases = family.cases;
  const auto call = [&](const std::string& name, std::vector<Input> inputs, auto function) -> Case& {
    cases.push_back({name, std::move(inputs), [function](auto t) { return function(t); }});
    return cases.back();
  };
  const auto one_axis = [&](const std::string& name, const Input& z, FourierOptions options = {}, bool large = false) {
    call("fft_" + name, {z}, [options](auto t) { return fft(t[0], options); }).large = large;
    call("ifft_" + name, {z}, [options](auto t) { return ifft(t[0], options); }).large = large;
    Input x = z;
    x.shape = z.shape.without(-1);
    call("rfft_" + name, {x}, [options](auto t) { return rfft(t[0], options); }).large = large;
  };
  for (const std::int64_t n : {1, 2, 3, 4, 7, 8, 12, 15, 31}) one_axis(std::to_string(n), uniform({3, n, 2}));
  one_axis("prime", uniform({2, 67, 2}));  // Bluestein's way
  one_axis("twice_prime", uniform({142, 2}));
  one_axis("large", uniform({5, 1009, 2}), {}, true);
  one_axis("large_power", uniform({9, 1024, 2}), {}, true);
  one_axis("large_sevens", uniform({40, 343, 2}), {}, true);  // a radix whose scratch memory kissfft keeps
  one_axis("cut", uniform({2, 9, 2}), {.n = 6});
  one_axis("filled", uniform({2, 5, 2}), {.n = 11});
  one_axis("first_axis", uniform({6, 4, 2}), {.axis = 0});
  one_axis("middle_axis", uniform({2, 6, 3, 2}), {.n = 5, .axis = -2});
  one_axis("ortho", uniform({3, 6, 2}), {.norm = FourierNorm::ortho});
  one_axis("forward", uniform({3, 5, 2}), {.norm = FourierNorm::forward});
  one_axis("spaced", in(Layout::spaced, uniform({3, 6, 2})));
  one_axis("transposed", in(Layout::transposed, uniform({3, 6, 2})), {.axis = 0});
  one_axis("channels_last", in(Layout::channels_last, uniform({2, 3, 5, 2})), {.axis = 1});
  one_axis("no_lines", uniform({0, 4, 2}));
  one_axis("nothing_filled", uniform({2, 0, 2}), {.n = 3});

  const auto half = [&](const std::string& name, const Input& z, FourierOptions options = {}) {
    call("irfft_" + name, {z}, [options](auto t) { return irfft(t[0], options); });
  };
  half("even", uniform({3, 5, 2}));
  half("odd", uniform({3, 5, 2}), {.n = 9});
  half("one", uniform({3, 1, 2}), {.n = 1});
  half("two", uniform({3, 2, 2}));
  half("cut", uniform({3, 6, 2}), {.n = 5});
  half("filled", uniform({3, 3, 2}), {.n = 12});
  half("ortho", uniform({3, 4, 2}), {.norm = FourierNorm::ortho});
  half("forward_first_axis", uniform({4, 3, 2}), {.n = 7, .axis = 0, .norm = FourierNorm::forward});
  call("irfft_of_rfft", {uniform({2, 7})}, [](auto t) { return irfft(rfft(t[0]), {.n = 7}); });

  const auto planes = [&](const std::string& name, const Input& z, const FourierAxes& options = {}) {
    call("fft2_" + name, {z}, [options](auto t) { return fft2(t[0], options); });
    call("ifft2_" + name, {z}, [options](auto t) { return ifft2(t[0], options); });
    call("irfft2_" + name, {z}, [options](auto t) { return irfft2(t[0], options); });
    Input x = z;
    x.shape = z.shape.without(-1);
    call("rfft2_" + name, {x}, [options](auto t) { return rfft2(t[0], options); });
  };
  planes("plain", uniform({2, 4, 5, 2}));
  planes("sized", uniform({4, 5, 2}), {.size = {3, 8}});
  planes("other_axes", uniform({4, 2, 3, 2}), {.axes = {0, 2}, .norm = FourierNorm::ortho});
  planes("three_axes", uniform({3, 2, 4, 2}), {.axes = {0, 1, 2}});

  call("fftfreq", {constant(uniform({1}))}, [](auto t) {
    return std::vector{
        to(to(fftfreq(5), t[0].dtype()), t[0].device()), to(to(fftfreq(4, 0.25), t[0].dtype()), t[0].device()),
        to(to(rfftfreq(5), t[0].dtype()), t[0].device()), to(to(rfftfreq(6, 2), t[0].dtype()), t[0].device())};
  });
  for (const bool odd : {false, true}) {
    const std::string name = odd ? "_odd" : "_even";
    const Shape shape = odd ? Shape{3, 5} : Shape{4, 6};
    call("fftshift" + name, {uniform(shape)}, [](auto t) {
      return std::vector{fftshift(t[0]), ifftshift(t[0]), fftshift(t[0], {1}), ifftshift(t[0], {-2})};
    });
    call("fftshift_complex" + name, {uniform(shape.inserted(2, 2))}, [](auto t) {
      return std::vector{fftshift(t[0], {}, true), ifftshift(t[0], {}, true), fftshift(t[0], {-1}, true)};
    });
  }

  call("complex", {uniform({3, 4}), uniform({3, 4})}, [](auto t) {
    return std::vector{complex(t[0], t[1]), complex(t[0])};
  });
  call("polar", {uniform({5}, 0.1, 2), uniform({5})}, [](auto t) { return polar(t[0], t[1]); });
  call("real_and_imag", {in(Layout::spaced, uniform({3, 4, 2}))}, [](auto t) {
    return std::vector{real(t[0]), imag(t[0])};
  });
  call("complex_abs", {uniform({3, 4, 2})}, [](auto t) { return complex_abs(t[0]); });
  call("complex_abs_of_zero", {of_values({2, 2}, {0, 0, 3, -4})}, [](auto t) {
    return complex_abs(t[0]);
  }).differentiable = false;
  call("complex_angle", {uniform({3, 4, 2})}, [](auto t) { return complex_angle(t[0]); });
  call("complex_conj", {uniform({3, 4, 2})}, [](auto t) { return complex_conj(t[0]); });
  call("complex_mul", {uniform({3, 1, 2}), uniform({4, 2})}, [](auto t) { return complex_mul(t[0], t[1]); });
  call("complex_mul_itself", {uniform({3, 2})}, [](auto t) { return complex_mul(t[0], t[0]); });
  call("complex_div", {uniform({3, 2}), uniform({3, 2}, 0.5, 2)}, [](auto t) { return complex_div(t[0], t[1]); });

  const std::vector<std::pair<std::string, ConvolveMode>> modes{
      {"full", ConvolveMode::full}, {"same", ConvolveMode::same}, {"valid", ConvolveMode::valid}};
  for (const auto& [name, mode] : modes) {
    call("fft_convolve_" + name, {uniform({2, 7}), uniform({4})},
         [mode](auto t) { return fft_convolve(t[0], t[1], mode); });
    call("fft_correlate_" + name, {uniform({3}), uniform({2, 6})},
         [mode](auto t) { return fft_correlate(t[0], t[1], mode); });
    call("fft_convolve2d_" + name, {uniform({2, 5, 4}), uniform({3, 2})},
         [mode](auto t) { return fft_convolve2d(t[0], t[1], mode); });
    call("fft_correlate2d_" + name, {uniform({5, 4}), uniform({2, 3, 3})},
         [mode](auto t) { return fft_correlate2d(t[0], t[1], mode); });
  }
  const auto layer = [&](const std::string& name, const Input& x, const Input& w, const ConvolutionOptions& options) {
    call("fft_conv2d_" + name, {x, w, uniform({w.shape[0]})},
         [options](auto t) { return fft_conv2d(t[0], t[1], t[2], options); });
  };
  layer("plain", uniform({2, 3, 5, 6}), uniform({4, 3, 3, 3}), {});
  layer("padded", uniform({2, 3, 5, 6}), uniform({4, 3, 3, 3}), {.padding = {1, 2}});
  layer("stride", uniform({1, 2, 7, 6}), uniform({2, 2, 3, 2}), {.stride = {2, 3}, .padding = {1, 0}});
  layer("channels_last", in(Layout::channels_last, uniform({2, 3, 5, 6})), uniform({4, 3, 5, 5}), {.padding = {2, 2}});
  call("fft_conv2d_no_bias", {uniform({1, 2, 4, 4}), uniform({3, 2, 2, 2})},
       [](auto t) { return fft_conv2d(t[0], t[1]); });

  const Input window = uniform({6}, 0.5, 1);
  call("stft", {uniform({2, 17}), window}, [](auto t) { return stft(t[0], t[1], {.n_fft = 6, .hop = 2}); });
  call("stft_options", {uniform({16})}, [](auto t) {
    return std::vector{stft(t[0], {}, {.n_fft = 5, .hop = 3, .center = false, .normalized = true}),
                       stft(t[0], {}, {.n_fft = 8})};
  });
  call("istft", {uniform({2, 4, 5, 2}), window}, [](auto t) {
    return std::vector{istft(t[0], t[1], {.n_fft = 6, .hop = 2}), istft(t[0], t[1], {.n_fft = 6, .hop = 2}, 7),
                       istft(t[0], t[1], {.n_fft = 6, .hop = 4, .center = false, .normalized = true})};
  });
  call("istft_of_stft", {uniform({2, 18}), window},
       [](auto t) { return istft(stft(t[0], t[1], {.n_fft = 6, .hop = 3}), t[1], {.n_fft = 6, .hop = 3}, 18); });
  return family;
}

}  // namespace joist::cases
