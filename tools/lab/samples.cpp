#include <joist/core/error.h>
#include <joist/core/random.h>
#include <joist/core/text.h>
#include <joist/data/idx.h>
#include <joist/data/text.h>
#include <joist/tools/lab/samples.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <numbers>
#include <vector>

namespace joist::lab {
namespace {

constexpr const char* fashion = "/usr/share/datasets/fashion-mnist";

Samples made_of(const std::vector<float>& numbers, const std::vector<std::int64_t>& classes, std::int64_t features) {
  const auto n = static_cast<std::int64_t>(classes.size());
  return {.inputs = Array::from(numbers, {n, features}), .classes = Array::from(classes, {n})};
}

Samples pictures(const IdxSet& set, std::int64_t most) {
  const std::int64_t n = most > 0 ? std::min(most, set.count) : set.count;
  const std::int64_t size = std::int64_t{set.height} * set.width;
  Samples samples{.inputs = Array::empty({n, 1, set.height, set.width}), .classes = Array::empty({n}, Dtype::int64)};
  for (std::int64_t i = 0; i < n * size; ++i)
    samples.inputs.data<float>()[i] = static_cast<float>(set.pixels[static_cast<std::size_t>(i)]) / 255.0F;
  for (std::int64_t i = 0; i < n; ++i)
    samples.classes.data<std::int64_t>()[i] = set.labels[static_cast<std::size_t>(i)];
  return samples;
}

DataSplit idx_folder(const std::string& folder, std::int64_t most) {
  const IdxSet train = read_idx_set(folder, "train"), test = read_idx_set(folder, "t10k");
  DataSplit split{.train = pictures(train, most), .test = pictures(test, 0)};
  for (const IdxSet* set : {&train, &test})
    for (const std::uint8_t label : set->labels) split.classes = std::max<std::int64_t>(split.classes, label + 1);
  return split;
}

// Ten clouds in 20 dimensions that overlap a little.
Samples blobs(std::uint32_t part, std::int64_t n) {
  constexpr std::int64_t features = 20, classes = 10;
  Random centres({.seed = 7, .stream = Stream::test}), random({.seed = 7, .stream = Stream::test, .step = part});
  std::vector<float> places(features * classes);
  for (float& one : places) one = centres.normal();
  std::vector<float> numbers;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) {
    labels.push_back(i % classes);
    for (std::int64_t j = 0; j < features; ++j)
      numbers.push_back(places[static_cast<std::size_t>(labels.back() * features + j)] + 1.4F * random.normal());
  }
  return made_of(numbers, labels, features);
}

// Three arms of a spiral in the plane.
Samples spirals(std::uint32_t part, std::int64_t n) {
  Random random({.seed = 11, .stream = Stream::test, .step = part});
  std::vector<float> numbers;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) {
    labels.push_back(i % 3);
    const double radius = 0.1 + 0.9 * double{random.uniform()};
    const double angle =
        2 * std::numbers::pi * (static_cast<double>(i % 3) / 3 + radius) + 0.15 * double{random.normal()};
    numbers.push_back(static_cast<float>(radius * std::cos(angle)));
    numbers.push_back(static_cast<float>(radius * std::sin(angle)));
  }
  return made_of(numbers, labels, 2);
}

void standardize(std::vector<float>& train, std::vector<float>& test, std::size_t features) {
  for (std::size_t j = 0; j < features; ++j) {
    double sum = 0, squares = 0;
    const auto n = static_cast<double>(train.size() / features);
    for (std::size_t i = j; i < train.size(); i += features) sum += double{train[i]};
    for (std::size_t i = j; i < train.size(); i += features)
      squares += (double{train[i]} - sum / n) * (double{train[i]} - sum / n);
    const double spread = squares > 0 ? std::sqrt(squares / n) : 1;
    for (std::vector<float>* list : {&train, &test})
      for (std::size_t i = j; i < list->size(); i += features)
        (*list)[i] = static_cast<float>((double{(*list)[i]} - sum / n) / spread);
  }
}

[[noreturn]] void refuse(const std::string& file, std::int64_t line, const std::string& what) {
  throw DataError({.where = DataError::at(file, line),
                   .what = what,
                   .expected = "CSV: numbers, and a class in the last column",
                   .remedy = "correct the line, or name another file as data"});
}

DataSplit csv(const std::string& file, std::int64_t most) {
  const std::string text = read_text(file, std::int64_t{1} << 30);
  std::vector<float> numbers[2];
  std::vector<std::int64_t> labels[2];
  std::map<std::string, std::int64_t> classes;
  std::size_t features = 0;
  std::int64_t line = 0, rows = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view row = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++line;
    if (row.empty()) continue;
    std::vector<float> values;
    std::string_view rest = row;
    bool title = false;
    for (std::size_t comma; (comma = rest.find(',')) != std::string_view::npos; rest.remove_prefix(comma + 1)) {
      const std::string_view cell = trimmed(rest.substr(0, comma));
      float value = 0;
      const auto [stop, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      if (error != std::errc{} || stop != cell.data() + cell.size() || !std::isfinite(value)) {
        if (rows > 0 || line > 1) refuse(file, line, "\"" + printable(cell) + "\" is no number");
        title = true;
        break;
      }
      values.push_back(value);
    }
    if (title) continue;
    if (values.empty()) refuse(file, line, "a single column");
    if (rows > 0 && values.size() != features)
      refuse(file, line,
             std::to_string(values.size() + 1) + " columns where there were " + std::to_string(features + 1));
    features = values.size();
    const std::size_t part = rows++ % 5 == 4 ? 1 : 0;
    if (part == 0 && most > 0 && static_cast<std::int64_t>(labels[0].size()) >= most) continue;
    numbers[part].insert(numbers[part].end(), values.begin(), values.end());
    labels[part].push_back(
        classes.try_emplace(std::string(trimmed(rest)), static_cast<std::int64_t>(classes.size())).first->second);
  }
  if (labels[1].empty() || classes.size() < 2 || classes.size() > 10000)
    refuse(file, 0,
           std::to_string(rows) + " rows of " + std::to_string(classes.size()) +
               " classes; at least 5 rows "
               "and 2 classes, at most 10000, are needed");
  standardize(numbers[0], numbers[1], features);
  return {.train = made_of(numbers[0], labels[0], static_cast<std::int64_t>(features)),
          .test = made_of(numbers[1], labels[1], static_cast<std::int64_t>(features)),
          .classes = static_cast<std::int64_t>(classes.size())};
}

DataSplit load(const std::string& data, std::int64_t most) {
  if (data == "blobs") return {blobs(1, most > 0 ? most : 2000), blobs(2, 1000), 10};
  if (data == "spirals") return {spirals(1, most > 0 ? most : 1500), spirals(2, 900), 3};
  if (data == "fashion-mnist") return idx_folder(fashion, most);
  std::error_code error;
  if (std::filesystem::is_directory(data, error)) return idx_folder(data, most);
  return csv(data, most);
}

}  // namespace

const DataSplit& load_samples(const std::string& data, std::int64_t most) {
  static std::map<std::pair<std::string, std::int64_t>, DataSplit> loaded;
  const auto key = std::pair(data, most);
  const auto found = loaded.find(key);
  return found != loaded.end() ? found->second : loaded.emplace(key, load(data, most)).first->second;
}

}  // namespace joist::lab
