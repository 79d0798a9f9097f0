// The report's figures as files.
#pragma once

#include <string>

namespace joist::lab {

/// FOLDER/NAME.svg and NAME.png for every figure of results.json's text.
void write_figures(const std::string& results, const std::string& folder);

}  // namespace joist::lab
