#include <joist/data/metrics/coco_matching.h>
#include <joist/data/metrics/doubtful_labels.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace joist {
namespace {

struct InPicture {
  std::vector<std::size_t> objects{}, detections{};
};

std::unordered_map<std::int64_t, InPicture> by_picture(const CocoTruth& truth, const std::vector<Detection>& detections,
                                                       const ErrorAnalysis& errors) {
  std::unordered_map<std::int64_t, InPicture> pictures;
  for (std::size_t g = 0; g < truth.objects.size(); ++g)
    if (errors.objects[g].counts) pictures[truth.objects[g].image_id].objects.push_back(g);
  for (std::size_t i = 0; i < detections.size(); ++i)
    if (errors.detections[i].counts) pictures[detections[i].image_id].detections.push_back(i);
  return pictures;
}

/// The share of the objects of each class that are found at all.
std::map<std::int64_t, double> recalls(const CocoTruth& truth, const ErrorAnalysis& errors) {
  std::map<std::int64_t, std::pair<double, double>> counts;
  for (std::size_t g = 0; g < truth.objects.size(); ++g) {
    if (!errors.objects[g].counts) continue;
    auto& [found, all] = counts[truth.objects[g].category_id];
    found += errors.objects[g].detection != nothing ? 1 : 0;
    ++all;
  }
  std::map<std::int64_t, double> shares;
  for (const auto& [id, count] : counts) shares[id] = count.first / count.second;
  return shares;
}

}  // namespace

const char* name_of(LabelDoubt kind) {
  switch (kind) {
    case LabelDoubt::overlooked: return "overlooked";
    case LabelDoubt::swapped: return "swapped";
    case LabelDoubt::misplaced: return "misplaced";
    case LabelDoubt::unseen: return "unseen";
  }
  return "";
}

std::vector<DoubtfulLabel> doubtful_labels(const CocoTruth& truth, const std::vector<Detection>& detections,
                                           const ErrorAnalysis& errors, double least) {
  const std::map<std::int64_t, double> found_share = recalls(truth, errors);
  std::vector<DoubtfulLabel> all;
  for (const auto& [image, picture] : by_picture(truth, detections, errors)) {
    for (const std::size_t i : picture.detections)
      if (errors.detections[i].kind == ErrorKind::background)
        all.push_back({LabelDoubt::overlooked, detections[i].score, image, nothing, i});
    for (const std::size_t g : picture.objects) {
      const CocoObject& object = truth.objects[g];
      const std::size_t finder = errors.objects[g].detection;
      const double sure = finder == nothing ? 0 : detections[finder].score;
      double seen = 0;
      DoubtfulLabel swapped{LabelDoubt::swapped, 0, image, g, nothing};
      DoubtfulLabel misplaced{LabelDoubt::misplaced, 0, image, g, nothing};
      for (const std::size_t i : picture.detections) {
        const double overlap = coco::overlap(detections[i].box, object), score = detections[i].score;
        seen = std::max(seen, score * overlap);
        const bool is_same = detections[i].category_id == object.category_id;
        const auto raise = [&](DoubtfulLabel& label, double doubt) {
          if (doubt > label.doubt) label.doubt = doubt, label.detection = i;
        };
        if (!is_same && overlap >= 0.5 && errors.detections[i].kind != ErrorKind::none)
          raise(swapped, score * (1 - sure));
        if (is_same && finder == nothing && errors.detections[i].kind == ErrorKind::localisation &&
            errors.detections[i].object == g)
          raise(misplaced, score * (1 - overlap));
      }
      const DoubtfulLabel unseen{LabelDoubt::unseen, found_share.at(object.category_id) * (1 - std::min(1.0, 5 * seen)),
                                 image, g, nothing};
      DoubtfulLabel worst = unseen;
      for (const DoubtfulLabel& one : {misplaced, swapped})
        if (one.doubt >= worst.doubt && one.detection != nothing) worst = one;
      all.push_back(worst);
    }
  }
  std::erase_if(all, [least](const DoubtfulLabel& one) { return !(one.doubt >= least); });
  std::sort(all.begin(), all.end(), [](const DoubtfulLabel& a, const DoubtfulLabel& b) {
    if (a.doubt != b.doubt) return a.doubt > b.doubt;
    if (a.image_id != b.image_id) return a.image_id < b.image_id;
    return a.object != b.object ? a.object < b.object : a.detection < b.detection;
  });
  return all;
}

}  // namespace joist
