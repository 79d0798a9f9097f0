// The page of a laboratory run and its figures.
#pragma once

#include <string>

namespace joist::lab {

/// OUT/report.html, one file that needs nothing else, and OUT/figures/*.svg and *.png of the same, from the texts of
/// results.json and timings.json; without the latter ("") nothing is shown by the clock.
void write_report(const std::string& results, const std::string& timings, const std::string& out);

/// The page alone: interactive figures drawn by its own script from the results inside it.
std::string report_html(const std::string& results, const std::string& timings);

}  // namespace joist::lab
