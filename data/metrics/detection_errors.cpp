#include <joist/data/metrics/average_precision.h>
#include <joist/data/metrics/coco_matching.h>
#include <joist/data/metrics/detection_errors.h>

#include <algorithm>
#include <functional>
#include <unordered_map>

namespace joist {
namespace {

using coco::CategoryScenes;
using coco::Outcome;

constexpr double found_from = 0.5, background_below = 0.1;

/// Detections of one class, best first, and how many objects there are.
struct ClassList {
  struct Item {
    double score;
    bool hit;
    std::size_t detection;
  };
  std::vector<Item> items{};
  double truths = 0;

  double precision() const {
    std::vector<ScoredHit> hits;
    for (const Item& item : items) hits.push_back({item.score, item.hit, 1});
    return average_precision(hits, truths);
  }
};

double mean_precision(const std::vector<ClassList>& lists, const std::vector<ClassList>& before) {
  double sum = 0, count = 0;
  for (std::size_t c = 0; c < lists.size(); ++c) {
    if (before[c].truths == 0) continue;
    ++count;
    sum += lists[c].truths > 0 ? lists[c].precision() : 1;  // nothing is left that could be missed
  }
  return count == 0 ? -1 : sum / count;
}

/// The objects of one picture that count, whatever their class.
using Pictures = std::unordered_map<std::int64_t, std::vector<std::size_t>>;

class Analysis {
 public:
  Analysis(const CocoTruth& truth, const std::vector<Detection>& detections)
      : truth_(truth), found_(detections), scenes_(coco::scenes_of(truth, detections)), lists_(scenes_.size()) {
    result_.detections.resize(detections.size());
    result_.objects.resize(truth.objects.size());
    classes_.assign(detections.size(), 0);
    best_.assign(truth.objects.size(), nothing);
    for (std::size_t c = 0; c < scenes_.size(); ++c) {
      category_ranks_.emplace(scenes_[c].category.id, c);
      match(c);
    }
    for (std::size_t i = 0; i < detections.size(); ++i) judge(i);
    for (std::size_t g = 0; g < truth.objects.size(); ++g) {
      ObjectVerdict& object = result_.objects[g];
      object.is_missed = object.counts && object.detection == nothing && best_[g] == nothing;
    }
  }

  ErrorAnalysis finish(const std::vector<double>& thresholds) {
    result_.AP50 = mean_precision(lists_, lists_);
    for (const ErrorKind kind : {ErrorKind::localisation, ErrorKind::classification, ErrorKind::duplicate,
                                 ErrorKind::background, ErrorKind::both, ErrorKind::missed}) {
      const double put_right = result_.AP50 < 0 ? -1 : mean_precision(fixed(kind), lists_);
      result_.shares.push_back({kind, count(kind, thresholds), put_right - result_.AP50});
    }
    return std::move(result_);
  }

 private:
  // Who found what in one class.
  void match(std::size_t c) {
    ClassList& list = lists_[c];
    for (const coco::Scene& scene : scenes_[c].scenes) {
      const Outcome outcome = coco::match(scene, coco::overlaps_of(scene), {0, 1e10});
      list.truths += static_cast<double>(outcome.counted_truths);
      for (const CocoObject* object : scene.truths) {
        if (object->crowd || object->ignore) continue;
        const std::size_t g = index(object);
        result_.objects[g].counts = true;
        pictures_[object->image_id].push_back(g);
      }
      for (std::size_t d = 0; d < scene.detections.size(); ++d) {
        const std::size_t i = static_cast<std::size_t>(scene.detections[d] - found_.data());
        DetectionVerdict& verdict = result_.detections[i];
        classes_[i] = c;
        if (outcome.ignored[d] != 0) continue;
        verdict.counts = true;
        const bool hit = outcome.matched[d] != 0;
        list.items.push_back({found_[i].score, hit, i});
        if (!hit) {
          verdict.kind = ErrorKind::background;
          continue;
        }
        verdict.object = index(scene.truths[static_cast<std::size_t>(outcome.object[d])]);
        verdict.overlap = coco::overlap(found_[i].box, truth_.objects[verdict.object]);
        result_.objects[verdict.object].detection = i;
      }
    }
    std::stable_sort(list.items.begin(), list.items.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
  }

  // What is wrong with a detection that found nothing.
  void judge(std::size_t i) {
    DetectionVerdict& verdict = result_.detections[i];
    if (!verdict.counts || verdict.kind == ErrorKind::none) return;
    struct Nearest {
      std::size_t object = nothing;
      double overlap = 0;
    } same, other, taken;
    if (const auto picture = pictures_.find(found_[i].image_id); picture != pictures_.end()) {
      for (const std::size_t g : picture->second) {
        const CocoObject& object = truth_.objects[g];
        const double overlap = coco::overlap(found_[i].box, object);
        const auto nearer = [&](Nearest& nearest) {
          if (overlap > nearest.overlap) nearest = {g, overlap};
        };
        const bool is_same = object.category_id == found_[i].category_id;
        nearer(is_same ? same : other);
        if (is_same && result_.objects[g].detection != nothing) nearer(taken);
      }
    }
    const auto take = [&](ErrorKind kind, const Nearest& nearest) {
      verdict = {.kind = kind, .counts = true, .object = nearest.object, .overlap = nearest.overlap};
    };
    if (same.overlap >= background_below && same.overlap <= found_from) {
      take(ErrorKind::localisation, same);
    } else if (other.overlap >= found_from) {
      take(ErrorKind::classification, other);
    } else if (taken.overlap >= found_from) {
      take(ErrorKind::duplicate, taken);
    } else if (std::max(same.overlap, other.overlap) > background_below) {
      take(ErrorKind::both, other);
    } else {
      take(ErrorKind::background, same.overlap > other.overlap ? same : other);
    }
    if (verdict.kind != ErrorKind::localisation && verdict.kind != ErrorKind::classification) return;
    // Of all that could be put right to find an object, the one of the highest score would find it.
    std::size_t& best = best_[verdict.object];
    if (best == nothing || found_[i].score > found_[best].score) best = i;
  }

  std::vector<ClassList> fixed(ErrorKind kind) const {
    std::vector<ClassList> lists(lists_.size());
    for (std::size_t c = 0; c < lists_.size(); ++c) {
      lists[c].truths += lists_[c].truths;
      for (const ClassList::Item& item : lists_[c].items) {
        const DetectionVerdict& verdict = result_.detections[item.detection];
        if (item.hit || verdict.kind != kind) {
          lists[c].items.push_back(item);
          continue;
        }
        if (kind != ErrorKind::localisation && kind != ErrorKind::classification) continue;
        const bool would_find =
            result_.objects[verdict.object].detection == nothing && best_[verdict.object] == item.detection;
        if (would_find)
          lists[category_ranks_.at(truth_.objects[verdict.object].category_id)].items.push_back(
              {item.score, true, item.detection});
      }
    }
    if (kind == ErrorKind::missed)
      for (std::size_t g = 0; g < truth_.objects.size(); ++g)
        if (result_.objects[g].is_missed) --lists[category_ranks_.at(truth_.objects[g].category_id)].truths;
    for (ClassList& list : lists)
      std::stable_sort(list.items.begin(), list.items.end(),
                       [](const auto& a, const auto& b) { return a.score > b.score; });
    return lists;
  }

  std::int64_t count(ErrorKind kind, const std::vector<double>& thresholds) const {
    std::int64_t sum = 0;
    if (kind == ErrorKind::missed) {
      for (std::size_t g = 0; g < truth_.objects.size(); ++g) sum += is_missed(g, thresholds) ? 1 : 0;
      return sum;
    }
    for (std::size_t i = 0; i < found_.size(); ++i) {
      const DetectionVerdict& verdict = result_.detections[i];
      sum += verdict.counts && verdict.kind == kind && is_shown(i, thresholds) ? 1 : 0;
    }
    return sum;
  }
  bool is_shown(std::size_t i, const std::vector<double>& thresholds) const {
    return i != nothing && (thresholds.empty() || found_[i].score >= thresholds[classes_[i]]);
  }
  bool is_missed(std::size_t g, const std::vector<double>& thresholds) const {
    const ObjectVerdict& object = result_.objects[g];
    return object.counts && !is_shown(object.detection, thresholds) && !is_shown(best_[g], thresholds);
  }

  std::size_t index(const CocoObject* object) const { return static_cast<std::size_t>(object - truth_.objects.data()); }

  const CocoTruth& truth_;
  const std::vector<Detection>& found_;
  std::vector<CategoryScenes> scenes_;
  std::vector<ClassList> lists_;
  std::unordered_map<std::int64_t, std::size_t> category_ranks_{};
  std::vector<std::size_t> classes_{};  // of each detection
  std::vector<std::size_t> best_{};     // of each object: the detection that would find it if it were put right
  Pictures pictures_{};
  ErrorAnalysis result_{};
};

}  // namespace

const char* name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::none: return "right";
    case ErrorKind::localisation: return "localisation";
    case ErrorKind::classification: return "classification";
    case ErrorKind::duplicate: return "duplicate";
    case ErrorKind::background: return "background";
    case ErrorKind::both: return "both";
    case ErrorKind::missed: return "missed";
  }
  return "";
}

ErrorAnalysis analyse_errors(const CocoTruth& truth, const std::vector<Detection>& detections,
                             const std::vector<double>& thresholds) {
  return Analysis(truth, detections).finish(thresholds);
}

ConfusionMatrix confusion_matrix(const CocoTruth& truth, const std::vector<Detection>& detections, double confidence,
                                 double overlap) {
  struct InPicture {
    std::vector<std::pair<const CocoObject*, std::size_t>> objects{};  // with their class
    std::vector<std::pair<const Detection*, std::size_t>> found{};
    std::vector<const CocoObject*> crowds{};
  };
  ConfusionMatrix matrix;
  std::unordered_map<std::int64_t, InPicture> pictures;
  const std::vector<CategoryScenes> categories = coco::scenes_of(truth, detections);
  for (std::size_t c = 0; c < categories.size(); ++c) {
    matrix.classes.push_back(categories[c].category.name);
    for (const coco::Scene& scene : categories[c].scenes) {
      for (const CocoObject* object : scene.truths) {
        InPicture& picture = pictures[object->image_id];
        if (object->crowd || object->ignore)
          picture.crowds.push_back(object);
        else
          picture.objects.emplace_back(object, c);
      }
      for (const Detection* one : scene.detections)
        if (one->score >= confidence) pictures[one->image_id].found.emplace_back(one, c);
    }
  }
  const std::size_t background = categories.size();
  matrix.counts.assign((background + 1) * (background + 1), 0);
  const auto add = [&](std::size_t predicted, std::size_t actual) {
    ++matrix.counts[predicted * (background + 1) + actual];
  };
  for (const auto& [id, picture] : pictures) {
    std::vector<std::size_t> taker(picture.objects.size(), nothing);  // the detection that goes with each object
    std::vector<double> best(picture.objects.size(), 0);
    for (std::size_t d = 0; d < picture.found.size(); ++d) {
      std::size_t nearest = nothing;
      double most = overlap;
      for (std::size_t g = 0; g < picture.objects.size(); ++g) {
        const double shared = coco::overlap(picture.found[d].first->box, *picture.objects[g].first);
        if (shared > most) most = shared, nearest = g;
      }
      if (nearest != nothing && most > best[nearest]) best[nearest] = most, taker[nearest] = d;
    }
    for (std::size_t g = 0; g < taker.size(); ++g)
      add(taker[g] == nothing ? background : picture.found[taker[g]].second, picture.objects[g].second);
    for (std::size_t d = 0; d < picture.found.size(); ++d) {
      if (std::find(taker.begin(), taker.end(), d) != taker.end()) continue;
      const bool on_crowd = std::any_of(picture.crowds.begin(), picture.crowds.end(), [&](const CocoObject* crowd) {
        return coco::overlap(picture.found[d].first->box, *crowd) > overlap;
      });
      if (!on_crowd) add(picture.found[d].second, background);
    }
  }
  return matrix;
}

}  // namespace joist
