#include <joist/core/gradient.h>
#include <joist/core/ops.h>
#include <joist/tools/report/filters.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace joist {
namespace {

using Values = std::vector<float>;

Array square_window(const Values& values) {
  const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(values.size()))));
  return Array::from(values, {1, side, side});
}

Filter plain(const std::string& name, const Values& values) { return {.name = name, .window = square_window(values)}; }
Filter edges(const std::string& name, const Values& values) {
  return {.name = name, .window = square_window(values), .brightness = true, .is_signed = true};
}

std::int64_t side_of(const std::string& name, const FilterOptions& options, std::int64_t usual) {
  const std::int64_t side = options.size == 0 ? usual : options.size;
  if (side < 1 || side % 2 == 0 || side > 255)
    throw UsageError({.where = name,
                      .what = "a window of " + std::to_string(side) + " pixels a side",
                      .expected = "an odd number from 1 to 255"});
  return side;
}

// value(x² + y²) for every place, divided by the sum of magnitudes if `normalized`.
template <class Value>
Values round_window(std::int64_t side, Value&& value) {
  Values values;
  const std::int64_t reach = side / 2;
  for (std::int64_t y = -reach; y <= reach; ++y)
    for (std::int64_t x = -reach; x <= reach; ++x)
      values.push_back(static_cast<float>(value(static_cast<double>(x * x + y * y))));
  return values;
}

std::int64_t side_for(double sigma) { return 2 * static_cast<std::int64_t>(std::ceil(3 * sigma)) + 1; }

Filter gaussian(const FilterOptions& options) {
  const double s = options.sigma;
  Values values =
      round_window(side_of("gaussian", options, side_for(s)), [s](double r) { return std::exp(-r / (2 * s * s)); });
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  for (float& value : values) value = static_cast<float>(static_cast<double>(value) / sum);
  return plain("gaussian", values);
}

// The Laplacian of a Gaussian, moved so that its sum is 0.
Filter laplacian_of_gaussian(const FilterOptions& options) {
  const double s2 = options.sigma * options.sigma;
  Values values = round_window(side_of("log", options, side_for(options.sigma)), [s2](double r) {
    return (r - 2 * s2) / (s2 * s2) * std::exp(-r / (2 * s2)) / (2 * std::acos(-1.0) * s2);
  });
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  for (float& value : values) value -= static_cast<float>(sum / static_cast<double>(values.size()));
  return edges("log", values);
}

struct Named {
  const char* name;
  std::vector<Filter> (*make)(const FilterOptions&);
};

const std::vector<Named>& table() {
  using Filters = std::vector<Filter>;
  static const std::vector<Named> all{
      {"sobel",
       [](const FilterOptions&) {
         return Filters{edges("sobel across", {-1, 0, 1, -2, 0, 2, -1, 0, 1}),
                        edges("sobel down", {-1, -2, -1, 0, 0, 0, 1, 2, 1})};
       }},
      {"prewitt",
       [](const FilterOptions&) {
         return Filters{edges("prewitt across", {-1, 0, 1, -1, 0, 1, -1, 0, 1}),
                        edges("prewitt down", {-1, -1, -1, 0, 0, 0, 1, 1, 1})};
       }},
      {"scharr",
       [](const FilterOptions&) {
         return Filters{edges("scharr across", {-3, 0, 3, -10, 0, 10, -3, 0, 3}),
                        edges("scharr down", {-3, -10, -3, 0, 0, 0, 3, 10, 3})};
       }},
      {"laplacian",
       [](const FilterOptions&) {
         return Filters{edges("laplacian", {0, 1, 0, 1, -4, 1, 0, 1, 0})};
       }},
      {"log", [](const FilterOptions& o) { return Filters{laplacian_of_gaussian(o)}; }},
      {"gaussian", [](const FilterOptions& o) { return Filters{gaussian(o)}; }},
      {"box",
       [](const FilterOptions& o) {
         const std::int64_t side = side_of("box", o, 3);
         return Filters{
             plain("box", Values(static_cast<std::size_t>(side * side), 1 / static_cast<float>(side * side)))};
       }},
      {"sharpen",
       [](const FilterOptions&) {
         return Filters{plain("sharpen", {0, -1, 0, -1, 5, -1, 0, -1, 0})};
       }},
      {"emboss",
       [](const FilterOptions&) {
         Filter filter = edges("emboss", {-2, -1, 0, -1, 0, 1, 0, 1, 2});
         return Filters{filter};
       }},
      {"identity",
       [](const FilterOptions&) {
         return Filters{plain("identity", {0, 0, 0, 0, 1, 0, 0, 0, 0})};
       }},
  };
  return all;
}

// The nearest pixel stands beyond the edge: `before` and `after` more of them along an axis.
Array extended(const Array& x, int axis, std::int64_t before, std::int64_t after) {
  const std::int64_t n = x.shape(axis);
  const Array wide = Array::empty(x.shape().with(axis, n + before + after), x.dtype());
  for_each_index(wide.shape(), [&](const Shape& to) {
    const Shape from = to.with(axis, std::clamp<std::int64_t>(to[axis] - before, 0, n - 1));
    wide.data<float>()[offset_of(to, wide.strides())] = x.data<float>()[offset_of(from, x.strides())];
  });
  return wide;
}

}  // namespace

std::vector<Filter> named_filters(const std::string& name, const FilterOptions& options) {
  if (!(options.sigma > 0) || !(options.sigma <= 40))
    throw UsageError(
        {.where = "--sigma", .what = std::to_string(options.sigma), .expected = "pixels above 0, at most 40"});
  for (const Named& one : table())
    if (name == one.name) return one.make(options);
  throw UsageError({.where = "--kernel", .what = "\"" + name + "\"", .expected = "one of " + filter_names()});
}

std::string filter_names() {
  std::string names;
  for (const Named& one : table()) names += (names.empty() ? "" : ", ") + std::string(one.name);
  return names;
}

Filter flipped(const Filter& filter) {
  Filter result = filter;
  const Shape& shape = filter.window.shape();
  result.window = Array::empty(shape);
  for_each_index(shape, [&](const Shape& i) {
    const Shape other{i[0], shape[1] - 1 - i[1], shape[2] - 1 - i[2]};
    result.window.data<float>()[offset_of(i, result.window.strides())] =
        filter.window.data<float>()[offset_of(other, filter.window.strides())];
  });
  return result;
}

Array channels_of(const Picture& picture, bool brightness) {
  const std::int64_t height = picture.height, width = picture.width;
  const Array channels = Array::empty({brightness ? 1 : 3, height, width});
  float* values = channels.data<float>();
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      const std::uint8_t* pixel = picture.at(x, y);
      const std::int64_t at = y * width + x;
      if (brightness)
        values[at] = (0.299F * static_cast<float>(pixel[0]) + 0.587F * static_cast<float>(pixel[1]) +
                      0.114F * static_cast<float>(pixel[2])) /
                     255;
      else
        for (std::int64_t c = 0; c < 3; ++c) values[c * height * width + at] = static_cast<float>(pixel[c]) / 255;
    }
  return channels;
}

Array filtered(const Array& channels, const Filter& filter, bool fourier) {
  const NoGradient off;
  const Shape& window = filter.window.shape();
  Array wide = channels;
  for (const int axis : {1, 2}) wide = extended(wide, axis, (window[axis] - 1) / 2, window[axis] / 2);
  const Tensor w = reshape(Tensor(filter.window), {1, window[0], window[1], window[2]});
  // One window per colour is a batch of three pictures with one channel.
  const bool apart = window[0] == 1;
  const Tensor x =
      reshape(Tensor(wide), {apart ? wide.shape(0) : 1, apart ? 1 : wide.shape(0), wide.shape(1), wide.shape(2)});
  const Tensor y = contiguous(fourier ? fft_conv2d(x, w) : conv2d(x, w));
  return y.value().view({apart ? channels.shape(0) : 1, channels.shape(1), channels.shape(2)});
}

Array frequency_response(const Filter& filter, std::int64_t side) {
  const NoGradient off;
  const Tensor gray = sum(Tensor(filter.window), {0});
  const std::int64_t room = std::max({side, gray.shape(0), gray.shape(1)});
  const Tensor spectrum = fft2(complex(gray), {.size = {room, room}});
  return contiguous(fftshift(complex_abs(spectrum))).value();
}

}  // namespace joist
