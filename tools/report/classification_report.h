// How good a classifier is, class by class, and the pictures that it gets wrong.
#pragma once

#include <joist/data/picture.h>
#include <joist/tools/report/page.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace joist {

/// What a classifier says of labelled pictures.
struct ClassificationResults {
  struct One {
    std::size_t picture = 0;  ///< in the order of the data
    std::int64_t label = 0;
    std::int64_t predicted = 0;
    bool in_top5 = false;
    double sure = 0;   ///< probability of the class that was predicted
    double truth = 0;  ///< probability of the label
  };
  std::vector<std::string> classes{};
  std::vector<std::string> paths{};  ///< of the pictures; empty where they lie in one file
  std::vector<One> pictures{};
  std::map<std::size_t, Picture> kept{};  ///< without paths: the pictures of surest_mistakes()

  bool is_right(const One& one) const { return one.predicted == one.label; }
};

/// The wrong ones, the surest first, no more than `most`.
std::vector<ClassificationResults::One> surest_mistakes(const ClassificationResults& results, std::size_t most);
/// How many of them a report shows.
constexpr std::size_t shown_mistakes = 24;

/// {"top1", "top5", "per_class": [{"name", "top1", "precision", "F1", "truths"}], "intervals": {"top1": [low, high]},
/// "confusion", "worst_pictures"}; -1 where there is nothing to measure.
std::string to_json(const ClassificationResults& results);

/// Numbers with the range of 95 of 100 draws of the pictures, the table of what is taken for what, and the surest
/// mistakes as pictures.
void add_classification_report(Page& page, const ClassificationResults& results);

}  // namespace joist
