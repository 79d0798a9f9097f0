#include <joist/core/error.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/store.h>
#include <joist/core/ops.h>
#include <joist/data/augment/resize.h>
#include <joist/data/decode.h>
#include <joist/data/encode.h>
#include <joist/data/files.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/report/filter_sheet.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist filter gate.jpg --kernel sobel --out edges
  joist filter gate.jpg --kernel gaussian --sigma 3 --fft --out blurred
  joist filter gate.jpg --from runs/site/best.h5 --out seen
  joist filter gate.jpg --from runs/site/best.h5:backbone.stem.conv.weight --count 8 --out seen

Writes OUT/filter.png (the picture, every result, its window and that window's frequency response) and OUT/filter.json.
Edges are sought in the brightness, the other kernels take each colour by itself. A learned layer is the first
convolution of the file that takes pictures (1 or 3 channels), or the one that is named; its bias is left out.)";

struct Given {
  std::string picture{}, kernel{}, from{}, out{};
  FilterOptions options{};
  bool flip = false, fourier = false;
  int size = 512, count = 11;
};

// "file" or "file:name"; a name of the whole stands for a file where there is one.
std::pair<std::string, std::string> file_and_name(const std::string& from) {
  const std::size_t colon = from.rfind(':');
  if (colon == std::string::npos || std::filesystem::exists(std::filesystem::path(from))) return {from, ""};
  return {from.substr(0, colon), from.substr(colon + 1)};
}

// Weights [out, in, height, width] that pictures can be filtered with. Keras keeps them as [height, width, in, out].
Array window_of(const NamedArray& named, bool foreign) {
  if (named.array.rank() != 4 || !is_floating(named.array.dtype())) return {};
  const bool keras = foreign && named.name.find("kernel") != std::string::npos;
  const Array weights = keras ? named.array.permuted({3, 2, 0, 1}) : named.array;
  const bool takes_pictures = weights.shape(1) == 1 || weights.shape(1) == 3;
  return takes_pictures && weights.shape(2) * weights.shape(3) > 1 && weights.elements() > 0 ? weights : Array();
}

std::vector<Filter> learned_filters(const Given& given) {
  const auto [file, name] = file_and_name(given.from);
  const Archive archive = read_hdf5(file);
  const NamedArray* chosen = nullptr;
  std::string possible;
  for (const NamedArray& named : archive.arrays) {
    if (!window_of(named, archive.foreign).defined()) continue;
    if (std::count(possible.begin(), possible.end(), ',') < 7) possible += (possible.empty() ? "" : ", ") + named.name;
    const bool wanted = name.empty() || named.name == name || named.name.ends_with("/" + name);
    if (wanted && !chosen) chosen = &named;
  }
  if (!chosen)
    throw DataError({.where = file,
                     .what = name.empty() ? "no convolution that takes pictures" : "no such layer: " + name,
                     .expected = "weights [out, 1 or 3, height, width]" + (possible.empty() ? "" : ": " + possible),
                     .remedy = "joist inspect lists what the file holds"});
  const Array weights = to(Tensor(row_major_copy(window_of(*chosen, archive.foreign))), Dtype::float32).value();
  std::vector<Filter> filters;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(weights.shape(0), given.count); ++i)
    filters.push_back({.name = fmt::format("{} [{}]", chosen->name, i),
                       .window = row_major_copy(weights.selected(0, i)),
                       .brightness = weights.shape(1) == 1,
                       .is_signed = true});
  if (weights.shape(0) > given.count)
    fmt::print("{} holds {} windows; the first {} are shown (--count)\n", chosen->name, weights.shape(0), given.count);
  return filters;
}

Picture fitted(Picture picture, int size) {
  const int longest = std::max(picture.width, picture.height);
  if (size == 0 || longest <= size) return picture;
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(side) * size / longest)));
  };
  return resized(picture, scaled(picture.width), scaled(picture.height));
}

struct Extent {
  double least = 0, most = 0, mean = 0;
};
Extent extent_of(const Array& array) {
  const std::vector<float> values = array.to_vector<float>();
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return {static_cast<double>(*least), static_cast<double>(*most), sum / static_cast<double>(values.size())};
}

nlohmann::ordered_json nested(const Array& window) {
  auto channels = nlohmann::ordered_json::array();
  const std::vector<float> values = window.to_vector<float>();
  auto value = values.begin();
  for (std::int64_t c = 0; c < window.shape(0); ++c) {
    auto rows = nlohmann::ordered_json::array();
    for (std::int64_t i = 0; i < window.shape(1); ++i) {
      rows.push_back(std::vector<float>(value, value + window.shape(2)));
      value += window.shape(2);
    }
    channels.push_back(std::move(rows));
  }
  return channels;
}

double largest_difference(const Array& a, const Array& b) {
  const std::vector<float> x = a.to_vector<float>(), y = b.to_vector<float>();
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
  return largest;
}

// √(x² + y²) of the two directions.
Array magnitude(const Array& a, const Array& b) { return hypot(Tensor(a), Tensor(b)).value(); }

int run(const Given& given) {
  if (!given.kernel.empty() && !given.from.empty())
    throw UsageError({.where = "filter", .what = "both --kernel and --from", .expected = "one of them"});
  const bool learned = !given.from.empty();
  const std::string kernel = given.kernel.empty() ? "sobel" : given.kernel;
  const std::vector<Filter> filters = learned ? learned_filters(given) : named_filters(kernel, given.options);
  const Picture picture = fitted(decode(given.picture, {.at_least = given.size}), given.size);
  ensure_folder(given.out);

  const std::string mode = given.flip ? "convolution" : "cross-correlation";
  std::vector<FilterCard> cards{{.title = utf8(std::filesystem::path(given.picture).filename()),
                                 .caption = fmt::format("{} × {} pixels", picture.width, picture.height),
                                 .picture = picture}};
  auto list = nlohmann::ordered_json::array();
  std::vector<Array> results;
  for (const Filter& one : filters) {
    const Filter filter = given.flip ? flipped(one) : one;
    const Array channels = channels_of(picture, filter.brightness);
    const Array result = filtered(channels, filter, given.fourier);
    results.push_back(result);
    const auto [least, most, mean] = extent_of(result);
    const Array response = frequency_response(filter, 64);
    const auto gain = extent_of(response);
    const double steady = static_cast<double>(
        response.data<float>()[response.shape(1) * (response.shape(0) / 2) + response.shape(1) / 2]);
    list.push_back({{"name", filter.name},
                    {"window", nested(filter.window)},
                    {"gain", {{"zero_frequency", steady}, {"least", gain.least}, {"largest", gain.most}}},
                    {"result", {{"least", least}, {"largest", most}, {"mean", mean}}}});
    if (given.fourier)
      list.back()["difference_from_direct"] = largest_difference(result, filtered(channels, filter, false));
    cards.push_back({.title = filter.name,
                     .caption = fmt::format("{:.3g} … {:.3g}{}", least, most, filter.is_signed ? ", gray is 0" : ""),
                     .picture = picture_of_channels(result, filter.is_signed, filter.is_signed),
                     .filter = filter});
  }
  if (!learned && results.size() == 2) {
    const Array strength = magnitude(results[0], results[1]);
    const auto [least, most, mean] = extent_of(strength);
    list.push_back(
        {{"name", kernel + " magnitude"}, {"result", {{"least", least}, {"largest", most}, {"mean", mean}}}});
    cards.push_back({.title = kernel + " magnitude",
                     .caption = fmt::format("{:.3g} … {:.3g}", least, most),
                     .picture = picture_of_channels(strength, false, true)});
  }

  const std::string through = given.fourier ? "fourier" : "direct";
  const std::string title = fmt::format("{}, {}{}", learned ? "learned filters" : kernel, mode,
                                        given.fourier ? ", through the Fourier transform" : "");
  const std::filesystem::path folder(given.out);
  write_png(utf8(folder / "filter.png"), draw_filter_sheet(title, cards));
  const nlohmann::ordered_json report{{"picture", given.picture}, {"width", picture.width}, {"height", picture.height},
                                      {"operation", mode},        {"through", through},     {"filters", list}};
  write_result(utf8(folder / "filter.json"), report.dump(1) + "\n");
  fmt::print("{} by {}, {}: {} and {}\n",
             filters.size() == 1 ? "one window" : fmt::format("{} windows", filters.size()), mode, through,
             utf8(folder / "filter.png"), utf8(folder / "filter.json"));
  return 0;
}

}  // namespace

void add_filter(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("filter", "Shows what a filter, or the first layer of a model, makes of a picture");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("picture", given->picture, "a JPEG, PNG or WebP file")->type_name("PICTURE")->required();
  command->add_option("--kernel", given->kernel, filter_names() + " (sobel)")->type_name("NAME");
  command->add_option("--from", given->from, "the windows of a convolution in a checkpoint instead")
      ->type_name("CHECKPOINT[:NAME]");
  command->add_flag(
      "--flip", given->flip,
      "convolution in the mathematician's sense: the window turned by 180°. Without it cross-correlation, "
      "which deep learning calls convolution");
  command->add_flag("--fft", given->fourier, "by way of the Fourier transform; the result is the same");
  command->add_option("--sigma", given->options.sigma, "width of gaussian and log, pixels")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_option("--side", given->options.size, "side of the window of gaussian, log and box; 0: by itself")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_option("--count", given->count, "of a learned layer, so many windows")
      ->type_name("N")
      ->check(CLI::Range(1, 255))
      ->capture_default_str();
  command->add_option("--size", given->size, "shrink larger pictures to this longest side first; 0: never")
      ->type_name("PIXELS")
      ->check(CLI::Range(0, 16384))
      ->capture_default_str();
  command->add_option("--out", given->out, "folder of filter.png and filter.json")->type_name("DIR")->required();
  command->callback([&context, given] { context.run = [given] { return run(*given); }; });
}

}  // namespace joist::commands
