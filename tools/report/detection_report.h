// The part of a page that tells how good a detector is and what to do about it.
#pragma once

#include <joist/data/metrics/detection_analysis.h>
#include <joist/tools/report/page.h>

#include <string>

namespace joist {

/// Numbers with their intervals, classes, kinds of mistakes, curves, confusion, thresholds, groups, the worst pictures
/// with truth and predictions side by side, and the labels that the model disagrees with most. Pictures that cannot be
/// decoded are named instead.
void add_detection_report(Page& page, const DetectionAnalysis& analysis, const Dataset& dataset);

/// The two parts with pictures, by themselves. `most`: pictures shown.
void add_worst_pictures(Page& page, const DetectionAnalysis& analysis, const Dataset& dataset, std::size_t most = 12);
void add_doubtful_labels(Page& page, const DetectionAnalysis& analysis, const Dataset& dataset, std::size_t most = 18);

}  // namespace joist
