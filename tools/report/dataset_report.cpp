#include <joist/core/error.h>
#include <joist/data/decode.h>
#include <joist/tools/report/dataset_report.h>
#include <joist/tools/report/draw.h>
#include <joist/tools/report/page.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

constexpr std::size_t grid = 32;
constexpr std::size_t sides = 8;  // below 4, 8, …, 256, and above
constexpr std::size_t counts = 21;

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::size_t side_class(double side) {
  std::size_t index = 0;
  for (double limit = 4; index + 1 < sides && side >= limit; limit *= 2) ++index;
  return index;
}

std::string side_name(std::size_t index) {
  const int low = 2 << index;
  if (index == 0) return "below 4";
  return index + 1 == sides ? fmt::format("{} and more", low) : fmt::format("{} to {}", low, 2 * low);
}

/// Which of a detector's grids, with cells of 8, 16 and 32 pixels, sees objects of that size best.
const char* grid_name(std::size_t index) {
  if (index == 0) return "none: half a cell of the finest grid";
  if (index <= 2) return "8 pixels";
  return index <= 4 ? "16 pixels" : "32 pixels";
}

/// A histogram as an outline.
Plot histogram(const std::string& title, const std::string& x_axis, const std::vector<std::int64_t>& values) {
  Plot plot{.title = title, .x_axis = x_axis, .y_axis = "pictures", .series = {{.name = ""}}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    plot.series[0].points.emplace_back(static_cast<double>(i) - 0.5, static_cast<double>(values[i]));
    plot.series[0].points.emplace_back(static_cast<double>(i) + 0.5, static_cast<double>(values[i]));
  }
  return plot;
}

/// Where boxes lie, dark for many.
Picture heat_map(const std::vector<double>& centres) {
  constexpr int cell = 8;
  constexpr int side = static_cast<int>(grid) * cell;
  const double most = std::max(*std::max_element(centres.begin(), centres.end()), 1e-12);
  Picture picture(side, side, 255);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const double share =
          centres[static_cast<std::size_t>(y / cell) * grid + static_cast<std::size_t>(x / cell)] / most;
      const double dark = std::sqrt(share);
      std::uint8_t* pixel = picture.at(x, y);
      pixel[0] = static_cast<std::uint8_t>(255 - 225 * dark);
      pixel[1] = static_cast<std::uint8_t>(255 - 150 * dark);
      pixel[2] = static_cast<std::uint8_t>(255 - 60 * dark);
    }
  }
  return picture;
}

/// Pictures spread over the set, such that every class is seen where that is possible.
std::vector<std::size_t> chosen(const Dataset& dataset, std::size_t wanted) {
  std::vector<std::size_t> all;
  std::vector<char> is_seen(dataset.categories.size(), 0);
  std::vector<char> is_taken(dataset.samples.size(), 0);
  for (std::size_t i = 0; i < dataset.samples.size() && all.size() < wanted / 2; ++i) {
    const auto& annotations = dataset.samples[i].annotations;
    const bool is_new = std::any_of(annotations.begin(), annotations.end(), [&](const Annotation& a) {
      return is_seen[static_cast<std::size_t>(a.category)] == 0;
    });
    if (!is_new) continue;
    for (const Annotation& annotation : annotations) is_seen[static_cast<std::size_t>(annotation.category)] = 1;
    is_taken[i] = 1;
    all.push_back(i);
  }
  const std::size_t step = std::max<std::size_t>(1, dataset.samples.size() / std::max<std::size_t>(wanted, 1));
  for (std::size_t i = step / 2; i < dataset.samples.size() && all.size() < wanted; i += step) {
    if (is_taken[i] == 0) all.push_back(i);
  }
  return all;
}

void add_example(std::vector<std::pair<Picture, std::string>>& shown, Page& page, const Dataset& dataset,
                 const Sample& sample) {
  try {
    const Picture picture = decode(sample.path, {.at_least = 480});
    const double scale = sample.width > 0 ? static_cast<double>(picture.width) / sample.width : 1;
    std::vector<DrawnBox> boxes;
    for (const Annotation& annotation : sample.annotations) {
      const Box& box = annotation.box;
      boxes.push_back({.box = {box.x * scale, box.y * scale, box.width * scale, box.height * scale},
                       .label = dataset.categories[static_cast<std::size_t>(annotation.category)],
                       .category = annotation.category});
    }
    shown.emplace_back(draw_boxes(picture, boxes),
                       fmt::format("{}: {} boxes", sample.name.empty() ? sample.path : sample.name, boxes.size()));
  } catch (const DataError&) {
    page.paragraph(sample.path + " cannot be decoded");
  }
}

/// What a person who trains on this set for the first time should know.
std::vector<std::string> advice(const DatasetStatistics& numbers, int size) {
  std::vector<std::string> lines;
  constexpr std::int64_t few_boxes = 50, few_pictures = 100;
  std::string rare, unused;
  const auto add = [](std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; };
  for (const auto& one : numbers.categories) {
    if (one.boxes == 0) {
      add(unused, one.name);
    } else if (one.boxes < few_boxes) {
      add(rare, fmt::format("{} ({})", one.name, one.boxes));
    }
  }
  if (numbers.pictures < few_pictures)
    lines.push_back(fmt::format("{} pictures are few: begin with pretrained weights (--from) and --augment small.",
                                numbers.pictures));
  if (!rare.empty())
    lines.push_back(
        fmt::format("Fewer than {} boxes: {}. Expect little of these classes, and numbers about them that mean "
                    "little; more pictures of them help most. --balance shows them more often.",
                    few_boxes, rare));
  if (!unused.empty()) lines.push_back(fmt::format("Without any box: {}.", unused));
  const std::int64_t tiny = numbers.by_side[0] + numbers.by_side[1];  // below 8 pixels
  if (tiny * 10 >= numbers.boxes && tiny > 0)
    lines.push_back(
        fmt::format("{} of {} boxes are smaller than 8 pixels at {}×{} and hard to learn: a larger --size, or "
                    "--tile, which cuts pictures into parts.",
                    tiny, numbers.boxes, size, size));
  if (numbers.empty_pictures == 0 && numbers.pictures > 0)
    lines.emplace_back(
        "Every picture has a box. Some pictures without objects, of the same cameras, make false alarms rarer.");
  return lines;
}

}  // namespace

DatasetStatistics statistics(const Dataset& dataset, int size) {
  DatasetStatistics numbers{.pictures = std::ssize(dataset.samples)};
  numbers.by_side.assign(sides, 0);
  numbers.by_count.assign(counts, 0);
  numbers.centres.assign(grid * grid, 0);
  std::vector<std::vector<double>> widths(dataset.categories.size());
  std::vector<std::vector<double>> heights(dataset.categories.size());
  std::vector<const Sample*> last(dataset.categories.size(), nullptr);
  for (const std::string& name : dataset.categories) numbers.categories.push_back({.name = name});
  for (const Sample& sample : dataset.samples) {
    numbers.empty_pictures += sample.annotations.empty() ? 1 : 0;
    ++numbers.by_count[std::min(sample.annotations.size(), counts - 1)];
    for (const Annotation& annotation : sample.annotations) {
      const auto c = static_cast<std::size_t>(annotation.category);
      ++numbers.boxes;
      ++numbers.categories[c].boxes;
      if (std::exchange(last[c], &sample) != &sample) ++numbers.categories[c].pictures;
      widths[c].push_back(annotation.box.width);
      heights[c].push_back(annotation.box.height);
      if (sample.width <= 0 || sample.height <= 0) continue;
      const double scale = static_cast<double>(size) / std::max(sample.width, sample.height);
      ++numbers.by_side[side_class(std::sqrt(std::max(0.0, annotation.box.area())) * scale)];
      const auto cell = [](double at, int length) {
        return static_cast<std::size_t>(std::clamp(at / length, 0.0, 0.999999) * grid);
      };
      const Box& box = annotation.box;
      numbers.centres[cell(box.y + box.height / 2, sample.height) * grid + cell(box.x + box.width / 2, sample.width)] +=
          1;
    }
  }
  for (double& share : numbers.centres) share /= std::max<double>(1, static_cast<double>(numbers.boxes));
  for (std::size_t c = 0; c < widths.size(); ++c) {
    numbers.categories[c].median_width = median(widths[c]);
    numbers.categories[c].median_height = median(heights[c]);
  }
  return numbers;
}

std::string to_json(const DatasetStatistics& numbers) {
  nlohmann::ordered_json classes = nlohmann::ordered_json::array();
  for (const auto& one : numbers.categories) {
    classes.push_back({{"name", one.name},
                       {"boxes", one.boxes},
                       {"pictures", one.pictures},
                       {"median_width", one.median_width},
                       {"median_height", one.median_height}});
  }
  nlohmann::ordered_json by_side = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < numbers.by_side.size(); ++i) by_side[side_name(i)] = numbers.by_side[i];
  const nlohmann::ordered_json json = {{"pictures", numbers.pictures},
                                       {"empty_pictures", numbers.empty_pictures},
                                       {"boxes", numbers.boxes},
                                       {"classes", classes},
                                       {"boxes_by_side_in_input", by_side},
                                       {"pictures_by_boxes", numbers.by_count},
                                       {"centres", numbers.centres}};
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string dataset_page(const Dataset& dataset, int size, int examples) {
  const DatasetStatistics numbers = statistics(dataset, size);
  const auto share = [&](std::int64_t count) {
    return fmt::format("{:.1f} %",
                       100.0 * static_cast<double>(count) / std::max<double>(1, static_cast<double>(numbers.boxes)));
  };
  Page page("Data set " + dataset.source);
  page.paragraph(fmt::format("{}; {} pictures ({} without boxes), {} boxes, {} classes.", dataset.format,
                             numbers.pictures, numbers.empty_pictures, numbers.boxes, numbers.categories.size()));
  if (const std::vector<std::string> lines = advice(numbers, size); !lines.empty()) {
    page.heading("What to know before training");
    for (const std::string& line : lines) page.paragraph(line);
  }
  page.heading("Classes");
  std::vector<std::vector<std::string>> rows = {{"class", "boxes", "share", "pictures", "median size, pixels"}};
  std::vector<DatasetStatistics::Category> classes = numbers.categories;
  std::stable_sort(classes.begin(), classes.end(), [](const auto& a, const auto& b) { return a.boxes > b.boxes; });
  for (const auto& one : classes)
    if (one.boxes > 0)
      rows.push_back({one.name, std::to_string(one.boxes), share(one.boxes), std::to_string(one.pictures),
                      fmt::format("{:.0f} × {:.0f}", one.median_width, one.median_height)});
  page.table(rows);
  page.heading("Box sizes");
  page.paragraph(
      fmt::format("Side of a square of the box's area, in pixels of a model input of {0}×{0}, and the grid "
                  "that sees such objects.",
                  size));
  rows = {{"side", "boxes", "share", "grid"}};
  for (std::size_t i = 0; i < numbers.by_side.size(); ++i)
    rows.push_back({side_name(i), std::to_string(numbers.by_side[i]), share(numbers.by_side[i]), grid_name(i)});
  page.table(rows);
  page.plots(
      {histogram(fmt::format("Boxes in a picture ({} = that many and more)", counts - 1), "boxes", numbers.by_count)});
  page.heading("Where the boxes lie");
  page.picture(heat_map(numbers.centres), "centres of the boxes, pictures scaled to one size; dark for many");
  page.heading("Pictures");
  std::vector<std::pair<Picture, std::string>> shown;
  for (const std::size_t i : chosen(dataset, static_cast<std::size_t>(std::max(0, examples))))
    add_example(shown, page, dataset, dataset.samples[i]);
  page.gallery(shown, 480);
  return page.html();
}

}  // namespace joist
