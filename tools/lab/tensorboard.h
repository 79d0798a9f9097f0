// Event files that TensorBoard reads.
#pragma once

#include <string>

namespace joist::lab {

/// FOLDER/PROBLEM/OPTIMIZER/seed-N/events.out.tfevents.0.joist for each run of results.json's text: loss, accuracy and
/// what the instruments measured, by the number of gradients. Times are the gradients too, so that the same results
/// give the same bytes.
void write_event_files(const std::string& results, const std::string& folder);

}  // namespace joist::lab
