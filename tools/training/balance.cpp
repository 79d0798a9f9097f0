#include <joist/tools/training/balance.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

namespace joist {
namespace {

std::set<int> classes_on(const Sample& sample) {
  std::set<int> classes;
  for (const Annotation& annotation : sample.annotations)
    if (!annotation.crowd) classes.insert(annotation.category);
  return classes;
}

std::vector<double> objects_of_classes(const Dataset& dataset) {
  std::vector<double> objects(dataset.categories.size());
  for (const Sample& sample : dataset.samples)
    for (const Annotation& annotation : sample.annotations)
      if (!annotation.crowd) ++objects.at(static_cast<std::size_t>(annotation.category));
  return objects;
}

}  // namespace

std::vector<float> repeat_factors(const Dataset& dataset, double share) {
  if (share <= 0 || dataset.samples.empty()) return {};
  std::vector<double> pictures(dataset.categories.size());
  for (const Sample& sample : dataset.samples)
    for (const int category : classes_on(sample)) ++pictures.at(static_cast<std::size_t>(category));
  std::vector<float> factors;
  bool is_even = true;
  for (const Sample& sample : dataset.samples) {
    double factor = 1;
    for (const int category : classes_on(sample)) {
      const double seen = pictures[static_cast<std::size_t>(category)] / static_cast<double>(dataset.samples.size());
      factor = std::max(factor, std::sqrt(share / seen));
    }
    factors.push_back(static_cast<float>(factor));
    is_even = is_even && factor == 1;
  }
  if (is_even) factors.clear();
  return factors;
}

std::vector<float> class_weights(const Dataset& dataset, double power) {
  if (power <= 0) return {};
  const std::vector<double> objects = objects_of_classes(dataset);
  double all = 0, weighted = 0, classes = 0;
  for (const double count : objects) {
    all += count;
    classes += count > 0 ? 1 : 0;
  }
  if (all == 0) return {};
  std::vector<double> weights;
  for (const double count : objects) {
    weights.push_back(count > 0 ? std::pow(all / classes / count, power) : 1);
    weighted += weights.back() * count;
  }
  std::vector<float> result;
  for (std::size_t i = 0; i < weights.size(); ++i)
    result.push_back(static_cast<float>(objects[i] > 0 ? weights[i] * all / weighted : 1));
  return result;
}

std::vector<std::string> label_suspicions(const Dataset& dataset, const TrainOptions& options) {
  std::vector<std::string> lines;
  const std::vector<double> objects = objects_of_classes(dataset);
  std::int64_t empty = 0, tiny = 0, boxes = 0;
  constexpr double stride = 8;  // of the finest grid
  for (const Sample& sample : dataset.samples) {
    empty += sample.annotations.empty();
    const double side = options.tile > 0 ? static_cast<double>(options.tile) : std::max(sample.width, sample.height);
    const double scale = side > 0 ? static_cast<double>(options.size) / side : 1;
    for (const Annotation& annotation : sample.annotations) {
      ++boxes;
      tiny += std::min(annotation.box.width, annotation.box.height) * scale < stride;
    }
  }
  const auto share = [](std::int64_t part, std::size_t of) {
    return of == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(of);
  };
  if (share(empty, dataset.samples.size()) > 50)
    lines.push_back(fmt::format("{:.0f} % of the training pictures have no box: are labels missing?",
                                share(empty, dataset.samples.size())));
  if (share(tiny, static_cast<std::size_t>(boxes)) > 25)
    lines.push_back(
        fmt::format("{:.0f} % of the boxes are narrower than {} pixels at --size {}: a larger --size, or --tile",
                    share(tiny, static_cast<std::size_t>(boxes)), stride, options.size));
  for (std::size_t i = 0; i < objects.size(); ++i)
    if (objects[i] < 20)
      lines.push_back(fmt::format("class {} has {:.0f} boxes to learn from; --balance 0.2 shows them more often",
                                  dataset.categories[i], objects[i]));
  if (dataset.samples.size() < 100 && options.from.empty())
    lines.push_back(
        fmt::format("{} pictures are few for a start from scratch: --from a trained checkpoint, or --augment small",
                    dataset.samples.size()));
  return lines;
}

}  // namespace joist
