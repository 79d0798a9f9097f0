// The page of a laboratory run and its figures.
#pragma once

#include <string>

namespace joist::lab {

/// OUT/report.html, one file that needs nothing else, and OUT/figures/*.svg and *.png of the same, from results.json's
/// text.
void write_report(const std::string& results, const std::string& out);

/// The page alone: interactive figures drawn by its own script from the results inside it.
std::string report_html(const std::string& results);

}  // namespace joist::lab
